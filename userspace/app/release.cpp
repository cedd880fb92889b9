// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice release`: lifts ban and limit and forgets the count, in the kernel and then in nft.
#include "app/address_list.hpp"
#include "app/command.hpp"
#include "app/writing.hpp"
#include "core/text_table.hpp"
#include "kernel/clock.hpp"

#include <algorithm>
#include <iostream>
#include <memory>

namespace sluice {
namespace {

constexpr std::size_t listed_at_most = 3;

// What was asked for, and the source that is meant by it.
struct Target {
    GivenAddress given;
    Prefix prefix;
    bool found = false; // there was something to lift
};

std::string quoted_reason(const sluice_override& word) {
    const std::string reason(word.reason, ::strnlen(word.reason, sizeof(word.reason)));
    return reason.empty() ? "" : " (" + reason + ")";
}

class Releasing {
public:
    Releasing(const GlobalOptions& global, Answer& answer)
        : answer_(answer), access_(global.pin_dir), now_ns_(boottime_ns()), live_(access_.maps),
          book_(access_.maps, live_, now_ns_) {}

    bool release(const std::vector<GivenAddress>& addresses);

private:
    void lift_ban(Target& target);
    void forget(std::vector<Target>& targets);
    void tell_rest(const Target& target);

    Answer& answer_;
    WriteAccess access_;
    std::uint64_t now_ns_;
    LivePolicy live_;
    BanBook book_;
    WallClock clock_;
    std::vector<std::pair<Prefix, std::string>> released_;
};

void Releasing::lift_ban(Target& target) {
    // An address alone may have been banned as such before its class counted it by a wider prefix.
    std::vector<Prefix> meant{target.prefix};
    if (target.given.prefix != target.prefix)
        meant.push_back(target.given.prefix);
    for (const Prefix& prefix : meant) {
        const auto word = book_.lift(prefix);
        if (!word)
            continue;
        target.found = true;
        answer_.to(std::cout) << "lifted the ban of " << to_string(prefix) << ", which would have ended at "
                              << clock_.local(word->until_ns) << quoted_reason(*word) << '\n';
    }
}

void Releasing::forget(std::vector<Target>& targets) {
    std::vector<ForgetTarget> wanted;
    wanted.reserve(targets.size());
    for (const Target& target : targets)
        wanted.push_back({target.prefix, target.given.bare});
    for (const ForgottenSource& source : forget_sources(access_.maps, live_, wanted, now_ns_)) {
        for (Target& target : targets)
            target.found = target.found || target.prefix.contains(source.source);
        released_.emplace_back(source.source, source.service);
        if (source.until_ns == 0)
            answer_.to(std::cout) << "forgot the count of " << to_string(source.source) << " in "
                                  << source.service << " (" << counted(source.attempts, "attempt", "attempts")
                                  << ", not over)\n";
        else
            answer_.to(std::cout) << "released " << to_string(source.source) << " in " << source.service
                                  << ", " << (source.to_be_dropped ? "limited" : "over") << " until "
                                  << clock_.local(source.until_ns) << " ("
                                  << counted(source.attempts, "attempt", "attempts") << ")\n";
    }
}

// What still holds for the source, so that nobody believes it is free.
void Releasing::tell_rest(const Target& target) {
    if (!target.found)
        answer_.to(std::cout) << to_string(target.prefix) << ": nothing to lift\n";
    if (const auto wider = book_.around(target.prefix))
        answer_.to(std::cout) << "  still banned as part of " << to_string(wider->first) << " until "
                              << clock_.local(wider->second.until_ns) << quoted_reason(wider->second)
                              << "; sluice release " << to_string(wider->first) << " lifts that\n";
    const std::vector<Prefix> inside = book_.inside(target.prefix);
    for (std::size_t i = 0; i < std::min(inside.size(), listed_at_most); i++)
        answer_.to(std::cout) << "  still banned inside: " << to_string(inside[i]) << '\n';
    if (inside.size() > listed_at_most)
        answer_.to(std::cout) << "  and " << inside.size() - listed_at_most << " more\n";
}

bool Releasing::release(const std::vector<GivenAddress>& addresses) {
    std::vector<Target> targets;
    for (const GivenAddress& given : addresses)
        targets.push_back({given,
                           given.bare ? live_.source_of_address(given.prefix.address, now_ns_) : given.prefix,
                           false});
    for (Target& target : targets)
        lift_ban(target);
    forget(targets);
    for (const Target& target : targets)
        tell_rest(target);
    OverrideChanges changes = book_.changes();
    changes.released = std::move(released_);
    return access_.show_in_nft(changes, answer_);
}

int run_release(const GlobalOptions& global, const std::vector<std::string>& arguments) {
    const AddressList list = read_addresses(arguments, std::cin);
    for (const std::string& line : list.refused)
        std::cerr << "sluice: " << line << '\n';
    Answer answer;
    return Releasing(global, answer).release(list.addresses) && list.refused.empty() ? 0 : 1;
}

} // namespace

void add_release(CLI::App& app, const GlobalOptions& global, Command& command) {
    const auto addresses = std::make_shared<std::vector<std::string>>();
    CLI::App* sub = app.add_subcommand("release", "lift a source's limit and ban, and forget its count");
    sub->alias("unban");
    sub->add_option("ADDR", *addresses,
                    "addresses or prefixes; an address alone means the source that it is counted under, a "
                    "prefix its own ban and all sources inside; - reads them from standard input")
        ->required();
    sub->footer("A source that goes on as before will be limited again.\n\n"
                "Example: sluice release 192.0.2.66");
    sub->callback([&global, &command, addresses] {
        command = [&global, addresses] { return run_release(global, *addresses); };
    });
}

} // namespace sluice
