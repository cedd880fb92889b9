// SPDX-License-Identifier: GPL-2.0-or-later
// Writing the table. What the kernel holds may differ from what the caller believes (elements
// lapse by themselves), so apply() asks for the likely thing and, where the kernel refuses a
// command for such a reason, asks again differently. A refused transaction has changed nothing.
#include "kernel/nft_table.hpp"

#include "kernel/errors.hpp"
#include "kernel/nft_names.hpp"
#include "kernel/nft_objects.hpp"
#include "kernel/nft_read.hpp"
#include "kernel/nft_ruleset.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <tuple>
#include <unordered_map>

namespace sluice {
namespace {

using nft::Clock;
using nft::Elements;

constexpr int most_tries = 8;

Clock clock_at(std::uint64_t now_ns) {
    timespec tick{}; // the coarse clock's resolution is the kernel's tick
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || tick.tv_nsec <= 0)
        tick.tv_nsec = 10'000'000;
    return {now_ns, static_cast<std::uint64_t>(tick.tv_nsec)};
}

auto place(const NftElement& element) {
    return std::tie(element.service, element.source);
}

bool ends_later(const NftElement& one, const NftElement& two) {
    return one.until_ns == 0 || (two.until_ns != 0 && one.until_ns > two.until_ns);
}

// Sorted by place, each place once: with the later moment.
void keep_latest(std::vector<NftElement>& elements) {
    std::sort(elements.begin(), elements.end(), [](const NftElement& one, const NftElement& two) {
        return place(one) != place(two) ? place(one) < place(two) : ends_later(one, two);
    });
    const auto same = [](const auto& one, const auto& two) { return place(one) == place(two); };
    elements.erase(std::unique(elements.begin(), elements.end(), same), elements.end());
}

std::span<const std::uint8_t> key_of(const NftElement& element) {
    return nft::wire_bytes(nft::family_of(element.source), element.source.address);
}

Elements single(const NftElement& element) {
    Elements elements(nft::map_of(element));
    elements.add(key_of(element));
    return elements;
}

Elements single(const NftElement& element, const Clock& clock) {
    Elements elements(nft::map_of(element));
    elements.add_counted(key_of(element), clock.timeout_ms(element.until_ns),
                         nft::class_counter(element.class_name));
    return elements;
}

// The elements of a new table: nothing is there yet, so one command takes many.
std::size_t fill_maps(NftBatch& batch, const NftDesign& design, const NftContent& content,
                      const Clock& clock) {
    constexpr std::size_t piece = 1000;
    std::vector<NftElement> elements = content.elements;
    for (const NftBan& ban : content.bans)
        if (design.hashes(ban.prefix))
            elements.push_back({ban.prefix, "", ban.class_name, ban.until_ns});
    std::erase_if(elements, [&](const NftElement& element) { return clock.passed(element.until_ns); });
    keep_latest(elements);
    std::map<std::string, std::vector<const NftElement*>> by_map;
    for (const NftElement& element : elements)
        by_map[nft::map_of(element)].push_back(&element);
    std::size_t left_out = 0;
    for (const auto& [map, list] : by_map) {
        const std::size_t room = std::min<std::size_t>(list.size(), design.capacity);
        left_out += list.size() - room;
        for (std::size_t begin = 0; begin < room; begin += piece) {
            Elements some(map);
            const std::size_t end = std::min(begin + piece, room);
            for (std::size_t i = begin; i < end; ++i)
                some.add_counted(key_of(*list[i]), clock.timeout_ms(list[i]->until_ns),
                                 nft::class_counter(list[i]->class_name));
            batch.add_elements(some.get(), "from " + to_string(list[begin]->source));
        }
    }
    return left_out;
}

// How one element is changed; which of these the kernel accepts depends on what it holds.
enum class Plan : std::uint8_t {
    add_delete_add, // new, or refreshed: see DESIGN on kernels that keep the old expiry
    delete_add,     // there, but counting for another class: adding it is EEXIST, or EBUSY
    remove,
    nothing, // gone already, or no room
};

struct Step {
    NftElement element;
    Plan plan = Plan::nothing;
};

// One command of a step, to find the step again when it is refused.
struct Part {
    std::size_t step = 0;
    bool deletes = false;
};
using Parts = std::unordered_map<std::uint32_t, Part>;

void write_step(NftBatch& batch, const Step& step, std::size_t index, const Clock& clock, Parts& parts) {
    if (step.plan == Plan::nothing)
        return;
    const std::string which = to_string(step.element.source);
    const auto put = [&] {
        parts[batch.next_sequence()] = {index, false};
        batch.add_elements(single(step.element, clock).get(), which);
    };
    if (step.plan == Plan::add_delete_add)
        put();
    parts[batch.next_sequence()] = {index, true};
    batch.delete_elements(single(step.element).get(), which);
    if (step.plan != Plan::remove)
        put();
}

// Another plan after a refusal; false: no plan helps, the refusal is real.
bool revise(Step& step, bool deletes, int error, std::size_t& left_out) {
    if (step.plan == Plan::nothing) // another command of this step was refused and dealt with
        return true;
    if (step.plan == Plan::remove && deletes && error == ENOENT) {
        step.plan = Plan::nothing;
        return true;
    }
    if (step.plan == Plan::delete_add && deletes && error == ENOENT) {
        step.plan = Plan::add_delete_add;
        return true;
    }
    if (step.plan == Plan::add_delete_add && !deletes && (error == EEXIST || error == EBUSY)) {
        step.plan = Plan::delete_add;
        return true;
    }
    if (!deletes && error == ENFILE) {
        step.plan = Plan::nothing;
        ++left_out;
        return true;
    }
    return false;
}

std::vector<Step> steps_of(const NftChanges& changes, const Clock& clock) {
    std::vector<NftElement> put = changes.put;
    std::vector<NftElement> remove = changes.remove;
    std::erase_if(put, [&](const NftElement& element) {
        if (clock.passed(element.until_ns))
            remove.push_back(element);
        return clock.passed(element.until_ns);
    });
    keep_latest(put);
    keep_latest(remove);
    // What is put is not removed as well.
    const auto before = [](const auto& one, const auto& two) { return place(one) < place(two); };
    std::erase_if(remove, [&](const NftElement& element) {
        return std::binary_search(put.begin(), put.end(), element, before);
    });
    std::vector<Step> steps;
    steps.reserve(put.size() + remove.size());
    for (NftElement& element : remove)
        steps.push_back({std::move(element), Plan::remove});
    for (NftElement& element : put)
        steps.push_back({std::move(element), Plan::add_delete_add});
    return steps;
}

using Plans = std::vector<nft::IntervalPlan>;

Plans plans_of(const NftDesign& design, const NftChanges& changes, const nft::Inventory& existing,
               const Clock& clock) {
    Plans plans;
    if (changes.exempt)
        plans.push_back(nft::plan_exempt(existing, *changes.exempt));
    if (changes.bans_for_ranges)
        plans.push_back(nft::plan_banned_ranges(design, existing, *changes.bans_for_ranges, clock));
    return plans;
}

Plans plans_of(const NftDesign& design, const NftContent& content, const nft::Inventory& existing,
               const Clock& clock) {
    return {nft::plan_exempt(existing, content.exempt),
            nft::plan_banned_ranges(design, existing, content.bans, clock)};
}

void write_rest(NftBatch& batch, const NftDesign& design, const NftChanges& changes, const Plans& plans,
                const nft::Inventory& existing, const Clock& clock) {
    for (const nft::IntervalPlan& plan : plans)
        nft::switch_intervals(batch, plan, existing, design);
    if (changes.interfaces)
        nft::set_interfaces(batch, *changes.interfaces);
    if (changes.gate)
        nft::set_gate(batch, *changes.gate, clock);
}

std::size_t write_table(NftBatch& batch, const NftDesign& design, const NftContent& content,
                        const Plans& plans, const nft::Inventory& existing, const Clock& clock) {
    nft::add_skeleton(batch, design, existing);
    const std::size_t left_out = fill_maps(batch, design, content, clock);
    for (const nft::IntervalPlan& plan : plans)
        nft::switch_intervals(batch, plan, existing, design);
    nft::set_gate(batch, content.gate, clock);
    return left_out;
}

// The first of the two transactions that intervals need.
void prepare_intervals(NftSocket& socket, const Plans& plans, const nft::Inventory& existing,
                       const Clock& clock) {
    NftBatch batch;
    for (const nft::IntervalPlan& plan : plans)
        nft::fill_intervals(batch, plan, existing, clock);
    socket.commit(batch);
}

} // namespace

