// SPDX-License-Identifier: GPL-2.0-or-later
// Order, warnings and the hand-written corners of replay's report; tests/replay sees the rest.
#include "core/replay_report.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

ReplaySource source(const char* address, const char* service, std::uint64_t attempts) {
    ReplaySource result;
    result.source = {parse_address(address).value(), 128};
    result.service = service;
    result.attempts = attempts;
    return result;
}

// A report without anything to warn of.
ReplayReport quiet_report() {
    ReplayReport report;
    report.file = "mail.pcap";
    report.ports = "25";
    report.has_limit = true;
    report.frames = 1;
    report.outcomes[SLUICE_PASSED] = 1;
    return report;
}

std::string no_time(std::uint64_t) {
    return "then";
}

TEST(ReplayReport, SortsByAttemptsThenSourceThenService) {
    std::vector<ReplaySource> sources = {source("192.0.2.2", "smtp", 5), source("192.0.2.10", "smtp", 5),
                                         source("192.0.2.2", "other", 5), source("192.0.2.99", "smtp", 6)};
    sort_sources(sources);
    std::vector<std::string> order;
    for (const ReplaySource& one : sources)
        order.push_back(to_string(one.source) + ' ' + one.service);
    EXPECT_EQ(order, (std::vector<std::string>{"192.0.2.99/32 smtp", "192.0.2.2/32 other",
                                               "192.0.2.2/32 smtp", "192.0.2.10/32 smtp"}));
}

TEST(ReplayReport, CountsAttemptsOnly) {
    ReplayReport report;
    for (std::uint64_t& count : report.outcomes)
        count = 1;
    EXPECT_EQ(report.attempts(), 11U);
}

TEST(ReplayReport, WarnsOfNothingWithoutReason) {
    EXPECT_TRUE(replay_warnings(quiet_report()).empty());
}

TEST(ReplayReport, WarnsOfLostSources) {
    ReplayReport report = quiet_report();
    report.sources_lost = 7;
    EXPECT_EQ(
        replay_warnings(report),
        std::vector<std::string>{"more sources than the table can hold: about 7 were lost on the way, so "
                                 "counts are too low; split the capture (`editcap -i 3600`)"});
}

TEST(ReplayReport, WarnsOfFailures) {
    ReplayReport report = quiet_report();
    report.outcomes[SLUICE_FAILED_ENTRY] = 2;
    EXPECT_EQ(
        replay_warnings(report),
        std::vector<std::string>{"2 frames could not be judged because of a failure in the kernel; see the "
                                 "outcomes failed_*"});
}

TEST(ReplayReport, TellsLimitedFromObserved) {
    ReplayReport report = quiet_report();
    report.sources = {source("192.0.2.1", "smtp", 9), source("192.0.2.2", "smtp", 9)};
    for (ReplaySource& one : report.sources)
        one.times_over = 1;
    report.sources[0].action = Action::limit;
    const std::string text = to_text(report, no_time, false);
    EXPECT_NE(
        text.find("1 of 2 sources would have been limited; 1 was over in a class that is only observed.\n"),
        std::string::npos)
        << text;
    EXPECT_NE(to_json(report).find("\"sources_limited\": 1,"), std::string::npos);
}

TEST(ReplayReport, IsJsonWhateverTheFileIsCalled) {
    ReplayReport report = quiet_report();
    report.file = "\xff\"\n.pcap";
    EXPECT_NE(to_json(report).find("\"file\": \"\xef\xbf\xbd\\\"\\n.pcap\""), std::string::npos)
        << to_json(report);
}

} // namespace
} // namespace sluice
