// SPDX-License-Identifier: GPL-2.0-or-later
// The same look-ups as in bpf/sluice.bpf.c (classify, source_key), from outside.
#include "kernel/live_policy.hpp"

#include "core/over.hpp"

#include <algorithm>
#include <arpa/inet.h>

namespace sluice {
namespace {

// Counted per address whatever the class says: neighbours in a prefix are strangers.
bool counted_alone(const Address& address) {
    static constexpr std::array<std::uint8_t, 12> nat64{0x00, 0x64, 0xff, 0x9b};
    const bool link_local = address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
    return link_local || std::equal(nat64.begin(), nat64.end(), address.bytes.begin());
}

std::optional<sluice_override> holding(const BpfMap<sluice_lpm_key, sluice_override>& map,
                                       const Prefix& source, std::uint64_t now_ns) {
    sluice_lpm_key key = to_lpm_key(source);
    while (true) {
        const std::optional<sluice_override> word = map.find(key);
        if (!word || word->until_ns > now_ns)
            return word;
        if (word->prefix_len == 0)
            return std::nullopt;
        key.prefix_len = word->prefix_len - 1U; // one that has ended does not hide a wider one
    }
}

} // namespace

LivePolicy::LivePolicy(const KernelMaps& maps) : maps_(maps), half_(maps.control.at(0).generation & 1U) {
    std::uint32_t id = 0;
    if (::bpf_map_lookup_elem(maps.ranges.fd(), &half_, &id) != 0)
        return; // nothing loaded yet
    Fd list(check(::bpf_map_get_fd_by_id(id), "open map", "range_list"));
    ranges_ = {std::move(list), "range_list"};
}

SourcePlace LivePolicy::place(const Prefix& source, std::uint64_t now_ns) const {
    SourcePlace place;
    if (ranges_.fd() >= 0) {
        if (const auto ref = ranges_.find(to_lpm_key(source))) {
            place.class_id = ref->class_id;
            place.range_length = ref->prefix_len;
            place.range_id = ref->range_id;
        }
    }
    place.exempt = policy(place.class_id, 0).action == SLUICE_ACTION_EXEMPT;
    if (const auto allow = holding(maps_.allows, source, now_ns);
        allow && allow->prefix_len >= place.range_length) {
        place.exempt = true;
        place.allow = allow;
    }
    return place;
}

sluice_policy LivePolicy::policy(std::uint32_t class_id, std::uint32_t service) const {
    const std::uint32_t index = sluice_policy_index(half_, class_id, service);
    const auto [found, missing] = policies_.try_emplace(index);
    if (missing)
        found->second = maps_.policies.at(index);
    return found->second;
}

std::optional<sluice_override> LivePolicy::ban(const Prefix& source, std::uint64_t now_ns) const {
    return holding(maps_.bans, source, now_ns);
}

Prefix LivePolicy::source_of_address(const Address& address, std::uint64_t now_ns) const {
    const SourcePlace found = place(Prefix{address, 128}, now_ns);
    const sluice_policy rule = policy(found.class_id, 0);
    std::uint8_t length = address.is_v4() ? rule.prefix4 : rule.prefix6;
    if (!address.is_v4() && counted_alone(address))
        length = 128;
    length = std::max(length, found.range_length);
    return {masked(address, length), length};
}

std::uint32_t LivePolicy::range_capacity() const {
    return ranges_.fd() >= 0 ? ranges_.capacity() : 0;
}

} // namespace sluice
