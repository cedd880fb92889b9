// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel holds of `table inet sluice`, read through an NftSocket. NftTable is what
// others call.
#pragma once

#include "kernel/nft_design.hpp"
#include "kernel/nft_names.hpp"
#include "kernel/nft_socket.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace sluice::nft {

// One element as the kernel gives it.
struct RawElement {
    std::vector<std::uint8_t> key;
    bool interval_end = false;
    std::uint64_t left_ms = 0; // 0: no end
    std::string counter;       // of an object map
    std::string chain;         // of a verdict map
};

[[nodiscard]] bool read_table_present(NftSocket& socket);
// Why a table that is there does nothing (it is dormant, its base chain is not what was built);
// empty: nothing of the kind.
[[nodiscard]] std::string read_table_fault(NftSocket& socket);
// What there is by name. `shape` tells whether a set is one that would be built anew.
struct Inventory {
    bool table = false;
    std::map<std::string, std::string> sets; // name -> shape
    std::set<std::string> chains;
    std::set<std::string> counters;
    bool limit = false;              // the limit object log_max
    std::set<std::string> looked_up; // sets that some rule refers to
};
[[nodiscard]] Inventory read_inventory(NftSocket& socket);
// All rules as outlines, chain by chain in the order of evaluation.
[[nodiscard]] std::vector<std::string> read_outlines(NftSocket& socket);
// Elements of one set; none if it does not exist.
[[nodiscard]] std::vector<RawElement> read_elements(NftSocket& socket, const std::string& set);
[[nodiscard]] NftCounters read_counters(NftSocket& socket);
[[nodiscard]] NftState read_state(NftSocket& socket, const NftDesign& design, std::uint64_t now_ns);
[[nodiscard]] NftSpared read_spared(NftSocket& socket, const NftDesign& design);

// Elements of an interval set as ranges, sorted.
[[nodiscard]] std::vector<NftRange> to_ranges(const Family& family, std::vector<RawElement> elements);

} // namespace sluice::nft
