// SPDX-License-Identifier: GPL-2.0-or-later
// A snapshot written down: the sums, the document for monitoring, and what an operator reads first.
#include "core/outcome.hpp"
#include "core/snapshot_json.hpp"
#include "core/snapshot_text.hpp"
#include "core/text_table.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t noon = 1'767'268'800 * second; // 2026-01-01T12:00:00Z

std::string clock_text(std::uint64_t wall_ns) {
    return "t+" + std::to_string((wall_ns - noon) / second);
}

Prefix prefix(const char* text) {
    return parse_prefix(text).prefix.value();
}

SeenSource over(const char* source, bool limited) {
    SeenSource seen;
    seen.source = prefix(source);
    seen.service = "smtp";
    seen.class_name = "default";
    seen.action = Action::limit;
    seen.attempts = 17;
    seen.in_window = 12;
    seen.since_ns = noon - 90 * second;
    seen.until_ns = noon + 45 * second + 500'000'000;
    seen.limited = limited;
    seen.would_be_limited = !limited;
    return seen;
}

// Everything is well: mode xdp, one source limited.
Snapshot busy() {
    Snapshot snapshot;
    snapshot.time_ns = noon;
    snapshot.version = "0.1.0";
    snapshot.mode.mode = Mode::xdp;
    snapshot.controller = true;
    snapshot.controller_pid = 4711;
    snapshot.interfaces = {{"eth0", 2, "native"}};
    for (unsigned i = 0; i < SLUICE_COUNTERS; ++i)
        snapshot.outcomes[i] = 1ULL << i;
    for (unsigned i = SLUICE_FAILED_CONTROL; i <= SLUICE_EVENTS_LOST; ++i)
        snapshot.outcomes[i] = 0;
    for (const unsigned i : {SLUICE_UNVERIFIABLE + 0U, SLUICE_SOURCES_EVICTED + 0U,
                             SLUICE_SOURCES_REFUSED + 0U, SLUICE_LARGE_REFUSED + 0U})
        snapshot.outcomes[i] = 0;
    snapshot.over = 40;
    snapshot.dropped_nft = 30;
    snapshot.logged_nft = 3;
    snapshot.nft_present = true;
    snapshot.limits = {{"smtp", "default", Action::limit, 10, 60 * second, true},
                       {"submission", "default", Action::limit, 20, 60 * second, false},
                       {"smtp", "core", Action::exempt, 0, 0, false},
                       {"submission", "core", Action::exempt, 0, 0, false}};
    snapshot.services = {{"smtp", 90, 39, 4, 20, 0}, {"submission", 10, 1, 0, 1, 0}};
    snapshot.classes = {{"default", 80, 40, 4, 21, 30}, {"core", 20, 0, 0, 0, 0}};
    snapshot.sources = 5;
    snapshot.capacity = 1000;
    snapshot.sources_over = {over("192.0.2.66", true)};
    return snapshot;
}

