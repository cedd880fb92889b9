// SPDX-License-Identifier: GPL-2.0-or-later
// Entries read through the same window.h that packets meet.
#include "core/over.hpp"

#include "large.h"

#include <cstring>

namespace sluice {

Prefix source_of(const sluice_source_key& key) {
    Prefix prefix;
    std::memcpy(prefix.address.bytes.data(), key.addr, sizeof(key.addr));
    prefix.length = key.prefix_len;
    return prefix;
}

sluice_lpm_key to_lpm_key(const Prefix& prefix) {
    sluice_lpm_key key{};
    key.prefix_len = prefix.length;
    std::memcpy(key.addr, prefix.address.bytes.data(), sizeof(key.addr));
    return key;
}

Prefix to_prefix(const sluice_lpm_key& key) {
    Prefix prefix;
    std::memcpy(prefix.address.bytes.data(), key.addr, sizeof(key.addr));
    prefix.length = static_cast<std::uint8_t>(key.prefix_len);
    return prefix;
}

sluice_source_key to_source_key(const Prefix& source, std::uint8_t service) {
    sluice_source_key key{};
    std::memcpy(key.addr, source.address.bytes.data(), sizeof(key.addr));
    key.prefix_len = source.length;
    key.service = service;
    return key;
}

std::uint64_t over_until(const sluice_source& entry, const sluice_large* large, std::uint32_t log_capacity,
                         const sluice_policy& policy, std::uint64_t now_ns) {
    if (entry.until_ns <= now_ns)
        return 0;
    if (policy.connections > SLUICE_MAX_LIMIT)
        return large == nullptr || large->per_ticks != policy.per_ticks
                   ? 0
                   : large_release_ns(large, policy.connections, policy.per_ticks, now_ns);
    const std::uint64_t release =
        window_release_ns(&entry, log_capacity, policy.connections, policy.per_ticks);
    return release > now_ns ? release : 0;
}

std::uint32_t attempts_in_window(const sluice_source& entry, const sluice_large* large,
                                 std::uint32_t log_capacity, const sluice_policy& policy,
                                 std::uint64_t now_ns) {
    constexpr std::uint64_t minute_ticks = 60'000'000'000 / SLUICE_TICK_NS;
    if (policy.connections > SLUICE_MAX_LIMIT && large != nullptr && large->per_ticks == policy.per_ticks)
        return large_count(large, policy.per_ticks, now_ns);
    const std::uint64_t per_ticks = policy.per_ticks != 0 ? policy.per_ticks : minute_ticks;
    return window_count(&entry, log_capacity, per_ticks, now_ns);
}

std::uint64_t logged_attempts(const sluice_source& entry, std::uint32_t log_capacity) {
    const std::uint64_t lap = entry.head >> 8;
    return lap == 0 ? 0 : (lap - 1) * log_capacity + (entry.head & 0xff);
}

std::uint64_t latest_logged(const sluice_source& entry, std::uint32_t log_capacity) {
    const window_place here{entry.head >> 8, static_cast<std::uint32_t>(entry.head & 0xff), 0};
    const window_place latest = window_before(here, 1, log_capacity);
    return latest.lap == 0 ? 0 : window_slot(&entry, latest.index, log_capacity) >> 8 << SLUICE_TICK_SHIFT;
}

std::uint64_t over_since(const sluice_source& entry, std::uint64_t now_ns) {
    return sluice_from_coarse(entry.since, now_ns);
}

std::uint64_t last_attempt(const sluice_source& entry, std::uint64_t now_ns) {
    return sluice_from_coarse(entry.last, now_ns);
}

} // namespace sluice
