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
#include <set>

namespace sluice::nft {

const std::vector<std::uint8_t>& source_lengths(const NftDesign& design, const Family& family) {
    return &family == &ip4 ? design.prefixes4 : design.prefixes6;
}

std::vector<std::uint8_t> refuse_lengths(const NftDesign& design, const Family& family) {
    auto list = source_lengths(design, family);
    if (list.empty())
        list.push_back(&family == &ip4 ? 128 : 64);
    std::sort(list.begin(), list.end(), std::greater<>());
    return list;
}

namespace {

constexpr std::uint32_t most_logged = 65'536;

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
std::vector<SetSpec> common_sets() {
    return {{.name = interfaces_set, .key = KeyType::ifname, .comment = "attached devices"},
            {.name = enforced_set,
             .key = KeyType::nfproto,
             .flags = NFT_SET_TIMEOUT,
             .comment = "empty: nothing is dropped but samples"},
            {.name = services_map, .key = KeyType::inet_service, .flags = NFT_SET_MAP}};
}

// map limited_smtp_ip4_32 { type ipv4_addr : counter; flags timeout; size N }
// map banned_ip4_32 { type ipv4_addr : counter; flags timeout; size N }
// set logged_ip4_32 { type ipv4_addr; flags dynamic,timeout; size N; timeout 60s }
void add_source_sets(std::vector<SetSpec>& sets, const NftDesign& design, const Family& family) {
    const auto add_map = [&](const std::string& name) {
        sets.push_back({.name = name,
                        .key = key_type(family),
                        .flags = NFT_SET_OBJECT | NFT_SET_TIMEOUT,
                        .size = design.capacity});
    };
    for (const std::uint8_t length : source_lengths(design, family)) {
        add_map(source_map("", family, length));
        for (const NftService& service : design.services)
            add_map(source_map(service.name, family, length));
    }
    if (design.log_max_per_second == 0 || design.log_every.count() == 0)
        return;
    for (const std::uint8_t length : refuse_lengths(design, family))
        sets.push_back({.name = logged_set(family, length),
                        .key = key_type(family),
                        .flags = NFT_SET_EVAL | NFT_SET_TIMEOUT,
                        .size = logged_size(design),
                        .timeout = design.log_every});
}

std::vector<SetSpec> fixed_sets(const NftDesign& design) {
    std::vector<SetSpec> sets = common_sets();
    for (const Family* family : {&ip4, &ip6})
        add_source_sets(sets, design, *family);
    return sets;
}

std::set<std::string> counter_names(const NftDesign& design) {
    std::set<std::string> names{ranges_counter, logged_counter, sampled_counter};
    for (const std::string& name : design.classes)
        names.insert(class_counter(name));
    return names;
}

void add_objects(NftBatch& batch, const NftDesign& design, const Inventory& existing) {
    for (const std::string& name : counter_names(design))
        if (!existing.counters.contains(name))
            batch.add_object(*make_counter(name));
    if (design.log_max_per_second != 0)
        batch.add_object(*make_limit(log_limit, design.log_max_per_second));
}

// Regular chains with their comments, each before those that jump to it.
std::vector<std::pair<std::string, std::string>> regular_chains(const NftDesign& design) {
    std::vector<std::pair<std::string, std::string>> chains;
    for (const Family* family : {&ip4, &ip6})
        for (const std::uint8_t length : refuse_lengths(design, *family))
            chains.emplace_back(refuse_chain(*family, length), "");
    chains.emplace_back(exempt_chain, "exempt inside something that is dropped");
    chains.emplace_back(banned_ranges_chain, "bans of other lengths than sources have");
    chains.emplace_back(attempts_chain, "for every service");
    for (const NftService& service : design.services)
        chains.emplace_back(service_chain(service.name), "");
    return chains;
}

void add_chains(NftBatch& batch, const NftDesign& design, const Inventory& existing) {
    for (const auto& [name, comment] : regular_chains(design))
        if (!existing.chains.contains(name))
            batch.add_chain(*make_chain(name, comment));
    // If it is there this changes nothing, or is refused because it is another kind of chain.
    batch.add_chain(*make_base_chain(base_chain));
}

// Whether it is left to the switch of interval sets.
bool is_interval_set(const NftDesign& design, const std::string& name) {
    const auto is = [&](const std::string& set) {
        return name == lettered(set, 'a') || name == lettered(set, 'b');
    };
    for (const Family* family : {&ip4, &ip6}) {
        if (is(exempt_set(*family)) || is(banned_ranges_set(*family)))
            return true;
        for (const std::uint8_t length : source_lengths(design, *family))
            if (is(apart_set(*family, length)))
                return true;
    }
    return false;
}

bool keeps(const Inventory& existing, const SetSpec& spec) {
    const auto found = existing.sets.find(spec.name);
    return found != existing.sets.end() && found->second == shape(*make_set(spec));
}

// Takes away what a table had that the design does not want, and empties the rest. Rules first,
// then elements, then what they referred to. Who was logged lately is not forgotten.
void clear_table(NftBatch& batch, const NftDesign& design, const std::vector<SetSpec>& wanted,
                 const Inventory& existing) {
    batch.flush_table(table);
    for (const SetSpec& spec : wanted)
        if (keeps(existing, spec) && (spec.flags & NFT_SET_EVAL) == 0)
            batch.flush_set(table, spec.name);
    for (const auto& [name, its_shape] : existing.sets) {
        const auto same = [&name = name](const SetSpec& spec) { return spec.name == name; };
        const auto spec = std::ranges::find_if(wanted, same);
        if (!is_interval_set(design, name) && (spec == wanted.end() || !keeps(existing, *spec)))
            batch.delete_set(table, name);
    }
    std::set<std::string> chains{base_chain};
    for (const auto& [name, comment] : regular_chains(design))
        chains.insert(name);
    for (const std::string& name : existing.chains)
        if (!chains.contains(name))
            batch.delete_chain(table, name);
    if (existing.limit)
        batch.delete_object(*make_limit(log_limit, 1));
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
// [ip saddr != @apart_ip4_24_a] counter name ip saddr & MASK map @limited_smtp_ip4_24 goto refuse_ip4_24
void map_rules(std::vector<Rule>& rules, const NftDesign& design, const std::string& chain,
               const std::string& service, const LetteredSets& apart) {
    for (const Family* family : {&ip4, &ip6}) {
        for (const std::uint8_t length : refuse_lengths(design, *family)) {
            if (source_lengths(design, *family).empty())
                continue;
            Rule rule(chain);
            if (const auto set = apart.find(apart_set(*family, length)); set != apart.end())
                rule.saddr_not_in(*family, 128, set->second);
            rules.push_back(
                std::move(rule.count_by_saddr(*family, length, source_map(service, *family, length))
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
    map_rules(rules, design, attempts_chain, "", {});
    rules.push_back(std::move(Rule(attempts_chain).jump(banned_ranges_chain)));
    base_rules(rules, design);
    return rules;
}

std::vector<Rule> service_rules(const NftDesign& design, const LetteredSets& apart) {
    std::vector<Rule> rules;
    for (const NftService& service : design.services) {
        const std::string chain = service_chain(service.name);
        rules.push_back(std::move(Rule(chain).jump(attempts_chain)));
        map_rules(rules, design, chain, service.name, apart);
    }
    return rules;
}

void add_skeleton(NftBatch& batch, const NftDesign& design, const Inventory& existing) {
    const std::vector<SetSpec> sets = fixed_sets(design);
    batch.add_table(*make_table());
    if (existing.table)
        clear_table(batch, design, sets, existing);
    add_objects(batch, design, existing);
    for (const SetSpec& spec : sets)
        if (!keeps(existing, spec))
            batch.add_set(*make_set(spec));
    add_chains(batch, design, existing);
    for (const Rule& rule : fixed_rules(design))
        batch.add_rule(rule.get());
    add_services(batch, design);
    set_interfaces(batch, design.interfaces);
}

void delete_stale_counters(NftBatch& batch, const NftDesign& design, const Inventory& existing) {
    const std::set<std::string> wanted = counter_names(design);
    for (const std::string& name : existing.counters)
        if (!wanted.contains(name))
            batch.delete_object(*make_counter(name));
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
