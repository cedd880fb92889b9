// SPDX-License-Identifier: GPL-2.0-or-later
// The schedule of looks.
#include "core/watch_list.hpp"

#include <algorithm>

namespace sluice {
namespace {

// Before the moment that nftables knows: once with time to spare, once more close to it.
constexpr std::uint64_t early_ns = 500'000'000;
constexpr std::uint64_t close_ns = 50'000'000;

std::uint64_t next_look_at(const Watched& watched, std::uint64_t now_ns) {
    const std::uint64_t later = now_ns + watched.pause_ns;
    for (const std::uint64_t margin : {early_ns, close_ns}) {
        const std::uint64_t mark = watched.until_ns > margin ? watched.until_ns - margin : 0;
        if (mark > now_ns)
            return std::min(later, mark);
    }
    // within the last moments: the release moment itself, and if that has passed, at once
    return std::max(watched.until_ns, now_ns + 1);
}

} // namespace

void WatchList::schedule(const sluice_source_key& key, Watched& watched, std::uint64_t now_ns) {
    by_look_.erase({watched.look_ns, key});
    watched.look_ns = next_look_at(watched, now_ns);
    by_look_.emplace(watched.look_ns, key);
}

void WatchList::put(const sluice_source_key& key, const Watched& fresh, std::uint64_t now_ns) {
    erase(key);
    Watched& watched = sources_.emplace(key, fresh).first->second;
    watched.pause_ns = first_pause_ns;
    schedule(key, watched, now_ns);
}

void WatchList::keep(const sluice_source_key& key, std::uint64_t until_ns, bool enforced,
                     std::uint64_t now_ns) {
    const auto found = sources_.find(key);
    if (found == sources_.end())
        return;
    found->second.until_ns = until_ns;
    found->second.enforced = enforced;
    found->second.pause_ns *= 2;
    schedule(key, found->second, now_ns);
}

void WatchList::erase(const sluice_source_key& key) {
    const auto found = sources_.find(key);
    if (found == sources_.end())
        return;
    by_look_.erase({found->second.look_ns, key});
    sources_.erase(found);
}

void WatchList::clear() {
    sources_.clear();
    by_look_.clear();
}

const Watched* WatchList::find(const sluice_source_key& key) const {
    const auto found = sources_.find(key);
    return found == sources_.end() ? nullptr : &found->second;
}

std::vector<sluice_source_key> WatchList::due(std::uint64_t now_ns, std::size_t most) const {
    std::vector<sluice_source_key> keys;
    for (const auto& [look_ns, key] : by_look_) {
        if (look_ns > now_ns || keys.size() == most)
            break;
        keys.push_back(key);
    }
    return keys;
}

std::optional<std::uint64_t> WatchList::next_look() const {
    if (by_look_.empty())
        return std::nullopt;
    return by_look_.begin()->first;
}

} // namespace sluice
