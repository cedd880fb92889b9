// SPDX-License-Identifier: GPL-2.0-or-later
// The policy as packets meet it right now, read back from the kernel: which class a source is in,
// whether it is exempt, which limit holds. Commands use it, so that they need no configuration
// and cannot disagree with what is enforced.
#pragma once

#include "core/address.hpp"
#include "kernel/kernel_maps.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace sluice {

struct SourcePlace {
    std::uint16_t class_id = 0;
    std::uint8_t range_length = 0;         // mapped, of the longest range around the source; 0: none
    std::optional<std::uint32_t> range_id; // position in the configuration's list of ranges
    bool exempt = false;                   // by its class, or by an allow at least as long
    std::optional<sluice_override> allow;  // the allow that makes it so
};

// A view of one generation: make a new one after a reload. Reads only.
class LivePolicy {
public:
    // `maps` must outlive this.
    explicit LivePolicy(const KernelMaps& maps);

    // What holds for a whole source or an address: ranges longer than `source` do not count.
    [[nodiscard]] SourcePlace place(const Prefix& source, std::uint64_t now_ns) const;
    [[nodiscard]] sluice_policy policy(std::uint32_t class_id, std::uint32_t service) const;
    // The ban in force that covers the whole of `source`.
    [[nodiscard]] std::optional<sluice_override> ban(const Prefix& source, std::uint64_t now_ns) const;
    // The source that an address is counted as.
    [[nodiscard]] Prefix source_of_address(const Address& address, std::uint64_t now_ns) const;
    // How many ranges are loaded at most (the list's size).
    [[nodiscard]] std::uint32_t range_capacity() const;

private:
    const KernelMaps& maps_;
    std::uint32_t half_;
    BpfMap<sluice_lpm_key, sluice_class_ref> ranges_; // not open: no list is loaded
    mutable std::map<std::uint32_t, sluice_policy> policies_;
};

} // namespace sluice
