// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice ban`: addresses -> bans in the kernel -> nft. Each address is answered by a line; what
// is refused is named and does not stop the others.
#include "app/address_list.hpp"
#include "app/command.hpp"
#include "app/range_origins.hpp"
#include "app/writing.hpp"
#include "core/duration.hpp"
#include "core/refusal.hpp"
#include "kernel/clock.hpp"
#include "kernel/policy_loader.hpp"
#include "kernel/process.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

constexpr std::chrono::hours longest_ban{24 * 3650};
constexpr std::size_t listed_at_most = 3;

struct BanOptions {
    std::vector<std::string> addresses;
    std::string duration = "1h";
    std::string reason;
};

std::chrono::milliseconds ban_duration(const std::string& text) {
    const auto duration = parse_duration(text);
    if (!duration || duration->count() <= 0)
        throw UsageError("--for " + text + " is no duration; write for example 90s, 10m, 1h or 7d");
    if (*duration > longest_ban)
        throw UsageError("--for " + text + " is too long; 3650d is the most");
    return *duration;
}

// Reasons are shown on terminals, in logs and in JSON.
void check_reason(const std::string& reason) {
    if (reason.size() > longest_reason)
        throw UsageError("the reason has " + std::to_string(reason.size()) + " bytes; write at most " +
                         std::to_string(longest_reason));
    const std::string_view text = reason;
    for (std::size_t i = 0; i < text.size(); i++) {
        const auto byte = static_cast<unsigned char>(text[i]);
        // C1 control characters are 0xc2 0x80 to 0xc2 0x9f in UTF-8
        const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (byte < 0x20 || byte == 0x7f || c1)
            throw UsageError("the reason has control characters in it; write one line of plain text");
    }
    try {
        (void)nlohmann::json(reason).dump(); // refuses what is no UTF-8
    } catch (const nlohmann::json::type_error&) {
        throw UsageError("the reason is not valid UTF-8; write plain text, or type it on a UTF-8 terminal");
    }
}

std::string listed(const std::vector<std::string>& items) {
    std::string text;
    for (std::size_t i = 0; i < std::min(items.size(), listed_at_most); i++)
        text += (i == 0 ? "" : ", ") + items[i];
    return items.size() > listed_at_most
               ? text + " and " + std::to_string(items.size() - listed_at_most) + " more"
               : text;
}

class Banning {
public:
    Banning(const GlobalOptions& global, const BanOptions& options, Answer& answer)
        : answer_(answer), access_(global.pin_dir), now_ns_(boottime_ns()), live_(access_.maps),
          names_(read_names(access_.maps)), book_(access_.maps, live_, now_ns_),
          origins_(global.config, access_.maps), reason_(options.reason),
          until_ns_(now_ns_ + static_cast<std::uint64_t>(
                                  std::chrono::nanoseconds(ban_duration(options.duration)).count())),
          who_(operator_name()) {}

    // Whether it is banned now.
    bool ban(const GivenAddress& given);
    // What has to be said once, when all are in. Returns false if nft refused.
    bool finish();

private:
    void say(const BanResult& result, const Prefix& prefix, const std::string& subject);
    bool refuse(const GivenAddress& given, const SourcePlace& place);
    void tell_exempt();

    Answer& answer_;
    WriteAccess access_;
    std::uint64_t now_ns_;
    LivePolicy live_;
    Names names_;
    BanBook book_;
    RangeOrigins origins_;
    WallClock clock_;
    std::string reason_;
    std::uint64_t until_ns_;
    std::string who_;
    bool banned_ = false;
    std::vector<Prefix> wide_; // entered, and perhaps with something exempt inside
};

bool Banning::refuse(const GivenAddress& given, const SourcePlace& place) {
    std::ostream& err = answer_.to(std::cerr);
    err << "sluice: " << given.text << " is not banned: ";
    if (place.allow) {
        err << "it is allowed until " << clock_.local(place.allow->until_ns) << '\n';
        return false;
    }
    err << "class " << names_.classes[place.class_id] << " exempts it";
    const std::string origin = origins_.of(given.prefix, place);
    err << (origin.empty() ? "" : " (" + origin + ")") << '\n';
    return false;
}