Snapshot with_ban(Snapshot snapshot) {
    snapshot.bans = {{prefix("2001:db8:0:1::/64"), "abuse \"4711\"\n", "jo", noon - 10 * second,
                      noon + 3600 * second, true}};
    return snapshot;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(SnapshotTotal, AttemptsAreTheSumOfTheirOutcomes) {
    Snapshot snapshot = busy();
    for (unsigned i = 0; i < SLUICE_OUTCOMES; ++i)
        snapshot.outcomes[i] = 1ULL << i;
    const Totals totals = total(snapshot);
    const auto& n = snapshot.outcomes;
    EXPECT_EQ(totals.packets, (1ULL << SLUICE_OUTCOMES) - 1);
    EXPECT_EQ(totals.failed, n[SLUICE_FAILED_CONTROL] + n[SLUICE_FAILED_CLASS] + n[SLUICE_FAILED_ENTRY] +
                                 n[SLUICE_FAILED_RECYCLED]);
    EXPECT_EQ(totals.dropped_xdp, n[SLUICE_DROPPED_LIMITED] + n[SLUICE_DROPPED_BANNED] + n[SLUICE_SAMPLED]);
    EXPECT_EQ(totals.attempts, n[SLUICE_EXEMPT] + n[SLUICE_PASSED] + n[SLUICE_UNLISTED] +
                                   n[SLUICE_UNVERIFIED] + n[SLUICE_UNVERIFIABLE] + n[SLUICE_OVER_OBSERVED] +
                                   n[SLUICE_WOULD_DROP] + n[SLUICE_LEFT_TO_NFT] + totals.dropped_xdp +
                                   totals.failed);
    EXPECT_EQ(totals.fragments, n[SLUICE_FRAGMENT] + n[SLUICE_TINY_FRAGMENT] +
                                    n[SLUICE_TINY_FRAGMENT_DROPPED] + n[SLUICE_OVERLAP_FRAGMENT] +
                                    n[SLUICE_OVERLAP_FRAGMENT_DROPPED]);
    EXPECT_EQ(totals.dropped_odd, n[SLUICE_TINY_FRAGMENT_DROPPED] + n[SLUICE_OVERLAP_FRAGMENT_DROPPED] +
                                      n[SLUICE_LONG_CHAIN_DROPPED]);
    EXPECT_EQ(totals.over, 40U);
}

TEST(SnapshotJson, HasTheFieldsThatMonitoringIsPromised) {
    const Json document = Json::parse(to_json(with_ban(busy())));
    EXPECT_EQ(document["schema"], "sluice.stats/1");
    EXPECT_EQ(document["time"], "2026-01-01T12:00:00.000Z");
    EXPECT_EQ(document["version"], "0.1.0");
    EXPECT_EQ(document["mode"], "xdp");
    EXPECT_EQ(document["mode_until"], nullptr);
    EXPECT_EQ(document["interfaces"], Json::parse(R"([{"name":"eth0","index":2,"xdp":"native"}])"));
    for (const char* name : {"packets", "attempts", "exempt", "passed", "over", "would_drop", "dropped_xdp",
                             "dropped_nft", "malformed", "fragments", "events_lost"})
        EXPECT_TRUE(document["counters"][name].is_number_unsigned()) << name;
    EXPECT_EQ(document["counters"]["over"], 40);
    EXPECT_EQ(document["counters"]["dropped_nft"], 30);
    EXPECT_EQ(document["services"]["smtp"]["attempts"], 90);
    EXPECT_EQ(document["services"]["smtp"]["over"], 39);
    EXPECT_EQ(document["classes"]["default"]["attempts"], 80);
    EXPECT_EQ(document["classes"]["default"]["over"], 40);
    EXPECT_EQ(document["classes"]["default"]["dropped"], 51);
    EXPECT_EQ(document["table"], Json::parse(R"({"sources":5,"capacity":1000})"));
    const Json& source = document["sources_over"][0];
    EXPECT_EQ(source["source"], "192.0.2.66/32");
    EXPECT_EQ(source["class"], "default");
    EXPECT_EQ(source["attempts"], 17);
    EXPECT_EQ(source["since"], "2026-01-01T11:58:30.000Z");
    EXPECT_EQ(source["until"], "2026-01-01T12:00:45.500Z");
    EXPECT_EQ(source["limited"], true);
    EXPECT_EQ(document["bans"][0]["source"], "2001:db8:0:1::/64");
    EXPECT_EQ(document["bans"][0]["reason"], "abuse \"4711\"\n");
    EXPECT_EQ(document["bans"][0]["until"], "2026-01-01T13:00:00.000Z");
}

TEST(SnapshotJson, NamesEveryOutcomeAndTheSumsAgree) {
    const Json document = Json::parse(to_json(busy()));
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < SLUICE_OUTCOMES; ++i)
        sum += document["outcomes"].at(std::string(outcome_name(i))).get<std::uint64_t>();
    EXPECT_EQ(document["outcomes"].size(), std::size_t{SLUICE_OUTCOMES});
    EXPECT_EQ(document["counters"]["packets"], sum);
    std::uint64_t attempts = 0;
    for (const char* part : {"exempt", "passed", "unlisted", "unverified", "unverifiable", "over_observed",
                             "would_drop", "left_to_nft", "dropped_xdp", "failed"})
        attempts += document["counters"][part].get<std::uint64_t>();
    EXPECT_EQ(document["counters"]["attempts"], attempts);
}

