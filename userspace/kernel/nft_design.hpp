// SPDX-License-Identifier: GPL-2.0-or-later
// What sluice wants of `table inet sluice`, and what it found there, as plain values. Filled by
// the controller and the commands, turned into netlink by nft_ruleset, carried out by NftTable.
#pragma once

#include "core/address.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

struct NftService {
    std::string name;
    std::vector<std::uint16_t> ports; // host order, each in one service only
    bool operator==(const NftService&) const = default;
};

// The shape of the table: changes with the configuration only, and then by install().
struct NftDesign {
    std::vector<std::string> interfaces; // names of the attached devices; the only part apply() can replace
    std::vector<NftService> services;
    std::vector<std::string> classes;            // one drop counter each
    std::vector<std::uint8_t> prefixes4;         // source prefix lengths in use, mapped (96-128)
    std::vector<std::uint8_t> prefixes6;         // 0-128
    std::string log_prefix;                      // at most 127 bytes
    std::chrono::milliseconds log_every{60'000}; // 0: no memory of who was logged
    std::uint32_t log_max_per_second = 20;       // 0: nothing is logged (samples excepted)
    std::uint32_t sample_secret = 0;             // TCP sequence number of samples, host order
    std::uint32_t capacity = 131'072;            // sources per map; the kernel refuses more

    // Whether a ban of this prefix is an element of a hash map (its length is that of a source
    // prefix). All others live in the interval sets, which are only ever replaced as a whole.
    [[nodiscard]] bool hashes(const Prefix& prefix) const;
};

// One source whose attempts are dropped. A moment is CLOCK_BOOTTIME in nanoseconds; 0: no end.
struct NftElement {
    Prefix source;          // length must be one of the design's for its family
    std::string service;    // empty: banned, for all services
    std::string class_name; // whose counter its drops are added to; not looked at in a removal
    std::uint64_t until_ns = 0;
    bool operator==(const NftElement&) const = default;
};

struct NftBan {
    Prefix prefix;          // any length
    std::string class_name; // used when hashed; ranges count into one counter of their own
    std::uint64_t until_ns = 0;
    bool operator==(const NftBan&) const = default;
};

// Addresses first to last, both included, both of one family.
struct NftRange {
    Address first;
    Address last;
    auto operator<=>(const NftRange&) const = default;
};

[[nodiscard]] NftRange to_range(const Prefix& prefix);

// What limits must pass over, by mapped source prefix length: addresses inside limited sources of
// that length that are counted as another source. Bans hold there.
using NftApart = std::map<std::uint8_t, std::vector<NftRange>>;

// What goes on passing inside what is dropped. As read or merged: sorted and disjoint.
struct NftSpared {
    std::vector<NftRange> exempt;
    NftApart apart;

    [[nodiscard]] bool empty() const { return exempt.empty() && apart.empty(); }
    [[nodiscard]] bool covers(const NftSpared& other) const; // only of what is sorted and disjoint
    void merge(const NftSpared& other);
    bool operator==(const NftSpared&) const = default;
};

// Whether the rules that drop by set are in force, and until when they are by themselves: the
// kernel opens the gate at that moment, whoever is alive.
struct NftGate {
    bool enforced = false;
    std::uint64_t until_ns = 0; // 0: no end
    bool operator==(const NftGate&) const = default;
};

// Everything a table begins its life with.
struct NftContent {
    std::vector<NftElement> elements; // limited sources; no bans
    std::vector<NftBan> bans;         // all of them
    NftSpared spared;                 // may overlap; holes are the caller's
    NftGate gate;
};

// Changes that happen together or not at all. What is not set stays as it is.
struct NftChanges {
    std::vector<NftElement> put;    // added, or given this moment and class if there already
    std::vector<NftElement> remove; // gone afterwards, there before or not
    std::optional<std::vector<NftBan>>
        bans_for_ranges;                         // all bans; hashed ones are left out (use put, remove)
    std::optional<std::vector<NftRange>> exempt; // all of them
    std::optional<NftApart> apart;               // all of them, of all lengths
    std::optional<NftGate> gate;
    std::optional<std::vector<std::string>> interfaces; // all of them

    [[nodiscard]] bool empty() const;
};

// Packets since the table was made.
struct NftCounters {
    std::map<std::string, std::uint64_t> dropped; // by class
    std::uint64_t dropped_ranges = 0;             // by bans that are intervals
    std::uint64_t logged = 0;                     // lines written for the above; the rest was suppressed
    std::uint64_t sampled = 0;                    // samples of mode xdp, each logged and dropped
};

struct NftState {
    bool present = false; // there is a table
    std::string damage;   // empty: everything the design asks for is there; else the first thing that is not
    NftCounters counters;
    std::vector<NftElement> elements; // limited and (service empty) banned; moments from `now` + what is left
    std::vector<NftRange> ban_ranges; // disjoint
    NftSpared spared;
    std::vector<std::string> interfaces;
    NftGate gate;

    [[nodiscard]] bool complete() const { return present && damage.empty(); }
};

} // namespace sluice
