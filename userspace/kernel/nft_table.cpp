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
#include "kernel/nft_steps.hpp"

#include <cerrno>
#include <ctime>

namespace sluice {
namespace {

using nft::Clock;

constexpr int most_tries = 8;

Clock clock_at(std::uint64_t now_ns) {
    timespec tick{}; // the coarse clock's resolution is the kernel's tick
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || tick.tv_nsec <= 0)
        tick.tv_nsec = 10'000'000;
    return {now_ns, static_cast<std::uint64_t>(tick.tv_nsec)};
}

using Plans = std::vector<nft::IntervalPlan>;

Plans plans_of(const NftDesign& design, const NftChanges& changes, const nft::Inventory& existing,
               const Clock& clock) {
    Plans plans;
    if (changes.exempt)
        plans.push_back(nft::plan_exempt(existing, *changes.exempt));
    if (changes.apart)
        plans.push_back(nft::plan_apart(design, existing, *changes.apart));
    if (changes.bans_for_ranges)
        plans.push_back(nft::plan_banned_ranges(design, existing, *changes.bans_for_ranges, clock));
    return plans;
}

Plans plans_of(const NftDesign& design, const NftContent& content, const nft::Inventory& existing,
               const Clock& clock) {
    return {nft::plan_exempt(existing, content.spared.exempt),
            nft::plan_apart(design, existing, content.spared.apart),
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
    const std::size_t left_out = nft::fill_maps(batch, design, content, clock);
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
    std::vector<nft::Step> steps = nft::steps_of(changes, clock);
    std::size_t left_out = 0;
    for (int tries = 0;; ++tries) {
        NftBatch batch;
        nft::Parts parts;
        for (std::size_t i = 0; i < steps.size(); ++i)
            nft::write_step(batch, steps[i], i, clock, parts);
        write_rest(batch, design, changes, plans, existing, clock);
        const std::vector<NftRefusal> refused = socket_.try_commit(batch);
        if (refused.empty())
            return left_out;
        for (const NftRefusal& refusal : refused) {
            const auto part = parts.find(refusal.sequence);
            // A map that does not exist is damage, not an element that has lapsed.
            const bool curable = part != parts.end() && tries < most_tries &&
                                 existing.sets.contains(nft::map_of(steps[part->second.step].element));
            if (!curable ||
                !nft::revise(steps[part->second.step], part->second.deletes, refusal.error, left_out))
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

NftSpared NftTable::spared(const NftDesign& design) {
    return nft::read_spared(socket_, design);
}

} // namespace sluice
