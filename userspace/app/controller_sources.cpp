// SPDX-License-Identifier: GPL-2.0-or-later
// Sources: from an edge, a due look or a walk of the map to nft elements and log lines.
#include "app/controller.hpp"

#include "core/duration.hpp"
#include "core/over.hpp"
#include "kernel/clock.hpp"
#include "kernel/local_time.hpp"
#include "kernel/pins.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace sluice {
namespace {

constexpr std::size_t most_looks = 8192; // in one transaction
constexpr std::uint8_t whole_address = 128;
constexpr std::uint64_t tidy_every_ns = 60'000'000'000;

std::string wall_time(std::uint64_t boottime_moment_ns) {
    const std::uint64_t offset_ns = walltime_ns() - boottime_ns();
    return to_local_time(boottime_moment_ns + offset_ns);
}

std::string describe_limit(const sluice_policy& policy) {
    const auto per = std::chrono::milliseconds(policy.per_ticks * SLUICE_TICK_NS / 1'000'000);
    return std::to_string(policy.connections) + " per " + format_duration(per);
}

} // namespace

std::string Controller::name_source(const sluice_source_key& key) const {
    return to_string(source_of(key)) + " service " + names_.services[key.service];
}

void Controller::log_limited(const sluice_source_key& key, const SourceVerdict& verdict,
                             const sluice_source& entry) const {
    const char* what = !verdict.to_be_dropped        ? "over (its class observes)"
                       : mode_.mode == Mode::observe ? "would be limited (mode observe)"
                                                     : "limited";
    spdlog::info("{}: {} class {}: {} attempts so far, limit {}, until {}", what, name_source(key),
                 names_.classes[verdict.class_id], entry.attempts, describe_limit(verdict.policy),
                 wall_time(verdict.until_ns));
}

void Controller::log_all_limited() const {
    const KernelMaps& maps = loaded_->program.maps();
    const LivePolicy live(maps);
    const std::uint64_t now_ns = boottime_ns();
    for (const auto& [key, watched] : watched_.all()) {
        const std::optional<sluice_source> entry = maps.sources.find(key);
        if (!entry || !watched.enforced)
            continue;
        const SourceVerdict verdict = judge_source(live, maps.sources, key, *entry, now_ns);
        if (verdict.to_be_dropped)
            log_limited(key, verdict, *entry);
    }
}

void Controller::log_released(const sluice_source_key& key, const Watched& watched, const char* why) const {
    const auto lasted = std::chrono::milliseconds((boottime_ns() - watched.since_ns) / 1'000'000);
    spdlog::info("released: {} class {}: {}, after {}", name_source(key), names_.classes[watched.class_id],
                 why, format_rough(lasted));
}

void Controller::look(const LivePolicy& live, const sluice_source_key& key, NftChanges& changes,
                      std::uint64_t now_ns) {
    if (key.service >= names_.services.size() || names_.services[key.service].empty()) {
        watched_.erase(key); // its service is gone since a reload, and its maps with it
        return;
    }
    const KernelMaps& maps = loaded_->program.maps();
    const std::optional<sluice_source> entry = maps.sources.find(key);
    const Watched* known = watched_.find(key);
    const NftElement element{source_of(key), names_.services[key.service], "", 0};
    if (!entry) {
        // Evicted, or released by a command (which takes the element out itself): an eviction does
        // not let anybody off, so nftables keeps the element until its moment.
        if (known != nullptr && known->until_ns <= now_ns) {
            log_released(key, *known, "its entry is gone");
            watched_.erase(key);
        } else if (known != nullptr) {
            watched_.keep(key, known->until_ns, known->enforced, now_ns);
        }
        return;
    }
    const SourceVerdict verdict = judge_source(live, maps.sources, key, *entry, now_ns);
    if (verdict.until_ns == 0 || verdict.exempt) {
        if (known != nullptr) {
            log_released(key, *known, verdict.exempt ? "it is exempt now" : "it calmed down");
            if (known->enforced)
                changes.remove.push_back(element);
            watched_.erase(key);
        }
        return;
    }
    const bool enforce = verdict.to_be_dropped && nft_->design().hashes(element.source);
    if (enforce && (known == nullptr || !known->enforced || known->until_ns != verdict.until_ns))
        changes.put.push_back(
            {element.source, element.service, names_.classes[verdict.class_id], verdict.until_ns});
    else if (!enforce && known != nullptr && known->enforced)
        changes.remove.push_back(element);
    if (known != nullptr) {
        watched_.keep(key, verdict.until_ns, enforce, now_ns);
        return;
    }
    watched_.put(key, {verdict.until_ns, over_since(*entry, now_ns), 0, 0, verdict.class_id, enforce},
                 now_ns);
    if (!quiet_)
        log_limited(key, verdict, *entry);
}

