// SPDX-License-Identifier: GPL-2.0-or-later
// The ruleset. A packet's way: prerouting (is it an attempt to a protected port, and is the gate
// shut?) -> service_X -> attempts (exempt? banned?) -> limited in this service? -> refuse_* (log
// at most so much, drop). Everything that is not refused leaves by accept and meets other tables.
#include "kernel/nft_ruleset.hpp"

#include "kernel/nft_objects.hpp"
#include "kernel/nft_ranges.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <netinet/tcp.h>

namespace sluice::nft {
namespace {

constexpr std::uint32_t most_logged = 65'536;

const std::vector<std::uint8_t>& lengths(const NftDesign& design, const Family& family) {
    return &family == &ip4 ? design.prefixes4 : design.prefixes6;
}

// Drops need a chain of their family even where no source is counted.
std::vector<std::uint8_t> refuse_lengths(const NftDesign& design, const Family& family) {
    auto list = lengths(design, family);
    if (list.empty())
        list.push_back(&family == &ip4 ? 128 : 64);
    std::sort(list.begin(), list.end(), std::greater<>());
    return list;
}

KeyType key_type(const Family& family) {
    return &family == &ip4 ? KeyType::ipv4 : KeyType::ipv6;
}

// Only what passes the limit is remembered, so this many are enough; twice that for the moment
// between lapsing and being collected.
std::uint32_t logged_size(const NftDesign& design) {
    const auto seconds = static_cast<std::uint64_t>(design.log_every.count()) / 1000 + 2;
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(2 * seconds * design.log_max_per_second, 128, most_logged));
}

// set interfaces { type ifname }
// set enforced { type nf_proto; flags timeout }
// map services { type inet_service : verdict }
void add_common_sets(NftBatch& batch) {
    batch.add_set(*make_set({.name = interfaces_set, .key = KeyType::ifname, .comment = "attached devices"}));
    batch.add_set(*make_set({.name = enforced_set,
                             .key = KeyType::nfproto,
                             .flags = NFT_SET_TIMEOUT,
                             .comment = "empty: nothing is dropped but samples"}));
    batch.add_set(*make_set({.name = services_map, .key = KeyType::inet_service, .flags = NFT_SET_MAP}));
}

// map limited_smtp_ip4_32 { type ipv4_addr : counter; flags timeout; size N }
// map banned_ip4_32 { type ipv4_addr : counter; flags timeout; size N }
// set logged_ip4_32 { type ipv4_addr; flags dynamic,timeout; size N; timeout 60s }
void add_source_sets(NftBatch& batch, const NftDesign& design, const Family& family) {
    const auto add_map = [&](const std::string& name) {
        batch.add_set(*make_set({.name = name,
                                 .key = key_type(family),
                                 .flags = NFT_SET_OBJECT | NFT_SET_TIMEOUT,
                                 .size = design.capacity}));
    };
    for (const std::uint8_t length : lengths(design, family)) {
        add_map(source_map("", family, length));
        for (const NftService& service : design.services)
            add_map(source_map(service.name, family, length));
    }
    if (design.log_max_per_second == 0 || design.log_every.count() == 0)
        return;
    for (const std::uint8_t length : refuse_lengths(design, family))
        batch.add_set(*make_set({.name = logged_set(family, length),
                                 .key = key_type(family),
                                 .flags = NFT_SET_EVAL | NFT_SET_TIMEOUT,
                                 .size = logged_size(design),
                                 .timeout = design.log_every}));
}

void add_objects(NftBatch& batch, const NftDesign& design) {
    for (const std::string& name : design.classes)
        batch.add_object(*make_counter(class_counter(name)));
    for (const char* name : {ranges_counter, logged_counter, sampled_counter})
        batch.add_object(*make_counter(name));
    if (design.log_max_per_second != 0)
        batch.add_object(*make_limit(log_limit, design.log_max_per_second));
}

void add_chains(NftBatch& batch, const NftDesign& design) {
    for (const Family* family : {&ip4, &ip6})
        for (const std::uint8_t length : refuse_lengths(design, *family))
            batch.add_chain(*make_chain(refuse_chain(*family, length), ""));
    batch.add_chain(*make_chain(exempt_chain, "exempt inside something that is dropped"));
    batch.add_chain(*make_chain(banned_ranges_chain, "bans of other lengths than sources have"));
    batch.add_chain(*make_chain(attempts_chain, "for every service"));
    for (const NftService& service : design.services)
        batch.add_chain(*make_chain(service_chain(service.name), ""));
    batch.add_chain(*make_base_chain(base_chain));
}

// elements of services: { 25 : jump service_smtp, 465 : jump service_submission, ... }
void add_services(NftBatch& batch, const NftDesign& design) {
    Elements elements(services_map);
    for (const NftService& service : design.services) {
        for (const std::uint16_t port : service.ports) {
            const std::uint16_t wire = htons(port);
            elements.add_jump({reinterpret_cast<const std::uint8_t*>(&wire), sizeof wire},
                              service_chain(service.name));
        }
    }
    if (elements.size() != 0)
        batch.add_elements(elements.get(), "ports");
}

// chain refuse_ip4_32 {
//     ip saddr != @logged_ip4_32 limit name "log_max" add @logged_ip4_32 { ip saddr timeout 60s }
//         counter name "logged" log prefix "..."
//     drop
// }
void refuse_rules(std::vector<Rule>& rules, const NftDesign& design, const Family& family) {
    for (const std::uint8_t length : refuse_lengths(design, family)) {
        const std::string chain = refuse_chain(family, length);
        if (design.log_max_per_second != 0) {
            Rule rule(chain);
            if (design.log_every.count() != 0)
                rule.saddr_not_in(family, length, logged_set(family, length)).limit(log_limit);
            else
                rule.limit(log_limit);
            if (design.log_every.count() != 0)
                rule.remember_saddr(family, length, logged_set(family, length), design.log_every);
            rules.push_back(std::move(rule.counter(logged_counter).log(design.log_prefix)));
        }
        rules.push_back(std::move(Rule(chain).drop()));
    }
}

// Longer prefixes first: what is nearest to the source counts its drops.
// counter name ip saddr & MASK map @limited_smtp_ip4_32 goto refuse_ip4_32
void map_rules(std::vector<Rule>& rules, const NftDesign& design, const std::string& chain,
               const std::string& service) {
    for (const Family* family : {&ip4, &ip6}) {
        for (const std::uint8_t length : refuse_lengths(design, *family)) {
            if (lengths(design, *family).empty())
                continue;
            rules.push_back(
                std::move(Rule(chain)
                              .count_by_saddr(*family, length, source_map(service, *family, length))
                              .go_to(refuse_chain(*family, length))));
        }
    }
}

// chain prerouting {
//     iifname != @interfaces accept
//     tcp flags & (syn | rst) == syn | rst tcp sequence SECRET counter name "sampled"
//         log prefix "..." drop
//     tcp flags & (fin | syn | rst | ack) == syn meta nfproto @enforced tcp dport vmap @services
// }
void base_rules(std::vector<Rule>& rules, const NftDesign& design) {
    rules.push_back(std::move(Rule(base_chain).iifname_not_in(interfaces_set).accept()));
    rules.push_back(std::move(Rule(base_chain)
                                  .tcp_flags(TH_SYN | TH_RST, TH_SYN | TH_RST)
                                  .tcp_sequence(design.sample_secret)
                                  .counter(sampled_counter)
                                  .log(design.log_prefix)
                                  .drop()
                                  .comment("mode xdp: one refused attempt, made harmless, to be logged")));
    rules.push_back(std::move(Rule(base_chain)
                                  .tcp_flags(TH_FIN | TH_SYN | TH_RST | TH_ACK, TH_SYN)
                                  .nfproto_in(enforced_set)
                                  .tcp_dport_vmap(services_map)));
}

void fill_interval(Elements& elements, const Family& family, const NftTimedRange& timed, const Clock& clock) {
    const std::uint64_t timeout = timed.until_ns == 0 ? 0 : clock.timeout_ms(timed.until_ns);
    elements.add(wire_bytes(family, timed.range.first), timeout);
    const Address behind = next(timed.range.last);
    // Nothing is behind the last address of all: such an interval stays open.
    if (std::ranges::any_of(wire_bytes(family, behind), [](std::uint8_t byte) { return byte != 0; }))
        elements.add_interval_end(wire_bytes(family, behind));
}

// `add set NAME { type ipv4_addr; flags interval[,timeout] }` with its elements
void add_interval_set(NftBatch& batch, const Family& family, const std::string& name,
                      const std::vector<NftTimedRange>& ranges, const Clock& clock) {
    constexpr std::size_t piece = 2000;
    const bool timed = std::ranges::any_of(ranges, [](const auto& range) { return range.until_ns != 0; });
    batch.add_set(
        *make_set({.name = name,
                   .key = key_type(family),
                   .flags = static_cast<std::uint32_t>(NFT_SET_INTERVAL | (timed ? NFT_SET_TIMEOUT : 0))}));
    for (std::size_t begin = 0; begin < ranges.size(); begin += piece) {
        Elements elements(name);
        const std::size_t end = std::min(begin + piece, ranges.size());
        for (std::size_t i = begin; i < end; ++i)
            fill_interval(elements, family, ranges[i], clock);
        batch.add_elements(elements.get(), "from " + to_string(ranges[begin].range.first));
    }
}

using NameOf = std::string (*)(const Family&, char);

// The sets of one kind and family that exist, and the name for the next.
struct Letters {
    std::vector<std::string> old;
    std::string fresh;
};

Letters letters(const std::set<std::string>& existing, const Family& family, NameOf name) {
    Letters result;
    for (const char letter : {'a', 'b'})
        if (existing.contains(name(family, letter)))
            result.old.push_back(name(family, letter));
    result.fresh = name(family, existing.contains(name(family, 'a')) ? 'b' : 'a');
    return result;
}

// The chain is emptied first, so that old sets may go and their names be used again.
template <typename MakeRule>
void switch_sets(NftBatch& batch, const char* chain, const std::set<std::string>& existing, NameOf name,
                 const std::array<std::vector<NftTimedRange>, 2>& ranges, const Clock& clock,
                 const MakeRule& make_rule) {
    batch.flush_chain(table, chain);
    const std::array<const Family*, 2> families{&ip4, &ip6};
    for (std::size_t i = 0; i < families.size(); ++i) {
        const Letters sets = letters(existing, *families[i], name);
        for (const std::string& old : sets.old)
            batch.delete_set(table, old);
        if (ranges[i].empty())
            continue;
        add_interval_set(batch, *families[i], sets.fresh, ranges[i], clock);
        batch.add_rule(make_rule(*families[i], sets.fresh).get());
    }
}

} // namespace

