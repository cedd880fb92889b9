// SPDX-License-Identifier: GPL-2.0-or-later
// See projection.hpp. Ended bans and sources that are counted otherwise since a reload stay out.
#include "kernel/projection.hpp"

#include "core/over.hpp"
#include "core/source_prefixes.hpp"
#include "kernel/policy_loader.hpp"

#include <algorithm>
#include <cstring>
#include <map>

namespace sluice {
namespace {

constexpr std::uint8_t whole_address = 128;

// Prefixes of which it can be told quickly whether another one touches them.
class Overlaps {
public:
    explicit Overlaps(std::span<const Prefix> prefixes) : nested_(sorted_once(prefixes)) {}

    [[nodiscard]] bool with(const Prefix& prefix) const {
        const auto& all = nested_.prefixes();
        const auto inside = std::lower_bound(all.begin(), all.end(), prefix);
        return (inside != all.end() && prefix.contains(*inside)) ||
               nested_.longest(prefix.address).has_value();
    }

private:
    static std::vector<Prefix> sorted_once(std::span<const Prefix> prefixes) {
        std::vector<Prefix> sorted(prefixes.begin(), prefixes.end());
        std::sort(sorted.begin(), sorted.end());
        sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
        return sorted;
    }

    NestedPrefixes nested_;
};

BpfMap<sluice_lpm_key, sluice_class_ref> live_ranges(const KernelMaps& maps) {
    const std::uint32_t half = maps.control.at(0).generation & 1U;
    std::uint32_t id = 0;
    if (::bpf_map_lookup_elem(maps.ranges.fd(), &half, &id) != 0)
        return {}; // nothing loaded yet
    return {Fd(check(::bpf_map_get_fd_by_id(id), "open map", "range_list")), "range_list"};
}

// As much of the compiled policy as decides who is exempt, read back for these prefixes.
PolicyImage exempt_policy(const KernelMaps& maps, const Overlaps& wanted) {
    PolicyImage image;
    const std::uint32_t half = maps.control.at(0).generation & 1U;
    image.policies.resize(std::size_t{SLUICE_MAX_CLASSES} * SLUICE_MAX_SERVICES);
    for (std::uint32_t id = 0; id < SLUICE_MAX_CLASSES; id++)
        image.policies[sluice_policy_index(0, id, 0)] = maps.policies.at(sluice_policy_index(half, id, 0));
    // `default` may be exempt from its limit, but bans hold there: nothing of it is carved out.
    image.policies[sluice_policy_index(0, 0, 0)].action = SLUICE_ACTION_OBSERVE;
    const auto ranges = live_ranges(maps);
    if (ranges.fd() >= 0)
        for (const sluice_lpm_key& key : ranges.keys())
            if (wanted.with(to_prefix(key)))
                if (const auto ref = ranges.find(key))
                    image.ranges.push_back({key, *ref});
    std::sort(image.ranges.begin(), image.ranges.end(), [](const RangeEntry& one, const RangeEntry& two) {
        return to_prefix(one.key) < to_prefix(two.key);
    });
    return image;
}

std::vector<NftService> read_services(const KernelMaps& maps, const Names& names, std::uint32_t half) {
    const sluice_ports ports = maps.ports.at(half);
    std::vector<NftService> services;
    for (std::uint32_t id = 1; id < SLUICE_MAX_SERVICES; id++) {
        NftService service{names.services[id], {}};
        for (std::uint32_t port = 0; port < SLUICE_PORTS; port++)
            if (ports.service[port] == id)
                service.ports.push_back(static_cast<std::uint16_t>(port));
        if (!service.name.empty())
            services.push_back(std::move(service));
    }
    return services;
}

std::chrono::milliseconds to_ms(std::uint64_t ns) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(ns / 1'000'000));
}

} // namespace

SourceVerdict judge_source(const LivePolicy& live, const SourceTable& table, const sluice_source_key& key,
                           const sluice_source& entry, std::uint64_t now_ns) {
    const Prefix source = source_of(key);
    const SourcePlace place = live.place(source, now_ns);
    SourceVerdict verdict;
    verdict.class_id = place.class_id;
    verdict.policy = live.policy(place.class_id, key.service);
    verdict.exempt = place.exempt;
    const std::optional<sluice_large> large =
        verdict.policy.connections > SLUICE_MAX_LIMIT ? table.large_of(entry) : std::nullopt;
    const std::uint8_t own = source.is_v4() ? verdict.policy.prefix4 : verdict.policy.prefix6;
    // A reload may count these addresses by another length now: nothing adds to this entry any more.
    if (counted_length(source.address, own, place.range_length) == source.length)
        verdict.until_ns =
            over_until(entry, large ? &*large : nullptr, table.log_capacity(), verdict.policy, now_ns);
    verdict.to_be_dropped =
        verdict.until_ns != 0 && !verdict.exempt && verdict.policy.action == SLUICE_ACTION_LIMIT;
    return verdict;
}

