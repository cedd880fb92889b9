// SPDX-License-Identifier: GPL-2.0-or-later
// For tests of what reads and writes kernel state: a program of its own for each test, driven by
// test run at the present time, and the nft table of a network namespace that main() made.
#pragma once

#include "data_plane.hpp"
#include "kernel/clock.hpp"
#include "kernel/live_policy.hpp"
#include "kernel/nft_table.hpp"
#include "kernel/overrides.hpp"
#include "kernel/projection.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::test {

// default limits to 3, infrastructure is exempt (a whole /28 and one address of a /64), watched
// observes, customers may do more and are counted by /24.
inline constexpr const char* world = R"(
[limit]
connections = 3
per = "60s"
[class.infrastructure]
action = "exempt"
ranges = ["203.0.113.0/28", "2001:db8:0:1::7/128"]
[class.watched]
action = "observe"
ranges = ["198.51.100.0/25"]
limit = { connections = 1, per = "60s" }
[class.customers]
prefix4 = 24
limit = { connections = 5, per = "60s" }
ranges = ["100.64.0.0/10"]
[log]
prefix = "TEST: "
)";

inline Prefix prefix(const std::string& text) {
    return parse_prefix(text).prefix.value();
}
inline std::string text_of(const NftRange& range) {
    return to_string(range.first) + "-" + to_string(range.last);
}

class KernelTest : public testing::Test {
protected:
    void SetUp() override {
        plane_.load(world);
        table_.remove();
    }
    void TearDown() override { table_.remove(); }

    KernelMaps& maps() { return plane_.maps(); }
    // Attempts at this very moment; what became of the last one.
    Verdict attempt(const std::string& source, std::uint16_t port = 25, int count = 1) {
        Verdict verdict;
        for (int i = 0; i < count; i++) {
            const bool v6 = source.find(':') != std::string::npos;
            const Packet packet = v6 ? Ethernet{} / IPv6{.saddr = source} / TCP{.dport = port}
                                     : Ethernet{} / IPv4{.saddr = source} / TCP{.dport = port};
            verdict = plane_.send(packet, boottime_ns());
        }
        return verdict;
    }
    static std::uint64_t in(std::uint64_t seconds) { return boottime_ns() + seconds * second; }

    BanResult ban(const std::string& what, std::uint64_t seconds) {
        const LivePolicy live(maps());
        BanBook book(maps(), live, boottime_ns());
        return book.ban({prefix(what), in(seconds), "test", "tester"});
    }
    std::optional<sluice_override> lift(const std::string& what) {
        const LivePolicy live(maps());
        BanBook book(maps(), live, boottime_ns());
        return book.lift(prefix(what));
    }
    std::vector<std::string> bans() {
        std::vector<std::string> names;
        for (const NftBan& found : read_bans(maps(), boottime_ns()))
            names.push_back(to_string(found.prefix));
        std::sort(names.begin(), names.end());
        return names;
    }
    // What the real table holds: "SERVICE SOURCE" of each element, sorted.
    std::vector<std::string> elements() {
        std::vector<std::string> names;
        for (const NftElement& element : state().elements)
            names.push_back((element.service.empty() ? "ban" : element.service) + " " +
                            to_string(element.source));
        std::sort(names.begin(), names.end());
        return names;
    }
    NftState state() { return table_.read(read_design(maps(), {"lo"}), boottime_ns()); }
    NftReport project(const OverrideChanges& changes) {
        return project_changes(maps(), table_, {"lo"}, changes, boottime_ns());
    }

    DataPlane plane_;
    NftSocket socket_;
    NftTable table_{socket_};
};

using Strings = std::vector<std::string>;

} // namespace sluice::test