std::uint64_t Clock::timeout_ms(std::uint64_t until_ns) const {
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    if (until_ns == 0)
        return 0;
    return (until_ns - now_ns + 2 * tick_ns + ns_per_ms - 1) / ns_per_ms;
}

std::vector<Rule> fixed_rules(const NftDesign& design) {
    std::vector<Rule> rules;
    for (const Family* family : {&ip4, &ip6})
        refuse_rules(rules, design, *family);
    rules.push_back(std::move(Rule(attempts_chain).jump(exempt_chain)));
    map_rules(rules, design, attempts_chain, "");
    rules.push_back(std::move(Rule(attempts_chain).jump(banned_ranges_chain)));
    for (const NftService& service : design.services) {
        rules.push_back(std::move(Rule(service_chain(service.name)).jump(attempts_chain)));
        map_rules(rules, design, service_chain(service.name), service.name);
    }
    base_rules(rules, design);
    return rules;
}

void add_skeleton(NftBatch& batch, const NftDesign& design) {
    batch.add_table(*make_table("made by sluice, which undoes changes; see sluice(8)"));
    add_objects(batch, design);
    add_common_sets(batch);
    for (const Family* family : {&ip4, &ip6})
        add_source_sets(batch, design, *family);
    add_chains(batch, design);
    for (const Rule& rule : fixed_rules(design))
        batch.add_rule(rule.get());
    add_services(batch, design);
    set_interfaces(batch, design.interfaces);
}

