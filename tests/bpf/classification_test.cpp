// SPDX-License-Identifier: GPL-2.0-or-later
// address -> class, action and source: the longest prefix, words with an end, keys.
#include "data_plane.hpp"
#include "row_name.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace sluice::test {
namespace {

// Limit 1: the second attempt tells what the first was counted as.
constexpr const char* policy = R"(
mode = "xdp"
[service.smtp]
ports = [25]
[limit]
connections = 1
per = "60s"
[class.infrastructure]
action = "exempt"
ranges = ["192.0.2.0/24", "10.1.1.1", "2001:db8:e::/48", "2001:db8:1:1::1"]
[class.customers]
limit = { connections = 2, per = "60s" }
ranges = ["10.1.0.0/16", "192.0.2.64/26", "2001:db8:1::/48", "2001:db8:e:e::/64", "203.0.113.128/25"]
[class.single]
limit = { connections = 3, per = "60s" }
ranges = ["192.0.2.66", "2001:db8:e:e::66"]
[class.watched]
action = "observe"
ranges = ["203.0.113.0/24"]
)";

Packet syn(const std::string& from) {
    if (from.find(':') != std::string::npos)
        return Ethernet{} / IPv6{.saddr = from} / TCP{};
    return Ethernet{} / IPv4{.saddr = from} / TCP{};
}

// How many attempts passed before the first was dropped; `exempt`: none was.
constexpr int exempt = -1;
int let_through(DataPlane& plane, const std::string& from, std::uint64_t time = noon) {
    for (int passed = 0; passed < 8; passed++) {
        const Verdict verdict = plane.send(syn(from), time);
        if (verdict == Verdict::pass(SLUICE_EXEMPT))
            return exempt;
        if (verdict.dropped)
            return passed;
    }
    return 8;
}

struct Row {
    const char* name;
    const char* from;
    int passes;

    friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
};

class Classification : public testing::TestWithParam<Row> {
protected:
    static void SetUpTestSuite() {
        if (why_no_bpf().empty()) {
            plane_ = std::make_unique<DataPlane>();
            plane_->load(policy);
        }
    }
    static void TearDownTestSuite() { plane_.reset(); }
    void SetUp() override { SLUICE_NEEDS_BPF(); }

    static std::unique_ptr<DataPlane> plane_;
    static std::uint64_t clock_;
};

std::unique_ptr<DataPlane> Classification::plane_;
std::uint64_t Classification::clock_ = noon;

TEST_P(Classification, goes_by_the_longest_prefix) {
    EXPECT_EQ(let_through(*plane_, GetParam().from, clock_ += 3600 * second), GetParam().passes);
}

constexpr Row rows[] = {
    {"v4_default", "198.51.100.1", 1},
    {"v4_exempt", "192.0.2.1", exempt},
    {"v4_exempt_first", "192.0.2.0", exempt},
    {"v4_exempt_last", "192.0.2.255", exempt},
    {"v4_before_exempt", "192.0.1.255", 1},
    {"v4_behind_exempt", "192.0.3.0", 1},
    {"v4_limited_in_exempt", "192.0.2.64", 2},
    {"v4_limited_in_exempt_last", "192.0.2.127", 2},
    {"v4_single_in_limited_in_exempt", "192.0.2.66", 3},
    {"v4_limited", "10.1.0.1", 2},
    {"v4_exempt_in_limited", "10.1.1.1", exempt},
    {"v4_beside_exempt_in_limited", "10.1.1.2", 2},
    {"v4_outside_limited", "10.2.0.1", 1},
    {"v4_observed", "203.0.113.1", 8},
    {"v4_limited_in_observed", "203.0.113.200", 2},
    {"v6_default", "2001:db8::1", 1},
    {"v6_exempt", "2001:db8:e::1", exempt},
    {"v6_exempt_last", "2001:db8:e:ffff:ffff:ffff:ffff:ffff", exempt},
    {"v6_behind_exempt", "2001:db8:f::1", 1},
    {"v6_limited_in_exempt", "2001:db8:e:e::1", 2},
    {"v6_single_in_limited_in_exempt", "2001:db8:e:e::66", 3},
    {"v6_limited", "2001:db8:1:2::1", 2},
    {"v6_exempt_in_limited", "2001:db8:1:1::1", exempt},
    {"v6_beside_exempt_in_limited", "2001:db8:1:1::2", 2},
    // these bytes stand in an exempt IPv4 range, and are another family
    {"v4_compatible_is_not_IPv4", "::192.0.2.1", 1},
    {"NAT64_is_not_IPv4", "64:ff9b::192.0.2.1", 1},
};
INSTANTIATE_TEST_SUITE_P(Of, Classification, testing::ValuesIn(rows), row_name);

