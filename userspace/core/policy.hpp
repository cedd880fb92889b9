// SPDX-License-Identifier: GPL-2.0-or-later
// Configuration -> what the kernel is given: ports, policies, ranges, names. A pure
// translation; loading it is kernel/policy_loader's work.
#pragma once

#include "abi.h"
#include "core/config.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct RangeEntry {
    sluice_lpm_key key{};
    sluice_class_ref value{};
};

// Names by id; an empty string is a free id. Index 0 of classes is "default", index 0 of
// services is the empty name ("not protected").
struct Names {
    std::vector<std::string> classes = std::vector<std::string>(SLUICE_MAX_CLASSES);
    std::vector<std::string> services = std::vector<std::string>(SLUICE_MAX_SERVICES);
};

struct PolicyImage {
    sluice_ports ports{};
    std::vector<sluice_policy> policies;   // SLUICE_MAX_CLASSES * SLUICE_MAX_SERVICES, one half
    std::vector<RangeEntry> ranges;        // sorted by key (address, then length), no key twice
    std::vector<Origin> range_origins;     // by range_id; same order as Config's classes and ranges
    std::vector<std::string> range_labels; // by range_id
    Names names;
    std::uint32_t largest_limit = 0;     // largest `connections` up to 64, decides the log's capacity
    bool has_large = false;              // some limit is above 64
    bool counts_handshakes = false;      // some limit counts completed handshakes
    std::uint64_t longest_per_ns = 0;    // of all limits
    std::vector<std::uint8_t> prefixes4; // distinct source prefix lengths in use, mapped, ascending
    std::vector<std::uint8_t> prefixes6;
    std::uint64_t log_every_ns = 0;
    std::uint32_t log_max = 0;
    std::string log_prefix;
};

// `previous`: the ids that the kernel's counters and sources are filed under now. A name that
// goes on keeps its id; a new name takes an id that neither `previous` nor the image uses, so
// that a reload files nobody's counts under another's name. Throws ConfigError when ids run out.
[[nodiscard]] PolicyImage compile_policy(const Config& config, const Names& previous);

// Per as ticks, rounded up: a window is never shorter than what was written.
[[nodiscard]] std::uint64_t to_ticks(std::chrono::milliseconds per);

} // namespace sluice
