// SPDX-License-Identifier: GPL-2.0-or-later
// The table as a whole: is everything there that the design asks for, and what is in it. Read
// within one generation of the ruleset, so that it is one moment's truth.
#include "kernel/nft_objects.hpp"
#include "kernel/nft_ranges.hpp"
#include "kernel/nft_read.hpp"
#include "kernel/nft_ruleset.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace sluice::nft {
namespace {

constexpr int most_tries = 8;
constexpr std::uint64_t ns_per_ms = 1'000'000;

std::uint64_t moment(const RawElement& element, std::uint64_t now_ns) {
    return element.left_ms == 0 ? 0 : now_ns + element.left_ms * ns_per_ms;
}

using ByChain = std::map<std::string, std::vector<std::string>>;

ByChain by_chain(const std::vector<std::string>& outlines) {
    ByChain chains;
    for (const std::string& line : outlines)
        chains[line.substr(0, line.find(':'))].push_back(line);
    return chains;
}

// The interval set in force: the one that a rule looks up. One without any rule is damage too.
std::optional<std::string> live_set(const Inventory& existing, const std::string& set) {
    std::optional<std::string> found;
    for (const char letter : {'b', 'a'})
        if (existing.sets.contains(lettered(set, letter)) &&
            (!found || existing.looked_up.contains(lettered(set, letter))))
            found = lettered(set, letter);
    return found;
}

LetteredSets live_apart(const NftDesign& design, const Inventory& existing) {
    LetteredSets sets;
    for (const Family* family : {&ip4, &ip6})
        for (const std::uint8_t length : source_lengths(design, *family))
            if (const auto name = live_set(existing, apart_set(*family, length)))
                sets[apart_set(*family, length)] = *name;
    return sets;
}

// The rules that must be there, given the interval sets that are.
ByChain expected_rules(const NftDesign& design, const Inventory& existing) {
    std::vector<std::string> outlines;
    for (const Rule& rule : fixed_rules(design))
        outlines.push_back(outline(rule.get()));
    for (const Rule& rule : service_rules(design, live_apart(design, existing)))
        outlines.push_back(outline(rule.get()));
    for (const Family* family : {&ip4, &ip6}) {
        if (const auto name = live_set(existing, exempt_set(*family)))
            outlines.push_back(outline(exempt_rule(*family, *name).get()));
        if (const auto name = live_set(existing, banned_ranges_set(*family)))
            outlines.push_back(outline(banned_ranges_rule(design, *family, *name).get()));
    }
    return by_chain(outlines);
}

std::string wrong_rules(const ByChain& expected, const ByChain& found) {
    for (const auto& [chain, rules] : expected)
        if (const auto there = found.find(chain); there == found.end() || there->second != rules)
            return "rules of chain " + chain;
    for (const auto& [chain, rules] : found)
        if (!expected.contains(chain))
            return "foreign rules in chain " + chain;
    return "";
}

std::string wrong_services(const NftDesign& design, const std::vector<RawElement>& elements) {
    std::map<std::uint16_t, std::string> expected;
    std::map<std::uint16_t, std::string> found;
    for (const NftService& service : design.services)
        for (const std::uint16_t port : service.ports)
            expected[port] = service_chain(service.name);
    for (const RawElement& element : elements)
        if (element.key.size() == 2)
            found[static_cast<std::uint16_t>(element.key[0] << 8 | element.key[1])] = element.chain;
    return expected == found ? "" : "elements of map services";
}

void read_maps(NftSocket& socket, const NftDesign& design, std::uint64_t now_ns, NftState& state,
               const Inventory& existing) {
    const auto read_map = [&](const std::string& service, const Family& family, std::uint8_t length) {
        const std::string name = source_map(service, family, length);
        if (!existing.sets.contains(name)) {
            state.damage = state.damage.empty() ? "map " + name : state.damage;
            return;
        }
        for (const RawElement& raw : read_elements(socket, name)) {
            if (raw.key.size() != family.address_bytes || !raw.counter.starts_with(dropped_prefix))
                continue;
            state.elements.push_back({{from_wire(family, raw.key), length},
                                      service,
                                      raw.counter.substr(dropped_prefix.size()),
                                      moment(raw, now_ns)});
        }
    };
    const auto read_family = [&](const Family& family, const std::vector<std::uint8_t>& lengths) {
        for (const std::uint8_t length : lengths) {
            read_map("", family, length);
            for (const NftService& service : design.services)
                read_map(service.name, family, length);
        }
    };
    read_family(ip4, design.prefixes4);
    read_family(ip6, design.prefixes6);
}

void append_ranges(NftSocket& socket, const Family& family, const std::string& set, const Inventory& existing,
                   std::vector<NftRange>& out) {
    const auto name = live_set(existing, set);
    if (!name)
        return;
    const auto ranges = to_ranges(family, read_elements(socket, *name));
    out.insert(out.end(), ranges.begin(), ranges.end());
}

NftSpared read_spared(NftSocket& socket, const NftDesign& design, const Inventory& existing) {
    NftSpared there;
    for (const Family* family : {&ip4, &ip6}) {
        append_ranges(socket, *family, exempt_set(*family), existing, there.exempt);
        for (const std::uint8_t length : source_lengths(design, *family))
            append_ranges(socket, *family, apart_set(*family, length), existing, there.apart[length]);
    }
    std::erase_if(there.apart, [](const auto& entry) { return entry.second.empty(); });
    NftSpared sorted;
    sorted.merge(there);
    return sorted;
}

void read_gate(NftSocket& socket, std::uint64_t now_ns, NftState& state) {
    const auto elements = read_elements(socket, enforced_set);
    state.gate.enforced = !elements.empty();
    if (elements.size() == 1)
        state.damage = state.damage.empty() ? "elements of set enforced" : state.damage;
    for (const RawElement& element : elements)
        state.gate.until_ns = std::max(state.gate.until_ns, moment(element, now_ns));
}

void read_interfaces(NftSocket& socket, const NftDesign& design, NftState& state) {
    for (const RawElement& element : read_elements(socket, interfaces_set))
        state.interfaces.emplace_back(element.key.begin(),
                                      std::find(element.key.begin(), element.key.end(), 0));
    std::sort(state.interfaces.begin(), state.interfaces.end());
    std::vector<std::string> expected = design.interfaces;
    std::sort(expected.begin(), expected.end());
    expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
    if (state.interfaces != expected && state.damage.empty())
        state.damage = "elements of set interfaces";
}

NftState read_once(NftSocket& socket, const NftDesign& design, std::uint64_t now_ns) {
    NftState state;
    const Inventory existing = read_inventory(socket);
    if (!existing.table)
        return state;
    state.present = true;
    state.damage = read_table_fault(socket);
    if (state.damage.empty())
        state.damage = wrong_rules(expected_rules(design, existing), by_chain(read_outlines(socket)));
    if (state.damage.empty())
        state.damage = wrong_services(design, read_elements(socket, services_map));
    state.counters = read_counters(socket);
    for (const std::string& name : design.classes)
        if (!state.counters.dropped.contains(name) && state.damage.empty())
            state.damage = "counter " + class_counter(name);
    read_maps(socket, design, now_ns, state, existing);
    state.spared = read_spared(socket, design, existing);
    for (const Family* family : {&ip4, &ip6})
        append_ranges(socket, *family, banned_ranges_set(*family), existing, state.ban_ranges);
    read_gate(socket, now_ns, state);
    read_interfaces(socket, design, state);
    return state;
}

} // namespace

NftSpared read_spared(NftSocket& socket, const NftDesign& design) {
    return read_spared(socket, design, read_inventory(socket));
}

NftState read_state(NftSocket& socket, const NftDesign& design, std::uint64_t now_ns) {
    for (int tries = 1;; ++tries) {
        const std::uint32_t before = socket.generation();
        NftState state = read_once(socket, design, now_ns);
        if (socket.generation() == before || tries == most_tries)
            return state;
    }
}

} // namespace sluice::nft
