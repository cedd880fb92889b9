// SPDX-License-Identifier: GPL-2.0-or-later
// The nft table, bans, allows and the mode: what commands and others' hands change beside us.
#include "app/controller.hpp"

#include "core/duration.hpp"
#include "core/over.hpp"
#include "kernel/clock.hpp"
#include "kernel/ledger.hpp"
#include "kernel/local_time.hpp"
#include "kernel/nft_ranges.hpp"
#include "kernel/pins.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace sluice {
namespace {

// Several changes in a row (a script, a reload of somebody's rules) are looked at once.
constexpr std::uint64_t settle_ns = 20'000'000;

std::map<Prefix, sluice_override> read_overrides(const BpfMap<sluice_lpm_key, sluice_override>& map,
                                                 std::uint64_t now_ns) {
    std::map<Prefix, sluice_override> all;
    for (const sluice_lpm_key& key : map.keys())
        if (const auto word = map.find(key);
            word && word->prefix_len == key.prefix_len && word->until_ns > now_ns)
            all.emplace(to_prefix(key), *word);
    return all;
}

std::string wall_time(std::uint64_t boottime_moment_ns) {
    return to_local_time(boottime_moment_ns + (walltime_ns() - boottime_ns()));
}

} // namespace

void Controller::on_nft_events() {
    const std::vector<NftEvent> events = monitor_->read(nft_->port_id());
    if (!events.empty() && next_mend_ns_ == 0)
        next_mend_ns_ = boottime_ns() + settle_ns;
}

bool Controller::follow_allows() {
    std::map<Prefix, sluice_override> now = read_overrides(loaded_->program.maps().allows, boottime_ns());
    const bool same = std::ranges::equal(
        allows_, now, {}, [](const auto& allow) { return allow.first; },
        [](const auto& allow) { return allow.first; });
    allows_ = std::move(now);
    return !same;
}

void Controller::follow_bans() {
    const std::uint64_t now_ns = boottime_ns();
    std::map<Prefix, sluice_override> now = read_overrides(loaded_->program.maps().bans, now_ns);
    for (const auto& [prefix, ban] : now) {
        const auto old = bans_.find(prefix);
        if (!quiet_ && (old == bans_.end() || old->second.until_ns != ban.until_ns))
            spdlog::info("banned: {} until {} by {}: {}{}", to_string(prefix), wall_time(ban.until_ns),
                         ban.who, ban.reason,
                         mode_.mode == Mode::observe ? " (mode observe: nothing is dropped)" : "");
    }
    for (const auto& [prefix, ban] : bans_)
        if (!now.contains(prefix))
            spdlog::info("unbanned: {}: {}", to_string(prefix),
                         ban.until_ns <= now_ns ? "its time is over" : "by command");
    bans_ = std::move(now);
    next_ban_end_ns_ = 0;
    for (const auto& [prefix, ban] : bans_)
        next_ban_end_ns_ =
            next_ban_end_ns_ == 0 ? ban.until_ns : std::min<std::uint64_t>(next_ban_end_ns_, ban.until_ns);
}

void Controller::end_bans(std::uint64_t now_ns) {
    if (next_ban_end_ns_ == 0 || next_ban_end_ns_ > now_ns)
        return;
    const WriterLock lock(options_.pin_dir);
    KernelMaps& maps = loaded_->program.maps();
    for (const auto& [prefix, ban] : bans_) {
        if (ban.until_ns > now_ns)
            continue;
        // a command may have prolonged it since
        const auto word = maps.bans.find(to_lpm_key(prefix));
        if (word && word->prefix_len == prefix.length && word->until_ns <= now_ns)
            maps.bans.erase(to_lpm_key(prefix));
    }
    follow_bans();
}