std::size_t NftTable::install(const NftDesign& design, const NftContent& content, std::uint64_t now_ns) {
    const Clock clock = clock_at(now_ns);
    const nft::Inventory existing = nft::read_inventory(socket_);
    if (!existing.table) {
        NftBatch bare;
        bare.add_table(*nft::make_table());
        socket_.commit(bare);
    }
    const Plans plans = plans_of(design, content, existing, clock);
    prepare_intervals(socket_, plans, existing, clock);
    NftBatch batch;
    const std::size_t left_out = write_table(batch, design, content, plans, existing, clock);
    if (!socket_.try_commit(batch).empty())
        return replace(design, content, clock);
    if (!existing.table)
        return left_out;
    // An element that has lapsed may hold its counter for a while yet: next time, then.
    NftBatch stale;
    nft::delete_stale_counters(stale, design, existing);
    static_cast<void>(socket_.try_commit(stale));
    nft::reset_counters(socket_);
    return left_out;
}

// For a table that somebody has bent so that it cannot be set right: thrown away and made anew in
// one transaction. Packets that are between the old hook and the new at that moment pass.
std::size_t NftTable::replace(const NftDesign& design, const NftContent& content, const nft::Clock& clock) {
    const nft::Inventory nothing;
    const Plans plans = plans_of(design, content, nothing, clock);
    NftBatch batch;
    // `add` first, because deleting what is not there is refused.
    batch.add_table(*nft::make_table());
    batch.delete_table(nft::table);
    batch.add_table(*nft::make_table());
    for (const nft::IntervalPlan& plan : plans)
        nft::fill_intervals(batch, plan, nothing, clock);
    const std::size_t left_out = write_table(batch, design, content, plans, nothing, clock);
    socket_.commit(batch);
    return left_out;
}