TEST(SnapshotJson, EmptyIsNullOrEmptyAndNeverMissing) {
    const Json document = Json::parse(to_json(Snapshot{}));
    EXPECT_EQ(document["interfaces"], Json::array());
    EXPECT_EQ(document["sources_over"], Json::array());
    EXPECT_EQ(document["bans"], Json::array());
    EXPECT_EQ(document["classes"], Json::object());
    EXPECT_EQ(document["controller"]["running"], false);
    EXPECT_EQ(document["controller"]["pid"], nullptr);
    EXPECT_EQ(document["nft"]["log_lines"], nullptr);
}

TEST(SnapshotJson, AnUnlimitedClassHasNoNumbersAndAModeItsDeadline) {
    Snapshot snapshot = busy();
    snapshot.mode.until_ns = noon + 60 * second;
    snapshot.mode.afterwards = Mode::observe;
    snapshot.mode.by_operator = true;
    const Json document = Json::parse(to_json(snapshot));
    EXPECT_EQ(document["limits"][0]["connections"], 10);
    EXPECT_EQ(document["limits"][0]["per_ms"], 60'000);
    EXPECT_EQ(document["limits"][2]["connections"], nullptr);
    EXPECT_EQ(document["mode_until"], "2026-01-01T12:01:00.000Z");
    EXPECT_EQ(document["mode_afterwards"], "observe");
    EXPECT_EQ(document["mode_by"], "operator");
}

TEST(SnapshotJson, BytesThatAreNoTextDoNotBreakIt) {
    Snapshot snapshot = with_ban(busy());
    snapshot.bans[0].reason = "caf\xe9";
    EXPECT_EQ(Json::parse(bans_to_json(snapshot))["bans"][0]["reason"], "caf\xef\xbf\xbd");
    EXPECT_EQ(Json::parse(bans_to_json(snapshot))["schema"], "sluice.bans/1");
}

TEST(SnapshotText, SaysFirstWhoIsDropped) {
    EXPECT_EQ(headline(busy()), "DROPPING NOW (mode xdp): 1 limited source, 0 bans.");
    EXPECT_EQ(headline(with_ban(busy())), "DROPPING NOW (mode xdp): 1 limited source, 1 ban.");
    EXPECT_TRUE(warnings(busy()).empty());

    Snapshot calm = busy();
    calm.sources_over.clear();
    EXPECT_TRUE(has(headline(calm), "Dropping nobody now (mode xdp)"));

    Snapshot observing = busy();
    observing.mode.mode = Mode::observe;
    observing.sources_over = {over("192.0.2.66", false), over("192.0.2.66", false),
                              over("192.0.2.67", false)};
    observing.sources_over[1].service = "submission";
    EXPECT_EQ(headline(observing),
              "Mode observe, nothing is dropped; 2 sources over the limit and 0 bans would be.");
    observing.mode.stopped = true;
    EXPECT_TRUE(has(headline(observing), "STOPPED, nothing is dropped"));
    observing.interfaces.clear();
    EXPECT_TRUE(has(headline(observing), "NOT ATTACHED"));
}

TEST(SnapshotText, WhatIsBrokenIsSaidLoudly) {
    Snapshot snapshot = busy();
    snapshot.mode.mode = Mode::nft;
    snapshot.nft_present = false;
    EXPECT_TRUE(has(headline(snapshot), "NOTHING IS DROPPED although the mode is nft"));
    snapshot.nft_problem = "nft list: Operation not permitted";
    EXPECT_TRUE(has(headline(snapshot), "DROPPING NOW")); // it is not known to be missing
    EXPECT_TRUE(has(warnings(snapshot).at(0), "Operation not permitted"));

    snapshot = busy();
    snapshot.controller = false;
    EXPECT_TRUE(has(warnings(snapshot).at(0), "process 4711) HAS DIED"));
    snapshot.controller_pid = 0;
    EXPECT_TRUE(has(warnings(snapshot).at(0), "is not running"));
    snapshot.mode.mode = Mode::observe;
    EXPECT_TRUE(warnings(snapshot).empty()) << "observing needs no controller";

    snapshot = busy();
    snapshot.interfaces = {{"eth0", 2, "generic"}, {"eth1", 3, "none"}, {"", 0, "none"}};
    const auto told = warnings(snapshot);
    ASSERT_EQ(told.size(), 3U);
    EXPECT_TRUE(has(told[0], "eth0 runs in generic mode"));
    EXPECT_TRUE(has(told[1], "eth1 is attached no more"));
    EXPECT_TRUE(has(told[2], "is gone"));

    snapshot = busy();
    snapshot.outcomes[SLUICE_FAILED_ENTRY] = 2;
    snapshot.outcomes[SLUICE_EVENTS_LOST] = 1;
    snapshot.outcomes[SLUICE_SOURCES_EVICTED] = 3;
    EXPECT_EQ(warnings(snapshot).size(), 3U);
}

TEST(SnapshotText, TheScreenTellsWhoAndUntilWhen) {
    const std::string text = to_text(with_ban(busy()), clock_text);
    EXPECT_TRUE(has(text, "192.0.2.66/32   smtp     default  DROPPED        17  1m 30s ago  t+45 (45s)\n"))
        << text;
    EXPECT_TRUE(has(text, "2001:db8:0:1::/64  10s ago  t+3600 (1h)  jo  abuse \"4711\"?\n")) << text;
    EXPECT_TRUE(has(text, "smtp 10 per 1m, submission 20 per 1m (clipped)")) << text;
    EXPECT_TRUE(has(text, "Mode        xdp, as configured\n")) << text;
    EXPECT_TRUE(has(text, "Interfaces  eth0 native\n")) << text;
    EXPECT_FALSE(has(text, "!!")) << text;
}

TEST(SnapshotText, LongListsAreCutAndSaidToBe) {
    Snapshot snapshot = busy();
    for (int i = 0; i < 30; ++i)
        snapshot.sources_over.push_back(over(("10.0.0." + std::to_string(i)).c_str(), false));
    const std::string text = to_text(snapshot, clock_text);
    EXPECT_TRUE(has(text, "... and 21 more (sluice stats --json lists all)")) << text;
    EXPECT_FALSE(has(text, "10.0.0.29/32"));
}

TEST(SnapshotText, BansAlone) {
    EXPECT_EQ(bans_to_text(busy(), clock_text), "Nobody is banned.\n");
    Snapshot snapshot = with_ban(busy());
    EXPECT_FALSE(has(bans_to_text(snapshot, clock_text), "nothing is dropped"));
    snapshot.mode.mode = Mode::observe;
    EXPECT_TRUE(has(bans_to_text(snapshot, clock_text), "nothing is dropped"));
}

TEST(TextTable, AlignsByCharactersNotBytes) {
    EXPECT_EQ(to_table("lr", {{"name", "n"}, {"b\xc3\xa4r", "10"}}, "> "), "> name   n\n> b\xc3\xa4r   10\n");
    EXPECT_EQ(counted(1, "ban", "bans"), "1 ban");
    EXPECT_EQ(counted(0, "ban", "bans"), "0 bans");
    EXPECT_EQ(printable("a\x1b[2J\xc2\x9b"
                        "b\xc3\xa4"),
              "a?[2J??b\xc3\xa4");
}

} // namespace
} // namespace sluice
