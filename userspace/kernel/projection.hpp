// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel state -> what the nft table must be: the one translation that the controller, the
// commands and every repair share, so that they cannot disagree. Reads maps only.
#pragma once

#include "core/carve.hpp"
#include "kernel/kernel_maps.hpp"
#include "kernel/live_policy.hpp"
#include "kernel/nft_design.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace sluice {

// What an entry of the source table means under the policy in force.
struct SourceVerdict {
    std::uint16_t class_id = 0;
    sluice_policy policy{};
    std::uint64_t until_ns = 0; // release moment (CLOCK_BOOTTIME); 0: not over
    bool exempt = false;        // by its class, or an allow
    bool to_be_dropped = false; // over, of a class that limits, not exempt: in every mode but observe
};

[[nodiscard]] SourceVerdict judge_source(const LivePolicy& live, const SourceTable& table,
                                         const sluice_source_key& key, const sluice_source& entry,
                                         std::uint64_t now_ns);

// The table's shape, from kernel state alone. `interfaces`: names of the attached devices.
[[nodiscard]] NftDesign read_design(const KernelMaps& maps, std::vector<std::string> interfaces);

// What must go on passing inside what is dropped: exempt addresses, and inside limited sources also
// those that are counted as another source.
using Carve = std::function<NftSpared(std::span<const Prefix> limited, std::span<const Prefix> banned)>;

[[nodiscard]] NftSpared spared_within(const ExemptIndex& index, std::span<const Prefix> limited,
                                      std::span<const Prefix> banned);

// Answers from the ranges and allows in the kernel; walks all of them when asked (a second for a
// million). Whoever holds a configuration asks ExemptIndex instead.
[[nodiscard]] Carve kernel_carve(const KernelMaps& maps, std::uint64_t now_ns);

// Everything that belongs into the table now: limited sources, bans in force, what is spared inside
// them, the gate.
[[nodiscard]] NftContent read_content(const KernelMaps& maps, const NftDesign& design, std::uint64_t now_ns,
                                      const Carve& carve);

// The parts of it. Bans in force, in no order.
[[nodiscard]] std::vector<NftBan> read_bans(const KernelMaps& maps, std::uint64_t now_ns);
[[nodiscard]] std::vector<NftElement> read_limited(const KernelMaps& maps, const NftDesign& design,
                                                   std::uint64_t now_ns);
[[nodiscard]] NftSpared read_spared(const std::vector<NftElement>& elements, const std::vector<NftBan>& bans,
                                    const Carve& carve);
// Open in mode nft only; shut by itself at the mode's deadline unless nft goes on behind it.
[[nodiscard]] NftGate gate_of(std::uint64_t mode_word, std::uint64_t now_ns);

} // namespace sluice
