// SPDX-License-Identifier: GPL-2.0-or-later
// The same look-ups as bpf/sources.h, by the same arithmetic (bpf/table.h), in mapped memory.
#include "kernel/source_table.hpp"

#include "table.h"
#include "window.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace sluice {
namespace {

std::atomic_ref<std::uint32_t> way_at(const Mapping& sets, std::uint32_t set, std::uint32_t way) {
    auto* const ways = reinterpret_cast<sluice_set*>(sets.at(set));
    return std::atomic_ref<std::uint32_t>(ways->way[way]);
}

std::uint32_t life_of(const std::byte* element) {
    std::uint32_t life = 0;
    std::memcpy(&life, element + offsetof(sluice_source, life), sizeof(life));
    std::atomic_thread_fence(std::memory_order_acquire);
    return life;
}

// An entry of a table with shorter logs, as it will be when its next attempt moves it (bpf/sources.h,
// take_over_old).
sluice_source widened(const sluice_source& entry, std::uint32_t from, std::uint32_t to) {
    sluice_source wide = entry;
    std::fill(std::begin(wide.slots), std::end(wide.slots), 0);
    const window_place head{entry.head >> 8, static_cast<std::uint32_t>(entry.head & 0xff), 0};
    std::uint32_t logged = 0;
    for (std::uint32_t back = from; back > 0; back--) {
        const window_place at = window_before(head, back, from);
        const std::uint64_t slot = window_slot(&entry, at.index, from);
        if (window_holds(slot, at) && logged < to)
            wide.slots[logged++] = slot >> 8 << 8 | 1;
    }
    wide.head = logged < to ? WINDOW_FIRST_HEAD + logged : std::uint64_t{2} << 8;
    return wide;
}

} // namespace

sluice_source_key key_of(const sluice_source& entry) {
    sluice_source_key key{};
    std::copy(std::begin(entry.addr), std::end(entry.addr), key.addr);
    key.prefix_len = entry.prefix_len;
    key.service = entry.service;
    return key;
}

SourceTable::Part SourceTable::open_part(const Opener& get, const char* sets, const char* sources) {
    const Fd set_map = get(sets);
    const Fd source_map = get(sources);
    const bpf_map_info set_info = map_info(set_map.get(), sets);
    const bpf_map_info info = map_info(source_map.get(), sources);
    if (set_info.value_size != sizeof(sluice_set) || info.value_size <= SLUICE_SOURCE_SIZE(0) ||
        info.value_size > sizeof(sluice_source) || info.value_size % 8 != 0 ||
        std::uint64_t{set_info.max_entries} * SLUICE_WAYS != info.max_entries)
        throw SystemError("open map", std::string(sources) + " (made by another version of sluice)", EPROTO);
    Part part;
    part.sets = Mapping(set_map.get(), sets, true);
    part.sources = Mapping(source_map.get(), sources, true);
    part.value_size = info.value_size;
    part.log_capacity = (info.value_size - SLUICE_SOURCE_SIZE(0)) / 8;
    return part;
}

SourceTable::SourceTable(const Opener& get, std::uint64_t hash_seed, bool moving)
    : sources_fd_(get("sources")), live_(open_part(get, "sets", "sources")), hash_seed_(hash_seed) {
    if (moving)
        old_ = open_part(get, "old_sets", "old_sources");
    memories_ = Mapping(get("memories").get(), "memories", false);
    larges_ = Mapping(get("larges").get(), "larges", false);
}

std::optional<sluice_source> SourceTable::copy(const Part& part, std::uint32_t index) const {
    const std::byte* const element = part.sources.at(index);
    const std::uint32_t life = life_of(element);
    sluice_source entry{};
    std::memcpy(&entry, element, part.value_size);
    // being made, freed, or given to another source while it was read
    if (life == 0 || life_of(element) != life || entry.prefix_len > 128)
        return std::nullopt;
    return entry;
}

std::optional<SourceTable::Found> SourceTable::search(const Part& part, const sluice_source_key& key) const {
    table_place place{};
    table_place_of(&key, hash_seed_, &place);
    for (int which = 0; which < 2; which++) {
        const std::uint32_t set = table_set(&place, which, part.sets.count());
        for (std::uint32_t way = 0; way < SLUICE_WAYS; way++) {
            if (((way_at(part.sets, set, way).load() ^ place.tag) >> TABLE_TAG_SHIFT) != 0)
                continue;
            const auto entry = copy(part, set * SLUICE_WAYS + way);
            if (entry && table_is(&*entry, &key))
                return Found{set, way, *entry};
        }
    }
    return std::nullopt;
}

std::optional<sluice_source> SourceTable::find(const sluice_source_key& key) const {
    if (const auto found = search(live_, key))
        return found->entry;
    if (old_)
        if (const auto found = search(*old_, key))
            return widened(found->entry, old_->log_capacity, live_.log_capacity);
    return std::nullopt;
}

std::optional<sluice_large> SourceTable::large_of(const sluice_source& entry) const {
    const std::uint32_t mine = entry.blocks >> 4;
    if (mine == 0 || mine > SLUICE_GROUP)
        return std::nullopt;
    const sluice_source_key key = key_of(entry);
    table_place place{};
    table_place_of(&key, hash_seed_, &place);
    sluice_large large{};
    std::memcpy(&large, larges_.at(table_block(&place, larges_.count() / SLUICE_GROUP) + mine - 1),
                sizeof(large));
    return large.owner == place.owner && large.base != 0 ? std::optional(large) : std::nullopt;
}

bool SourceTable::erase_from(const Part& part, const sluice_source_key& key) const {
    const auto found = search(part, key);
    if (!found)
        return false;
    // no look-up leads to it from here on; who holds it already finds its life gone and counts nothing
    auto way = way_at(part.sets, found->set, found->way);
    for (std::uint32_t seen = way.load(); seen != 0 && !way.compare_exchange_weak(seen, 0);) {
        if (((seen ^ way.load()) >> TABLE_TAG_SHIFT) != 0)
            return false; // given to another source meanwhile
    }
    auto* const element =
        reinterpret_cast<sluice_source*>(part.sources.at(found->set * SLUICE_WAYS + found->way));
    std::uint32_t life = found->entry.life;
    std::atomic_ref<std::uint32_t>(element->life).compare_exchange_strong(life, 0);
    return true;
}

bool SourceTable::erase(const sluice_source_key& key) {
    const bool was_old = old_ && erase_from(*old_, key);
    return erase_from(live_, key) || was_old;
}

void SourceTable::for_each(
    const std::function<void(const sluice_source_key&, const sluice_source&)>& visit) const {
    const auto walk = [&](const Part& part, const auto& use) {
        for (std::uint32_t set = 0; set < part.sets.count(); set++)
            for (std::uint32_t way = 0; way < SLUICE_WAYS; way++) {
                if (way_at(part.sets, set, way).load(std::memory_order_relaxed) == 0)
                    continue;
                if (const auto entry = copy(part, set * SLUICE_WAYS + way))
                    use(*entry);
            }
    };
    walk(live_, [&](const sluice_source& entry) { visit(key_of(entry), entry); });
    if (old_)
        walk(*old_, [&](const sluice_source& entry) {
            if (!search(live_, key_of(entry)))
                visit(key_of(entry), widened(entry, old_->log_capacity, live_.log_capacity));
        });
}

} // namespace sluice
