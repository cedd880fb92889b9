// SPDX-License-Identifier: GPL-2.0-or-later
// See snapshot_reader.hpp. Moments of the kernel's clock become wall time by one offset, taken at
// the start, so that all of a snapshot agrees with itself.
#include "kernel/snapshot_reader.hpp"

#include "core/over.hpp"
#include "kernel/clock.hpp"
#include "kernel/counters.hpp"
#include "kernel/ledger.hpp"
#include "kernel/live_policy.hpp"
#include "kernel/mode.hpp"
#include "kernel/nft_table.hpp"
#include "kernel/policy_loader.hpp"
#include "kernel/process.hpp"
#include "kernel/projection.hpp"

#include <algorithm>
#include <cstring>
#include <set>
#include <tuple>

namespace sluice {
namespace {

template <std::size_t Size>
std::string text_of(const char (&text)[Size]) {
    return {text, ::strnlen(text, Size)};
}

class Reader {
public:
    explicit Reader(const KernelMaps& maps)
        : maps_(maps), now_ns_(boottime_ns()), wall_ns_(walltime_ns()), live_(maps),
          names_(read_names(maps)) {
        seen_.time_ns = wall_ns_;
        seen_.version = SLUICE_VERSION;
    }

    void read_mode();
    void read_nft();
    void read_limits();
    void read_tallies();
    void read_sources();
    void read_bans();

    Snapshot seen_;

private:
    [[nodiscard]] std::uint64_t wall(std::uint64_t boot_ns) const { return boot_ns + wall_ns_ - now_ns_; }
    [[nodiscard]] std::optional<std::uint64_t> nft_reading(const std::string& class_name) const;
    [[nodiscard]] bool is_enforced(const SeenSource& source) const;
    void add_over(const sluice_source_key& key, const sluice_source& entry);