std::size_t NftTable::apply(const NftDesign& design, const NftChanges& changes, std::uint64_t now_ns) {
    if (changes.empty())
        return 0;
    const Clock clock = clock_at(now_ns);
    const nft::Inventory existing = nft::read_inventory(socket_);
    if (!existing.table)
        throw SystemError("nft", std::string("list table inet ") + nft::table, ENOENT);
    const Plans plans = plans_of(design, changes, existing, clock);
    prepare_intervals(socket_, plans, existing, clock);
    std::vector<Step> steps = steps_of(changes, clock);
    std::size_t left_out = 0;
    for (int tries = 0;; ++tries) {
        NftBatch batch;
        Parts parts;
        for (std::size_t i = 0; i < steps.size(); ++i)
            write_step(batch, steps[i], i, clock, parts);
        write_rest(batch, design, changes, plans, existing, clock);
        const std::vector<NftRefusal> refused = socket_.try_commit(batch);
        if (refused.empty())
            return left_out;
        for (const NftRefusal& refusal : refused) {
            const auto part = parts.find(refusal.sequence);
            // A map that does not exist is damage, not an element that has lapsed.
            const bool curable = part != parts.end() && tries < most_tries &&
                                 existing.sets.contains(nft::map_of(steps[part->second.step].element));
            if (!curable || !revise(steps[part->second.step], part->second.deletes, refusal.error, left_out))
                throw SystemError("nft", batch.describe(refusal.sequence), refusal.error);
        }
    }
}

void NftTable::remove() {
    NftBatch batch;
    batch.add_table(*nft::make_table());
    batch.delete_table(nft::table);
    socket_.commit(batch);
}

bool NftTable::present() {
    return nft::read_table_present(socket_);
}

std::optional<NftCounters> NftTable::counters() {
    if (!present())
        return std::nullopt;
    return nft::read_counters(socket_);
}

NftState NftTable::read(const NftDesign& design, std::uint64_t now_ns) {
    return nft::read_state(socket_, design, now_ns);
}

} // namespace sluice