NftDesign read_design(const KernelMaps& maps, std::vector<std::string> interfaces) {
    const sluice_control control = maps.control_word();
    const sluice_shape shape = maps.shape.at(control.generation & 1U);
    const Names names = read_names(maps);
    NftDesign design;
    design.interfaces = std::move(interfaces);
    design.services = read_services(maps, names, control.generation & 1U);
    for (const std::string& name : names.classes)
        if (!name.empty())
            design.classes.push_back(name);
    design.prefixes4.assign(shape.prefixes4,
                            shape.prefixes4 + std::min<int>(shape.count4, SLUICE_MAX_LENGTHS));
    design.prefixes6.assign(shape.prefixes6,
                            shape.prefixes6 + std::min<int>(shape.count6, SLUICE_MAX_LENGTHS));
    design.log_prefix.assign(shape.log_prefix, ::strnlen(shape.log_prefix, sizeof(shape.log_prefix)));
    design.log_every = to_ms(control.log_every_ns);
    design.log_max_per_second = control.log_max;
    design.sample_secret = control.sample_secret;
    design.capacity = maps.sources.capacity();
    return design;
}

NftSpared spared_within(const ExemptIndex& index, std::span<const Prefix> limited,
                        std::span<const Prefix> banned) {
    const auto to_ranges = [](const std::vector<AddressInterval>& intervals) {
        std::vector<NftRange> ranges;
        for (const AddressInterval& interval : intervals)
            ranges.push_back({interval.first, interval.last});
        return ranges;
    };
    NftSpared spared;
    std::vector<Prefix> dropped(limited.begin(), limited.end());
    dropped.insert(dropped.end(), banned.begin(), banned.end());
    spared.exempt = to_ranges(index.exempt_within(dropped));
    std::map<std::uint8_t, std::vector<Prefix>> by_length;
    for (const Prefix& source : limited)
        by_length[source.length].push_back(source);
    for (const auto& [length, sources] : by_length)
        if (auto ranges = to_ranges(index.counted_elsewhere(sources)); !ranges.empty())
            spared.apart.emplace(length, std::move(ranges));
    return spared;
}

Carve kernel_carve(const KernelMaps& maps, std::uint64_t now_ns) {
    return [&maps, now_ns](std::span<const Prefix> limited, std::span<const Prefix> banned) {
        std::vector<Prefix> dropped(limited.begin(), limited.end());
        dropped.insert(dropped.end(), banned.begin(), banned.end());
        if (dropped.empty())
            return NftSpared{};
        const Overlaps wanted(dropped);
        std::vector<Prefix> allows;
        for (const sluice_lpm_key& key : maps.allows.keys())
            if (const auto word = maps.allows.find(key);
                word && word->until_ns > now_ns && wanted.with(to_prefix(key)))
                allows.push_back(to_prefix(key));
        const ExemptIndex index(exempt_policy(maps, wanted), std::move(allows));
        return spared_within(index, limited, banned);
    };
}

std::vector<NftBan> read_bans(const KernelMaps& maps, std::uint64_t now_ns) {
    const LivePolicy live(maps);
    const Names names = read_names(maps);
    std::vector<NftBan> bans;
    for (const sluice_lpm_key& key : maps.bans.keys()) {
        const auto word = maps.bans.find(key);
        // The look-up is by longest prefix: what was erased meanwhile would find a wider ban.
        if (!word || word->prefix_len != key.prefix_len || word->until_ns <= now_ns)
            continue;
        const Prefix prefix = to_prefix(key);
        bans.push_back({prefix, names.classes[live.place(prefix, now_ns).class_id], word->until_ns});
    }
    return bans;
}

std::vector<NftElement> read_limited(const KernelMaps& maps, const NftDesign& design, std::uint64_t now_ns) {
    const LivePolicy live(maps);
    const Names names = read_names(maps);
    std::vector<NftElement> elements;
    maps.sources.for_each([&](const sluice_source_key& key, const sluice_source& entry) {
        if (entry.until_ns <= now_ns || key.service >= SLUICE_MAX_SERVICES)
            return;
        const SourceVerdict verdict = judge_source(live, maps.sources, key, entry, now_ns);
        const std::string& service = names.services[key.service];
        if (!verdict.to_be_dropped || service.empty() || !design.hashes(source_of(key)))
            return;
        elements.push_back({source_of(key), service, names.classes[verdict.class_id], verdict.until_ns});
    });
    return elements;
}

NftSpared read_spared(const std::vector<NftElement>& elements, const std::vector<NftBan>& bans,
                      const Carve& carve) {
    std::vector<Prefix> limited;
    for (const NftElement& element : elements)
        if (element.source.length < whole_address) // nothing is inside a whole address
            limited.push_back(element.source);
    std::vector<Prefix> banned;
    for (const NftBan& ban : bans)
        banned.push_back(ban.prefix);
    return carve(limited, banned);
}

NftGate gate_of(std::uint64_t mode_word, std::uint64_t now_ns) {
    const std::uint64_t deadline_ns = (mode_word >> 8) * 1'000'000;
    const std::uint32_t afterwards = (mode_word >> 2) & 3;
    NftGate gate;
    gate.enforced = sluice_mode_at(mode_word, now_ns) == SLUICE_MODE_NFT;
    if (gate.enforced && deadline_ns > now_ns && afterwards != SLUICE_MODE_NFT)
        gate.until_ns = deadline_ns;
    return gate;
}

NftContent read_content(const KernelMaps& maps, const NftDesign& design, std::uint64_t now_ns,
                        const Carve& carve) {
    NftContent content;
    content.elements = read_limited(maps, design, now_ns);
    content.bans = read_bans(maps, now_ns);
    content.spared = read_spared(content.elements, content.bans, carve);
    content.gate = gate_of(maps.control_word().mode_word, now_ns);
    return content;
}

} // namespace sluice