    const KernelMaps& maps_;
    std::uint64_t now_ns_;
    std::uint64_t wall_ns_;
    LivePolicy live_;
    Names names_;
    std::optional<NftCounters> nft_;
    std::set<std::pair<Prefix, std::string>>
        elements_; // read only if they may differ from what they should be
};

void Reader::read_mode() {
    const sluice_control control = maps_.control_word();
    const ModeState state = sluice::read_mode(maps_, now_ns_);
    seen_.mode.mode = state.mode;
    seen_.mode.by_operator = state.by_operator;
    if (state.deadline_ns) {
        seen_.mode.until_ns = wall(*state.deadline_ns);
        seen_.mode.afterwards = state.afterwards;
    }
    seen_.controller_pid = control.controller_pid;
    seen_.controller = is_running(control.controller_pid);
    const std::uint64_t wanted =
        control.wanted_word & ~std::uint64_t{SLUICE_MODE_BY_OPERATOR | SLUICE_MODE_BACK_TO_CONFIG};
    seen_.mode.stopped =
        !seen_.controller && static_cast<Mode>(sluice_mode_at(wanted, now_ns_)) != seen_.mode.mode;
}

void Reader::read_nft() {
    try {
        NftSocket socket;
        NftTable table(socket);
        nft_ = table.counters();
        // With a controller the table follows at once; without one it holds what was written last.
        if (nft_ && seen_.mode.mode == Mode::nft && !seen_.controller)
            for (const NftElement& element : table.read(read_design(maps_, {}), now_ns_).elements)
                elements_.emplace(element.source, element.service);
    } catch (const SystemError& error) {
        seen_.nft_problem = error.what();
    }
    seen_.nft_present = nft_.has_value();
    if (nft_)
        seen_.logged_nft = nft_->logged + nft_->sampled;
}

std::optional<std::uint64_t> Reader::nft_reading(const std::string& class_name) const {
    if (!nft_)
        return std::nullopt;
    const auto found = nft_->dropped.find(class_name);
    return found == nft_->dropped.end() ? std::nullopt : std::optional(found->second);
}

void Reader::read_limits() {
    for (std::uint32_t class_id = 0; class_id < SLUICE_MAX_CLASSES; class_id++) {
        if (names_.classes[class_id].empty())
            continue;
        for (std::uint32_t service = 1; service < SLUICE_MAX_SERVICES; service++) {
            if (names_.services[service].empty())
                continue;
            const sluice_policy policy = live_.policy(class_id, service);
            seen_.limits.push_back(
                {names_.services[service], names_.classes[class_id], static_cast<Action>(policy.action),
                 policy.connections, policy.per_ticks << SLUICE_TICK_SHIFT,
                 (policy.flags & SLUICE_POLICY_COUNT_DROPPED) != 0, policy.warn,
                 (policy.flags & SLUICE_POLICY_HANDSHAKE) != 0 ? Counting::handshakes : Counting::syns});
        }
    }
}

void add(SeenTally& to, const sluice_tally& tally) {
    to.attempts += tally.attempts;
    to.over += tally.over;
    to.banned += tally.banned;
    to.dropped_xdp += tally.dropped;
    to.completed += tally.completed;
}

void Reader::read_tallies() {
    std::vector<SeenTally> services(SLUICE_MAX_SERVICES);
    for (std::uint32_t class_id = 0; class_id < SLUICE_MAX_CLASSES; class_id++) {
        SeenTally of_class;
        of_class.name = names_.classes[class_id];
        // Also what was counted for classes and services that are no more: sums only grow.
        for (std::uint32_t service = 1; service < SLUICE_MAX_SERVICES; service++) {
            const sluice_tally tally = read_tally(maps_, class_id, service);
            add(of_class, tally);
            add(services[service], tally);
        }
        of_class.dropped_nft = dropped_by_nft(maps_, class_id, nft_reading(of_class.name));
        seen_.over += of_class.over;
        seen_.dropped_nft += of_class.dropped_nft;
        if (!of_class.name.empty())
            seen_.classes.push_back(std::move(of_class));
    }
    seen_.dropped_nft += dropped_by_nft(maps_, SLUICE_LEDGER_RANGES,
                                        nft_ ? std::optional(nft_->dropped_ranges) : std::nullopt);
    for (std::uint32_t service = 1; service < SLUICE_MAX_SERVICES; service++) {
        services[service].name = names_.services[service];
        if (!services[service].name.empty())
            seen_.services.push_back(std::move(services[service]));
    }
    const sluice_counters counters = read_counters(maps_);
    std::copy_n(counters.n, seen_.outcomes.size(), seen_.outcomes.begin());
}

// Whether what is to be dropped really is.
bool Reader::is_enforced(const SeenSource& source) const {
    if (seen_.mode.mode != Mode::nft)
        return seen_.mode.mode == Mode::xdp;
    if (!seen_.nft_problem.empty() || seen_.controller)
        return seen_.nft_present || !seen_.nft_problem.empty();
    return elements_.contains({source.source, source.service});
}

void Reader::add_over(const sluice_source_key& key, const sluice_source& entry) {
    const SourceVerdict verdict = judge_source(live_, maps_.sources, key, entry, now_ns_);
    if (verdict.until_ns == 0 || verdict.exempt)
        return;
    SeenSource source;
    source.source = source_of(key);
    source.service = names_.services[key.service];
    source.class_name = names_.classes[verdict.class_id];
    source.action = static_cast<Action>(verdict.policy.action);
    source.attempts = entry.attempts;
    const auto large = maps_.sources.large_of(entry);
    source.in_window = attempts_in_window(entry, large ? &*large : nullptr, maps_.sources.log_capacity(),
                                          verdict.policy, now_ns_);
    source.since_ns = wall(over_since(entry, now_ns_));
    source.until_ns = wall(verdict.until_ns);
    source.limited = verdict.to_be_dropped && is_enforced(source);
    source.would_be_limited = verdict.to_be_dropped && seen_.mode.mode == Mode::observe;
    seen_.sources_over.push_back(std::move(source));
}

void Reader::read_sources() {
    seen_.capacity = maps_.sources.capacity();
    maps_.sources.for_each([&](const sluice_source_key& key, const sluice_source& entry) {
        seen_.sources++;
        if (entry.until_ns > now_ns_ && key.service < SLUICE_MAX_SERVICES)
            add_over(key, entry);
    });
    std::sort(seen_.sources_over.begin(), seen_.sources_over.end(), [](const auto& one, const auto& two) {
        return std::tie(two.since_ns, one.source, one.service) <
               std::tie(one.since_ns, two.source, two.service);
    });
}

void Reader::read_bans() {
    for (const sluice_lpm_key& key : maps_.bans.keys()) {
        const auto word = maps_.bans.find(key);
        // The look-up is by longest prefix: what was erased meanwhile would find a wider ban.
        if (!word || word->prefix_len != key.prefix_len || word->until_ns <= now_ns_)
            continue;
        seen_.bans.push_back(
            {to_prefix(key), text_of(word->reason), text_of(word->who), word->since_wall_s * 1'000'000'000,
             wall(word->until_ns),
             seen_.mode.mode == Mode::xdp ||
                 (seen_.mode.mode == Mode::nft && (seen_.nft_present || !seen_.nft_problem.empty()))});
    }
    std::sort(seen_.bans.begin(), seen_.bans.end(), [](const SeenBan& one, const SeenBan& two) {
        return std::tie(one.until_ns, one.source) < std::tie(two.until_ns, two.source);
    });
}

} // namespace

Snapshot read_snapshot(const KernelMaps& maps, std::vector<SeenInterface> interfaces) {
    Reader reader(maps);
    reader.seen_.interfaces = std::move(interfaces);
    reader.read_mode();
    reader.read_nft();
    reader.read_limits();
    reader.read_tallies();
    reader.read_sources();
    reader.read_bans();
    return std::move(reader.seen_);
}

Snapshot read_ban_snapshot(const KernelMaps& maps) {
    Reader reader(maps);
    reader.read_mode();
    reader.read_nft();
    reader.read_bans();
    return std::move(reader.seen_);
}

} // namespace sluice
