// SPDX-License-Identifier: GPL-2.0-or-later
// The nft table as the projection of kernel state: made whole, mended, opened and shut, taken
// away. The controller and the commands go through here, so that the ledger of drops is never
// forgotten. Writers hold the WriterLock.
#pragma once

#include "kernel/kernel_maps.hpp"
#include "kernel/nft_table.hpp"
#include "kernel/projection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

class Enforcement {
public:
    // `maps` must outlive this.
    explicit Enforcement(KernelMaps& maps) : maps_(maps), table_(socket_) {}

    // The whole table from kernel state; what it was before does not matter. Here and in apply():
    // how many elements found no room in their map.
    std::size_t install(const std::vector<std::string>& interfaces, const Carve& carve);

    // For commands: makes the gate follow the mode word. Without a controller the whole table is brought
    // up to kernel state, or made if the mode asks for one; with one, the rest is the controller's.
    void follow_mode(const std::vector<std::string>& interfaces);

    // Changes to a table that install() of this object made.
    std::size_t apply(const NftChanges& changes);

    // What the kernel holds; `design` as of the last install().
    [[nodiscard]] NftState read();

    // What the kernel holds of that which protects, alone.
    [[nodiscard]] NftSpared spared() { return table_.spared(design_); }

    // Reads the table's counters into the ledger.
    void take_counters();

    void remove();

    [[nodiscard]] const NftDesign& design() const { return design_; }
    [[nodiscard]] std::uint32_t port_id() const { return socket_.port_id(); }
    [[nodiscard]] bool present() { return table_.present(); }

private:
    KernelMaps& maps_;
    NftSocket socket_;
    NftTable table_;
    NftDesign design_;
};

} // namespace sluice