void Banning::say(const BanResult& result, const Prefix& prefix, const std::string& subject) {
    const std::string until = clock_.local(result.word.until_ns);
    switch (result.verdict) {
    case BanVerdict::made:
        answer_.to(std::cout) << "banned " << subject << " until " << until << '\n';
        break;
    case BanVerdict::extended:
        answer_.to(std::cout) << "extended the ban of " << subject << " until " << until << '\n';
        break;
    case BanVerdict::kept:
        answer_.to(std::cout) << subject << " is banned until " << until << " already; the later end stays\n";
        break;
    case BanVerdict::covered: {
        const Prefix wider{masked(prefix.address, result.word.prefix_len), result.word.prefix_len};
        answer_.to(std::cout) << subject << " is banned until " << until << " already, as part of "
                              << to_string(wider) << '\n';
        break;
    }
    case BanVerdict::exempt:
        break;
    }
    std::vector<std::string> absorbed;
    for (const Prefix& narrower : result.absorbed)
        absorbed.push_back(to_string(narrower));
    if (!absorbed.empty())
        answer_.to(std::cout) << "  takes in bans that would have ended sooner: " << listed(absorbed) << '\n';
}

bool Banning::ban(const GivenAddress& given) {
    BanWish wish{given.prefix, until_ns_, reason_, who_};
    std::string subject = to_string(given.prefix);
    if (given.bare) {
        const SourcePlace place = live_.place(given.prefix, now_ns_);
        if (spares(place))
            return refuse(given, place);
        wish.prefix = live_.source_of_address(given.prefix.address, now_ns_);
        subject = to_string(wish.prefix);
        if (wish.prefix != given.prefix)
            subject += ", the source that " + to_string(given.prefix.address) + " is counted under,";
    }
    const BanResult result = book_.ban(wish);
    if (result.verdict == BanVerdict::exempt)
        return refuse(given, result.place);
    banned_ = true;
    say(result, wish.prefix, subject);
    if (wish.prefix.length < 128 &&
        (result.verdict == BanVerdict::made || result.verdict == BanVerdict::extended))
        wide_.push_back(wish.prefix);
    return true;
}

void Banning::tell_exempt() {
    std::vector<std::string> spared;
    for (const NftRange& interval : kernel_carve(access_.maps, now_ns_)({}, wide_).exempt)
        spared.push_back(interval.first == interval.last
                             ? to_string(interval.first)
                             : to_string(interval.first) + " to " + to_string(interval.last));
    if (!spared.empty())
        answer_.to(std::cout) << "exempt inside, and goes on passing: " << listed(spared) << '\n';
}

bool Banning::finish() {
    tell_exempt();
    const bool shown = access_.show_in_nft(book_.changes(), answer_);
    if (banned_ && sluice_mode_at(access_.maps.control_word().mode_word, now_ns_) == SLUICE_MODE_OBSERVE)
        answer_.to(std::cout)
            << "the mode is observe: recorded, and nothing is dropped (sluice mode nft, or xdp, drops)\n";
    return shown;
}

int run_ban(const GlobalOptions& global, const BanOptions& options) {
    check_reason(options.reason);
    (void)ban_duration(options.duration); // bad usage is told before the system is asked
    const AddressList list = read_addresses(options.addresses, std::cin);
    bool all = list.refused.empty();
    for (const std::string& line : list.refused)
        std::cerr << "sluice: " << line << '\n';
    Answer answer;
    Banning banning(global, options, answer);
    for (const GivenAddress& given : list.addresses)
        all = banning.ban(given) && all;
    return banning.finish() && all ? 0 : 1;
}

} // namespace

void add_ban(CLI::App& app, const GlobalOptions& global, Command& command) {
    const auto options = std::make_shared<BanOptions>();
    CLI::App* sub = app.add_subcommand("ban", "drop every attempt of a source, for a time");
    sub->add_option("ADDR", options->addresses,
                    "addresses or prefixes; an address alone means the source that it is counted under; "
                    "- reads them from standard input, one a line")
        ->required();
    sub->add_option("--for", options->duration, "how long: 90s, 10m, 1h, 7d")->capture_default_str();
    sub->add_option("--reason", options->reason, "shown in `bans` and in the log; at most 95 bytes");
    sub->footer("A ban holds for all services, in modes nft and xdp. Banned already: the later end stays.\n"
                "Sessions that are open go on; new ones are refused. Exempt addresses are not banned, and\n"
                "inside a banned prefix they go on passing. Exit code 1: some were refused, and named.\n\n"
                "Example: sluice ban 192.0.2.66 --for 1h --reason \"abuse desk 4711\"");
    sub->callback(
        [&global, &command, options] { command = [&global, options] { return run_ban(global, *options); }; });
}

} // namespace sluice