void Controller::follow_mode() {
    const ModeState before = mode_;
    mode_ = read_mode(loaded_->program.maps(), boottime_ns());
    if (before.mode == mode_.mode && before.deadline_ns == mode_.deadline_ns)
        return;
    const std::string until = mode_.deadline_ns ? " until " + wall_time(*mode_.deadline_ns) + ", then " +
                                                      std::string(to_string(mode_.afterwards))
                                                : "";
    if (before.mode == mode_.mode)
        spdlog::info("mode stays {}{}", to_string(mode_.mode), until);
    else
        spdlog::info("mode {} -> {}{}", to_string(before.mode), to_string(mode_.mode), until);
    if (before.mode == Mode::observe || mode_.mode == Mode::observe)
        log_all_limited();
    next_mend_ns_ = boottime_ns(); // the gate has to follow
}

void Controller::mend_table() {
    next_mend_ns_ = 0;
    const WriterLock lock(options_.pin_dir);
    KernelMaps& maps = loaded_->program.maps();
    follow_mode();
    follow_bans();
    follow_allows();
    rebuild_index();
    NftState state = nft_->read();
    if (state.present && arrival_names(options_.pin_dir) != nft_->design().interfaces) {
        spdlog::info("interfaces are now: {}", describe(attachments(options_.pin_dir)));
        install();
        state = nft_->read();
    }
    if (!state.complete()) {
        spdlog::warn(
            "nft table inet sluice {}: made anew from kernel state (`sluice mode observe` or stopping the "
            "service ends enforcement for good)",
            state.present ? "was changed by somebody (" + state.damage + ")" : "is gone");
        if (!state.present)
            close_ledger(maps);
        install();
        state = nft_->read();
    }
    next_mend_ns_ = 0;

    const std::uint64_t now_ns = boottime_ns();
    const NftGate gate = gate_of(maps.control.at(0).mode_word, now_ns);
    NftChanges changes;
    if (gate.enforced != state.gate.enforced || (gate.until_ns == 0) != (state.gate.until_ns == 0))
        changes.gate = gate;
    find_missing(state, changes, now_ns);
    NftSpared wanted = wanted_spared();
    if (wanted.exempt != state.spared.exempt)
        changes.exempt = std::move(wanted.exempt);
    if (wanted.apart != state.spared.apart)
        changes.apart = std::move(wanted.apart);
    spares_ = true;
    if (!changes.empty())
        say_left_out(nft_->apply(changes));
}

void Controller::find_missing(const NftState& state, NftChanges& changes, std::uint64_t now_ns) {
    std::map<std::pair<std::string, Prefix>, bool> there;
    for (const NftElement& element : state.elements)
        there[{element.service, element.source}] = true;
    const LivePolicy live(loaded_->program.maps());
    std::vector<sluice_source_key> gone;
    for (const auto& [key, watched] : watched_.all()) {
        if (!watched.enforced || names_.services[key.service].empty() ||
            there.contains({names_.services[key.service], source_of(key)}))
            continue;
        if (watched.until_ns <= now_ns)
            continue; // lapsed a moment ago; its look is due
        if (!loaded_->program.maps().sources.find(key))
            gone.push_back(key); // `sluice release` takes both away
        else
            changes.put.push_back({source_of(key), names_.services[key.service],
                                   names_.classes[watched.class_id], watched.until_ns});
    }
    for (const sluice_source_key& key : gone) {
        log_released(key, *watched_.find(key), "by command");
        watched_.erase(key);
    }
    for (const auto& [prefix, ban] : bans_)
        if (nft_->design().hashes(prefix) && !there.contains({"", prefix}))
            changes.put.push_back(
                {prefix, "", names_.classes[live.place(prefix, now_ns).class_id], ban.until_ns});
    std::vector<NftRange> ranges;
    for (const auto& [prefix, ban] : bans_)
        if (!nft_->design().hashes(prefix))
            ranges.push_back(to_range(prefix));
    if (joined(std::move(ranges)) != joined(state.ban_ranges))
        changes.bans_for_ranges = read_bans(loaded_->program.maps(), now_ns);
}

} // namespace sluice
