// SPDX-License-Identifier: GPL-2.0-or-later
// Everything that can be seen at one moment, as values: `status`, `stats` and `bans` are ways of
// writing a Snapshot down. Moments are wall-clock nanoseconds (CLOCK_REALTIME), converted from the
// kernel's CLOCK_BOOTTIME by the reader.
#pragma once

#include "abi.h"
#include "core/address.hpp"
#include "core/config.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

struct SeenInterface {
    std::string name; // empty: the device is gone
    std::uint32_t index = 0;
    std::string xdp; // "native", "generic", "offloaded", "none" (attached no more)
};

struct SeenMode {
    Mode mode = Mode::observe;
    Mode afterwards = Mode::observe; // when `until_ns` is set
    std::optional<std::uint64_t> until_ns;
    bool by_operator = false; // a command set it, not the configuration
    bool stopped = false;     // the controller was stopped: observe until it starts again
};

struct SeenLimit {
    std::string service;
    std::string class_name;
    Action action = Action::observe;
    std::uint32_t connections = 0; // 0: nothing limits it
    std::uint64_t per_ns = 0;
    bool count_dropped = true;
    std::uint32_t warn = 0; // 0: no warning
    Counting count = Counting::syns;
};

struct SeenTally {
    std::string name;
    std::uint64_t attempts = 0;
    std::uint64_t over = 0;
    std::uint64_t banned = 0;
    std::uint64_t dropped_xdp = 0;
    std::uint64_t dropped_nft = 0; // classes only
    std::uint64_t completed = 0;   // handshakes, where they are counted
};

struct SeenSource {
    Prefix source;
    std::string service;
    std::string class_name;
    Action action = Action::observe; // of its class
    std::uint64_t attempts = 0;      // since its entry was made
    std::uint32_t in_window = 0;     // logged in the last `per`, at most the log's capacity
    std::uint64_t since_ns = 0;
    std::uint64_t until_ns = 0; // release moment
    // The kernel drops it: over, of a class that limits, not exempt, in mode xdp or nft. In mode nft
    // without its table, or without its element and nobody to put it there, it does not.
    bool limited = false;
    bool would_be_limited = false; // the same, but for mode observe
};

struct SeenBan {
    Prefix source;
    std::string reason;
    std::string who;
    std::uint64_t since_ns = 0;
    std::uint64_t until_ns = 0;
    bool enforced = false; // mode nft or xdp
};

struct Snapshot {
    std::uint64_t time_ns = 0;
    std::string version;
    SeenMode mode;
    bool controller = false; // `sluice run` is alive
    std::uint32_t controller_pid = 0;
    std::vector<SeenInterface> interfaces;
    std::array<std::uint64_t, SLUICE_COUNTERS> outcomes{}; // by enum sluice_outcome, sluice_counter
    std::uint64_t over = 0;                  // attempts over, whatever became of them, of all classes
    std::uint64_t dropped_nft = 0;           // packets nftables dropped, all tables since the pins were made
    std::optional<std::uint64_t> logged_nft; // log lines of the present table
    bool nft_present = false;
    std::string nft_problem; // why it could not be read; empty: it was
    std::vector<SeenLimit> limits;
    std::vector<SeenTally> services;
    std::vector<SeenTally> classes;
    std::uint64_t sources = 0; // entries in the table
    std::uint32_t capacity = 0;
    std::vector<SeenSource> sources_over; // latest first
    std::vector<SeenBan> bans;            // soonest end first
};

// Sums over outcomes, as the JSON names them.
struct Totals {
    std::uint64_t packets = 0;
    std::uint64_t attempts = 0;
    std::uint64_t over = 0;        // attempts that were over, whatever became of them
    std::uint64_t dropped_xdp = 0; // attempts dropped by XDP, samples included
    std::uint64_t dropped_odd = 0; // fragments and header chains dropped by XDP
    std::uint64_t fragments = 0;
    std::uint64_t failed = 0; // our own failures; all passed
};

[[nodiscard]] Totals total(const Snapshot& snapshot);

} // namespace sluice
