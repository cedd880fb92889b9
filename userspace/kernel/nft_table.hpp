// SPDX-License-Identifier: GPL-2.0-or-later
// `table inet sluice` in sluice's words: data in, one transaction out. Holds no memory of what
// the kernel holds, so that the controller and a command can take turns (under the writers'
// lock, which is the caller's). Every refusal is a SystemError that names the nft command.
#pragma once

#include "kernel/nft_design.hpp"
#include "kernel/nft_socket.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace sluice {

namespace nft {
struct Clock;
}

class NftTable {
public:
    // The socket must outlive the table; its network namespace is the table's.
    explicit NftTable(NftSocket& socket) : socket_(socket) {}

    // Creates the table, or makes the one that is there what it must be. The rules change in one
    // transaction, the intervals they need are there before: at no moment does a packet meet less
    // than the old table or the new. Counters begin at zero. now_ns: CLOCK_BOOTTIME, read just before.
    // Returns how many elements were left out because their map is full (design.capacity); 0 is the normal
    // case.
    std::size_t install(const NftDesign& design, const NftContent& content, std::uint64_t now_ns);

    // One transaction (new interval sets are filled in one before, referred to by nobody); the
    // table must have been installed with this design. An element whose
    // moment has passed is removed. Throws when the table is gone (errno ENOENT). Returns how
    // many elements were left out, as install().
    std::size_t apply(const NftDesign& design, const NftChanges& changes, std::uint64_t now_ns);

    // Everything, elements included: for start, repair and `doctor`, not for every tick.
    [[nodiscard]] NftState read(const NftDesign& design, std::uint64_t now_ns);

    // What the table spares, alone. Nothing if there is no table.
    [[nodiscard]] NftSpared spared(const NftDesign& design);

    // The counters alone, cheap. Empty: there is no table.
    [[nodiscard]] std::optional<NftCounters> counters();

    [[nodiscard]] bool present();

    // Afterwards there is no table, whether there was one or not.
    void remove();

private:
    std::size_t replace(const NftDesign& design, const NftContent& content, const nft::Clock& clock);

    NftSocket& socket_;
};

} // namespace sluice