Rule exempt_rule(const Family& family, const std::string& set) {
    return std::move(Rule(exempt_chain).saddr_in(family, set).accept());
}

// Drops by range are logged per widest source prefix: never more often than once per source.
Rule banned_ranges_rule(const NftDesign& design, const Family& family, const std::string& set) {
    return std::move(Rule(banned_ranges_chain)
                         .saddr_in(family, set)
                         .counter(ranges_counter)
                         .go_to(refuse_chain(family, refuse_lengths(design, family).back())));
}

void switch_exempt(NftBatch& batch, const std::set<std::string>& existing, std::span<const NftRange> exempt) {
    std::array<std::vector<NftTimedRange>, 2> ranges;
    for (const NftRange& range : exempt)
        ranges[range.first.is_v4() ? 0 : 1].push_back({range, 0});
    for (auto& list : ranges)
        list = disjoint(std::move(list));
    switch_sets(batch, exempt_chain, existing, exempt_set, ranges, {}, exempt_rule);
}

void switch_banned_ranges(NftBatch& batch, const NftDesign& design, const std::set<std::string>& existing,
                          std::span<const NftBan> bans, const Clock& clock) {
    std::array<std::vector<NftTimedRange>, 2> ranges;
    for (const NftBan& ban : bans)
        if (!design.hashes(ban.prefix) && !clock.passed(ban.until_ns))
            ranges[ban.prefix.is_v4() ? 0 : 1].push_back({to_range(ban.prefix), ban.until_ns});
    for (auto& list : ranges)
        list = disjoint(std::move(list));
    switch_sets(batch, banned_ranges_chain, existing, banned_ranges_set, ranges, clock,
                [&](const Family& family, const std::string& set) {
                    return banned_ranges_rule(design, family, set);
                });
}