// --- words with an end -----------------------------------------------------------------------

struct Word {
    bool is_ban;
    const char* prefix;
    std::uint64_t until_ns;
};

constexpr std::uint64_t live = noon + second;
constexpr std::uint64_t past = noon;

struct WordRow {
    const char* name;
    std::vector<Word> words;
    const char* from;
    Verdict expected; // of the first attempt

    friend std::ostream& operator<<(std::ostream& out, const WordRow& row) { return out << row.name; }
};

class ClassificationByWord : public testing::TestWithParam<WordRow> {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

TEST_P(ClassificationByWord, decides) {
    DataPlane plane;
    plane.load(policy);
    for (const Word& word : GetParam().words)
        word.is_ban ? plane.ban(word.prefix, word.until_ns) : plane.allow(word.prefix, word.until_ns);
    EXPECT_EQ(plane.send(syn(GetParam().from), noon), GetParam().expected);
}

const Verdict banned = Verdict::drop(SLUICE_DROPPED_BANNED);
const Verdict passed = Verdict::pass(SLUICE_PASSED);
const Verdict is_exempt = Verdict::pass(SLUICE_EXEMPT);

const WordRow word_rows[] = {
    {"ban_of_an_address", {{true, "198.51.100.1", live}}, "198.51.100.1", banned},
    {"ban_of_its_neighbour", {{true, "198.51.100.2", live}}, "198.51.100.1", passed},
    {"ban_of_a_prefix", {{true, "198.51.100.0/24", live}}, "198.51.100.1", banned},
    {"ban_in_IPv6", {{true, "2001:db8:0:1::/64", live}}, "2001:db8:0:1::99", banned},
    {"ban_of_the_next_64", {{true, "2001:db8:0:1::/64", live}}, "2001:db8:0:2::99", passed},
    {"ban_at_its_end", {{true, "198.51.100.1", noon}}, "198.51.100.1", passed},
    {"ban_just_before_its_end", {{true, "198.51.100.1", noon + 1}}, "198.51.100.1", banned},
    {"ban_in_a_limited_class", {{true, "10.1.0.0/16", live}}, "10.1.0.1", banned},
    {"ban_in_an_observed_class", {{true, "203.0.113.1", live}}, "203.0.113.1", banned},
    {"ban_of_all_of_IPv4", {{true, "0.0.0.0/0", live}}, "198.51.100.1", banned},
    {"ban_of_all_of_IPv4_leaves_IPv6", {{true, "0.0.0.0/0", live}}, "2001:db8::1", passed},
    {"ban_around_an_exempt_range", {{true, "192.0.0.0/16", live}}, "192.0.2.1", is_exempt},
    {"ban_around_an_exempt_address", {{true, "10.1.0.0/16", live}}, "10.1.1.1", is_exempt},
    {"ban_around_a_limited_range_in_an_exempt_one", {{true, "192.0.0.0/16", live}}, "192.0.2.64", banned},
    {"ban_inside_an_exempt_range", {{true, "192.0.2.1", live}}, "192.0.2.1", is_exempt},
    {"allow_of_an_address", {{false, "198.51.100.1", live}}, "198.51.100.1", is_exempt},
    {"allow_of_its_neighbour", {{false, "198.51.100.2", live}}, "198.51.100.1", passed},
    {"allow_at_its_end", {{false, "198.51.100.1", noon}}, "198.51.100.1", passed},
    {"allow_in_IPv6", {{false, "2001:db8:0:1::/64", live}}, "2001:db8:0:1::99", is_exempt},
    {"allow_of_a_range_as_long_as_the_class", {{false, "10.1.0.0/16", live}}, "10.1.0.1", is_exempt},
    {"allow_around_a_longer_limited_range", {{false, "10.0.0.0/8", live}}, "10.1.0.1", passed},
    {"allow_around_a_longer_limited_range_covers_the_rest",
     {{false, "10.0.0.0/8", live}},
     "10.2.0.1",
     is_exempt},
    {"allow_beats_ban",
     {{true, "198.51.100.1", live}, {false, "198.51.100.1", live}},
     "198.51.100.1",
     is_exempt},
    {"allow_beats_a_longer_ban",
     {{true, "198.51.100.1", live}, {false, "198.51.100.0/24", live}},
     "198.51.100.1",
     is_exempt},
    {"allow_beats_a_wider_ban",
     {{true, "198.51.0.0/16", live}, {false, "198.51.100.1", live}},
     "198.51.100.1",
     is_exempt},
    {"expired_allow_beats_no_ban",
     {{true, "198.51.100.1", live}, {false, "198.51.100.1", past}},
     "198.51.100.1",
     banned},
    // what has expired is only taken out when somebody comes by
    {"expired_ban_does_not_hide_a_wider_one",
     {{true, "198.51.100.1", past}, {true, "198.51.100.0/24", live}},
     "198.51.100.1",
     banned},
    {"three_expired_bans_hide_nothing",
     {{true, "198.51.100.1", past},
      {true, "198.51.100.0/24", past},
      {true, "198.51.0.0/16", past},
      {true, "198.0.0.0/8", live}},
     "198.51.100.1",
     banned},
    {"expired_ban_alone",
     {{true, "198.51.100.1", past}, {true, "198.51.100.0/24", past}},
     "198.51.100.1",
     passed},
    {"expired_allow_does_not_hide_a_wider_one",
     {{false, "198.51.100.1", past}, {false, "198.51.100.0/24", live}},
     "198.51.100.1",
     is_exempt},
    {"expired_allow_does_not_lengthen_a_shorter_one",
     {{false, "10.1.0.1", past}, {false, "10.0.0.0/8", live}},
     "10.1.0.1",
     passed},
};
INSTANTIATE_TEST_SUITE_P(Of, ClassificationByWord, testing::ValuesIn(word_rows), row_name);

TEST(ClassificationOfTheRest, an_exempt_default_is_not_limited_but_can_be_banned) {
    SLUICE_NEEDS_BPF();
    DataPlane plane;
    plane.load(R"(
mode = "xdp"
[class.default]
action = "exempt"
)");
    EXPECT_EQ(plane.send_many(syn("198.51.100.1"), noon, 100, SLUICE_EXEMPT), 100U);
    plane.ban("198.51.100.0/24", live);
    EXPECT_EQ(plane.send(syn("198.51.100.1"), noon), banned);
    EXPECT_EQ(plane.send(syn("198.51.101.1"), noon), is_exempt);
    EXPECT_EQ(plane.send(syn("198.51.100.1"), live), is_exempt);
    // a banned source gets no fragment in either
    const auto tiny = [](const std::string& from) {
        return Ethernet{} / IPv4{.saddr = from, .more_fragments = true} / Packet(TCP{}).keep(8);
    };
    EXPECT_EQ(plane.send(tiny("198.51.100.1"), noon), Verdict::drop(SLUICE_TINY_FRAGMENT_DROPPED));
    EXPECT_EQ(plane.send(tiny("198.51.101.1"), noon), Verdict::pass(SLUICE_TINY_FRAGMENT));
}

TEST(ClassificationOfTheRest, what_is_exempt_is_tallied_but_adds_to_nobodys_prefix) {
    SLUICE_NEEDS_BPF();
    DataPlane plane;
    plane.load(R"(
mode = "xdp"
[limit]
connections = 2
per = "60s"
[class.infrastructure]
action = "exempt"
ranges = ["2001:db8:0:1::25"]
)");
    EXPECT_EQ(plane.send_many(syn("2001:db8:0:1::25"), noon, 50, SLUICE_EXEMPT), 50U);
    EXPECT_EQ(plane.tally("infrastructure", "smtp").attempts, 50U);
    EXPECT_TRUE(plane.source_names().empty());
    EXPECT_EQ(let_through(plane, "2001:db8:0:1::26"), 2);
}

// --- sources ---------------------------------------------------------------------------------

struct KeyRow {
    const char* name;
    const char* policy;
    const char* from;
    const char* source;