// Nothing is dropped for it, so there is nothing to decide.
void Controller::log_warned(const sluice_event& event) const {
    const LivePolicy live(loaded_->program.maps());
    const sluice_policy policy = live.policy(event.class_id, event.key.service);
    spdlog::info("warning: {} class {}: {} attempts, limit {}", name_source(event.key),
                 names_.classes[event.class_id], event.count, describe_limit(policy));
}

void Controller::on_events() {
    const std::vector<sluice_event> events = ring_->drain();
    if (events.empty())
        return;
    const WriterLock lock(options_.pin_dir);
    const LivePolicy live(loaded_->program.maps());
    const std::uint64_t now_ns = boottime_ns();
    NftChanges changes;
    // The entry decides, not the event: a command may have released the source since.
    for (const sluice_event& event : events)
        if (event.kind == SLUICE_EVENT_WARN)
            log_warned(event);
        else
            look(live, event.key, changes, now_ns);
    commit(changes);
}

void Controller::look_at_due() {
    const std::uint64_t now_ns = boottime_ns();
    const std::vector<sluice_source_key> keys = watched_.due(now_ns, most_looks);
    if (keys.empty())
        return;
    const WriterLock lock(options_.pin_dir);
    const LivePolicy live(loaded_->program.maps());
    NftChanges changes;
    for (const sluice_source_key& key : keys)
        look(live, key, changes, now_ns);
    commit(changes);
}

void Controller::sweep() {
    const LivePolicy live(loaded_->program.maps());
    const std::uint64_t now_ns = boottime_ns();
    std::vector<sluice_source_key> over;
    loaded_->program.maps().sources.for_each([&](const sluice_source_key& key, const sluice_source& entry) {
        if (entry.until_ns > now_ns && key.service < SLUICE_MAX_SERVICES)
            over.push_back(key);
    });
    for (const auto& [key, watched] : watched_.all())
        over.push_back(key);
    std::sort(over.begin(), over.end(), SourceKeyLess{});
    const auto same = [](const auto& a, const auto& b) {
        return !SourceKeyLess{}(a, b) && !SourceKeyLess{}(b, a);
    };
    over.erase(std::unique(over.begin(), over.end(), same), over.end());
    NftChanges changes;
    for (const sluice_source_key& key : over)
        look(live, key, changes, now_ns);
    commit(changes);
}

Carve Controller::carve() const {
    return [this](std::span<const Prefix> limited, std::span<const Prefix> banned) {
        return spared_within(*index_, limited, banned);
    };
}

NftSpared Controller::wanted_spared() const {
    std::vector<Prefix> limited;
    for (const auto& [key, watched] : watched_.all())
        if (watched.enforced && key.prefix_len < whole_address)
            limited.push_back(source_of(key));
    std::vector<Prefix> banned;
    for (const auto& [prefix, ban] : bans_)
        banned.push_back(prefix);
    return spared_within(*index_, limited, banned);
}

// What is spared goes in with what it is spared from, and is only added here: it harms nobody when
// it stays a while longer.
void Controller::protect(NftChanges& changes) {
    std::vector<Prefix> wide;
    for (const NftElement& element : changes.put)
        if (element.source.length < whole_address)
            wide.push_back(element.source);
    if (wide.empty())
        return;
    const NftSpared needed = spared_within(*index_, wide, {});
    if (needed.empty())
        return;
    const NftSpared there = nft_->spared(); // a command may have added to it
    if (there.covers(needed))
        return;
    NftSpared all = there;
    all.merge(needed);
    if (all.exempt != there.exempt)
        changes.exempt = std::move(all.exempt);
    if (all.apart != there.apart)
        changes.apart = std::move(all.apart);
    spares_ = true;
}

// What was wanted at either of the last two looks stays, because elements lapse a moment after
// their sources are forgotten here.
void Controller::tidy_spared(std::uint64_t now_ns) {
    if (!spares_ || now_ns < next_tidy_ns_)
        return;
    next_tidy_ns_ = now_ns + tidy_every_ns;
    follow_bans(); // a command may just have made one, and told nftables what it spares
    if (follow_allows())
        rebuild_index();
    NftSpared wanted = wanted_spared();
    NftSpared stays = wanted;
    stays.merge(spared_before_);
    spared_before_ = std::move(wanted);
    const NftSpared there = nft_->spared();
    NftChanges changes;
    if (stays.exempt != there.exempt)
        changes.exempt = stays.exempt;
    if (stays.apart != there.apart)
        changes.apart = stays.apart;
    if (!changes.empty())
        nft_->apply(changes);
    spares_ = !stays.empty();
}

void Controller::commit(NftChanges& changes) {
    protect(changes);
    if (!changes.empty())
        say_left_out(nft_->apply(changes));
}

} // namespace sluice