// `flush set inet sluice enforced; add element inet sluice enforced { ipv4 timeout T, ipv6 timeout T }`
void set_gate(NftBatch& batch, const NftGate& gate, const Clock& clock) {
    batch.flush_set(table, enforced_set);
    if (!gate.enforced || clock.passed(gate.until_ns))
        return;
    Elements elements(enforced_set);
    for (const std::uint8_t family : {ip4.nfproto, ip6.nfproto})
        elements.add({&family, 1}, clock.timeout_ms(gate.until_ns));
    batch.add_elements(elements.get(), "ipv4, ipv6");
}

// `flush set inet sluice interfaces; add element inet sluice interfaces { "eth0", ... }`
void set_interfaces(NftBatch& batch, std::span<const std::string> interfaces) {
    batch.flush_set(table, interfaces_set);
    Elements elements(interfaces_set);
    std::string names;
    for (const std::string& name : interfaces) {
        std::array<std::uint8_t, IFNAMSIZ> key{};
        std::copy_n(name.begin(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), key.begin());
        elements.add(key);
        names += (names.empty() ? "" : ", ") + name;
    }
    if (elements.size() != 0)
        batch.add_elements(elements.get(), names);
}

std::string map_of(const NftElement& element) {
    return source_map(element.service, family_of(element.source), element.source.length);
}

} // namespace sluice::nft