    friend std::ostream& operator<<(std::ostream& out, const KeyRow& row) { return out << row.name; }
};

// Four lengths a family are the most that can be in use.
constexpr const char* wide_classes = R"(
[service.smtp]
ports = [25]
[class.wide]
prefix4 = 24
prefix6 = 56
limit = { connections = 1, per = "60s" }
ranges = ["10.1.0.0/16", "2001:db8:1::/48", "10.1.2.128/25", "2001:db8:1:0:8000::/65"]
[class.exact]
prefix6 = 128
limit = { connections = 1, per = "60s" }
ranges = ["2001:db8:3::/48"]
)";

constexpr const char* odd_classes = R"(
[service.smtp]
ports = [25]
[class.all]
prefix4 = 0
limit = { connections = 1, per = "60s" }
ranges = ["10.2.0.0/16", "10.3.0.0/16"]
[class.odd]
prefix4 = 21
prefix6 = 61
limit = { connections = 1, per = "60s" }
ranges = ["10.4.0.0/16", "2001:db8:4::/48"]
)";

class ClassificationIntoSources : public testing::TestWithParam<KeyRow> {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

TEST_P(ClassificationIntoSources, counts_by_the_class_prefix) {
    DataPlane plane;
    plane.load(GetParam().policy);
    EXPECT_EQ(plane.send(syn(GetParam().from), noon), Verdict::pass(SLUICE_PASSED));
    EXPECT_EQ(plane.source_names(), std::vector<std::string>{std::string(GetParam().source) + " 1"});
}

constexpr KeyRow key_rows[] = {
    {"v4_default", wide_classes, "198.51.100.1", "198.51.100.1/32"},
    {"v6_default", wide_classes, "2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"},
    {"v4_by_24", wide_classes, "10.1.1.77", "10.1.1.0/24"},
    {"v4_longer_range_is_its_own_source", wide_classes, "10.1.2.200", "10.1.2.128/25"},
    {"v4_beside_the_longer_range", wide_classes, "10.1.2.100", "10.1.2.0/24"},
    {"v6_by_56", wide_classes, "2001:db8:1:1ff::1", "2001:db8:1:100::/56"},
    {"v6_longer_range_is_its_own_source", wide_classes, "2001:db8:1:0:8000::1", "2001:db8:1:0:8000::/65"},
    {"v4_range_longer_than_prefix_0", odd_classes, "10.2.1.1", "10.2.0.0/16"},
    {"v4_another_range_longer_than_prefix_0", odd_classes, "10.3.1.1", "10.3.0.0/16"},
    {"v6_by_128", wide_classes, "2001:db8:3::9", "2001:db8:3::9/128"},
    {"v4_by_21", odd_classes, "10.4.15.255", "10.4.8.0/21"},
    {"v6_by_61", odd_classes, "2001:db8:4:f::1", "2001:db8:4:8::/61"},
    {"NAT64_by_128", wide_classes, "64:ff9b::198.51.100.7", "64:ff9b::c633:6407/128"},
    {"beside_NAT64_by_64", wide_classes, "64:ff9b:0:0:1::7", "64:ff9b::/64"},
    {"link_local_by_128", wide_classes, "fe80::1", "fe80::1/128"},
    {"link_local_last_by_128", wide_classes, "febf:ffff::1", "febf:ffff::1/128"},
    {"behind_link_local_by_64", wide_classes, "fec0::1", "fec0::/64"},
    {"before_link_local_by_64", wide_classes, "fe7f:ffff::1", "fe7f:ffff::/64"},
};
INSTANTIATE_TEST_SUITE_P(Of, ClassificationIntoSources, testing::ValuesIn(key_rows), row_name);

TEST(ClassificationIntoSources6, a_hundred_addresses_of_one_64_are_one_source) {
    SLUICE_NEEDS_BPF();
    DataPlane plane;
    plane.load("mode = \"xdp\"\n[limit]\nconnections = 10\nper = \"60s\"\n");
    int passes = 0;
    for (int i = 0; i < 100; i++)
        passes += !plane.send(syn("2001:db8:0:1::" + std::to_string(i + 1)), noon).dropped;
    EXPECT_EQ(passes, 10);
    EXPECT_EQ(let_through(plane, "2001:db8:0:2::1"), 8);
    EXPECT_EQ(plane.source_names(), (std::vector<std::string>{"2001:db8:0:1::/64 1", "2001:db8:0:2::/64 1"}));
}

} // namespace
} // namespace sluice::test
