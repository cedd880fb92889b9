// SPDX-License-Identifier: GPL-2.0-or-later
// Configuration -> PolicyImage, the tables that the kernel is given. A translation without
// decisions of its own: what holds was decided when the configuration was read.
#include "core/policy.hpp"

#include "core/source_prefixes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace sluice {

namespace {

constexpr std::uint8_t unused_prefix4 = 128;
constexpr std::uint8_t unused_prefix6 = 64;

// What the kernel reads for a class or service that does not exist: nothing limits it.
sluice_policy unused_policy() {
    sluice_policy policy{};
    policy.action = SLUICE_ACTION_OBSERVE;
    policy.prefix4 = unused_prefix4;
    policy.prefix6 = unused_prefix6;
    return policy;
}

std::size_t free_id(const std::vector<std::string>& previous, const std::vector<std::string>& present,
                    std::string_view kind, const std::string& name, const Origin& origin) {
    for (std::size_t id = 1; id < present.size(); ++id)
        if (present[id].empty() && (id >= previous.size() || previous[id].empty()))
            return id;
    throw ConfigError(origin,
                      "no number is free for " + std::string(kind) + ' ' + name +
                          " while counts of removed ones are kept; reload once without it, then again");
}

// A name that goes on keeps its id; see compile_policy in the header.
template <typename Named>
void assign_ids(std::vector<std::string>& present, const std::vector<std::string>& previous,
                const std::vector<Named>& items, std::string_view kind) {
    const auto known = [](const std::vector<std::string>& names, const std::string& name) {
        return std::find(names.begin() + 1, names.end(), name);
    };
    const std::size_t comparable = std::min(previous.size(), present.size());
    for (const Named& item : items)
        for (std::size_t id = 1; id < comparable; ++id)
            if (previous[id] == item.name)
                present[id] = item.name;
    for (const Named& item : items)
        if (item.name != present[0] && known(present, item.name) == present.end())
            present[free_id(previous, present, kind, item.name, item.origin)] = item.name;
}

Names assign_names(const Config& config, const Names& previous) {
    Names names;
    names.classes[0] = "default";
    assign_ids(names.classes, previous.classes, config.classes, "class");
    assign_ids(names.services, previous.services, config.services, "service");
    return names;
}

std::size_t id_of(const std::vector<std::string>& names, const std::string& name) {
    return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

sluice_policy class_policy(const ClassConfig& of_class) {
    sluice_policy policy{};
    policy.action = static_cast<std::uint8_t>(of_class.action);
    policy.prefix4 = static_cast<std::uint8_t>(of_class.prefix4 + SLUICE_V4_BITS);
    policy.prefix6 = of_class.prefix6;
    return policy;
}

void note_limit(PolicyImage& image, const Limit& limit) {
    if (limit.connections > SLUICE_MAX_LIMIT)
        image.has_large = true;
    else
        image.largest_limit = std::max(image.largest_limit, limit.connections);
    image.counts_handshakes = image.counts_handshakes || limit.count == Counting::handshakes;
    image.longest_per_ns = std::max(image.longest_per_ns,
                                    static_cast<std::uint64_t>(std::chrono::nanoseconds(limit.per).count()));
}

void add_class(PolicyImage& image, const Config& config, const ClassConfig& of_class) {
    const auto class_id = static_cast<std::uint32_t>(id_of(image.names.classes, of_class.name));
    // Service 0: what holds for an address whatever the port, as bans and look-ups need it.
    image.policies[sluice_policy_index(0, class_id, 0)] = class_policy(of_class);
    for (const Service& service : config.services) {
        sluice_policy policy = class_policy(of_class);
        if (const auto limit = effective_limit(config, of_class, service)) {
            policy.connections = limit->connections;
            policy.per_ticks = to_ticks(limit->per);
            policy.flags = static_cast<std::uint8_t>(
                (limit->count_dropped ? SLUICE_POLICY_COUNT_DROPPED : 0) |
                (limit->count == Counting::handshakes ? SLUICE_POLICY_HANDSHAKE : 0));
            policy.warn = limit->warn;
            note_limit(image, *limit);
        }
        const auto service_id = static_cast<std::uint32_t>(id_of(image.names.services, service.name));
        image.policies[sluice_policy_index(0, class_id, service_id)] = policy;
    }
}

RangeEntry range_entry(const Range& range, std::size_t class_id, std::size_t range_id) {
    RangeEntry entry;
    entry.key.prefix_len = range.prefix.length;
    std::memcpy(entry.key.addr, range.prefix.address.bytes.data(), sizeof entry.key.addr);
    entry.value.class_id = static_cast<std::uint16_t>(class_id);
    entry.value.prefix_len = range.prefix.length;
    entry.value.range_id = static_cast<std::uint32_t>(range_id);
    return entry;
}

void add_ranges(PolicyImage& image, const Config& config) {
    std::size_t total = 0;
    for (const ClassConfig& of_class : config.classes)
        total += of_class.ranges.size();
    image.ranges.reserve(total);
    image.range_origins.reserve(total);
    image.range_labels.reserve(total);
    for (const ClassConfig& of_class : config.classes) {
        const std::size_t class_id = id_of(image.names.classes, of_class.name);
        for (const Range& range : of_class.ranges) {
            image.ranges.push_back(range_entry(range, class_id, image.ranges.size()));
            image.range_origins.push_back(range.origin);
            image.range_labels.push_back(range.label);
        }
    }
    const auto before = [](const RangeEntry& a, const RangeEntry& b) {
        const int order = std::memcmp(a.key.addr, b.key.addr, sizeof a.key.addr);
        return order != 0 ? order < 0 : a.key.prefix_len < b.key.prefix_len;
    };
    std::sort(image.ranges.begin(), image.ranges.end(), before);
}

} // namespace

PolicyImage compile_policy(const Config& config, const Names& previous) {
    PolicyImage image;
    image.names = assign_names(config, previous);
    image.policies.assign(std::size_t{SLUICE_MAX_CLASSES} * SLUICE_MAX_SERVICES, unused_policy());
    for (const ClassConfig& of_class : config.classes)
        add_class(image, config, of_class);
    for (const Service& service : config.services)
        for (const std::uint16_t port : service.ports)
            image.ports.service[port] = static_cast<std::uint8_t>(id_of(image.names.services, service.name));
    add_ranges(image, config);

    SourcePrefixes prefixes = source_prefixes(config);
    image.prefixes4 = std::move(prefixes.v4);
    image.prefixes6 = std::move(prefixes.v6);
    image.log_every_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(config.log.every).count());
    image.log_max = config.log.max_per_second;
    image.log_prefix = config.log.prefix;
    return image;
}

std::uint64_t to_ticks(std::chrono::milliseconds per) {
    const auto ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(per).count());
    return (ns + SLUICE_TICK_NS - 1) >> SLUICE_TICK_SHIFT;
}

} // namespace sluice
