// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel state alone must say what the nft table is: compared with what the configuration says.
#include "support.hpp"

#include <random>
#include <set>

namespace sluice::test {
namespace {

using ProjectionTest = KernelTest;

NftContent content_of(const KernelMaps& maps) {
    const std::uint64_t now_ns = boottime_ns();
    return read_content(maps, read_design(maps, {"lo"}), now_ns, kernel_carve(maps, now_ns));
}

Strings names_of(const NftContent& content) {
    Strings names;
    for (const NftElement& element : content.elements)
        names.push_back(element.service + " " + to_string(element.source) + " " + element.class_name);
    std::sort(names.begin(), names.end());
    return names;
}

TEST_F(ProjectionTest, TheDesignIsWhatWasConfigured) {
    plane_.load(plane_.compile(world));
    const NftDesign design = read_design(maps(), {"eth0", "eth1"});
    EXPECT_EQ(design.interfaces, (Strings{"eth0", "eth1"}));
    EXPECT_EQ(design.services, (std::vector<NftService>{{"smtp", {25}}, {"submission", {465, 587}}}));
    EXPECT_EQ(design.classes, (Strings{"default", "infrastructure", "watched", "customers"}));
    EXPECT_EQ(design.prefixes4, (std::vector<std::uint8_t>{120, 128}));
    EXPECT_EQ(design.prefixes6, (std::vector<std::uint8_t>{64, 128}));
    EXPECT_EQ(design.log_prefix, "TEST: ");
    EXPECT_EQ(design.log_every, std::chrono::seconds(60));
    EXPECT_EQ(design.log_max_per_second, 20U);
    EXPECT_NE(design.sample_secret, 0U);
    EXPECT_EQ(design.capacity, maps().sources.capacity());
}

TEST_F(ProjectionTest, AReloadChangesTheDesign) {
    plane_.load(plane_.compile(
        "[service.mx]\nports = [2525]\n[class.default]\nprefix6 = 56\n[log]\nprefix = \"X\"\nmax = "
        "\"5/s\"\n"));
    const NftDesign design = read_design(maps(), {});
    EXPECT_EQ(design.services, (std::vector<NftService>{{"mx", {2525}}}));
    EXPECT_EQ(design.prefixes6, (std::vector<std::uint8_t>{56, 128}));
    EXPECT_EQ(design.log_prefix, "X");
    EXPECT_EQ(design.log_max_per_second, 5U);
}

TEST_F(ProjectionTest, OnlySourcesOverAnEnforcedLimitAreElements) {
    attempt("192.0.2.66", 25, 4);   // over
    attempt("192.0.2.67", 25, 3);   // at its limit
    attempt("198.51.100.5", 25, 9); // over, but only watched
    attempt("203.0.113.5", 25, 9);  // exempt
    attempt("100.64.1.1", 587, 3);  // with its neighbour: over as a /24
    attempt("100.64.1.2", 587, 3);
    const NftContent content = content_of(maps());
    EXPECT_EQ(names_of(content),
              (Strings{"smtp 192.0.2.66/32 default", "submission 100.64.1.0/24 customers"}));
    for (const NftElement& element : content.elements) {
        EXPECT_GT(element.until_ns, boottime_ns());
        EXPECT_LT(element.until_ns, in(61));
    }
}

TEST_F(ProjectionTest, AnAllowTakesASourceOut) {
    attempt("192.0.2.66", 25, 4);
    ASSERT_EQ(content_of(maps()).elements.size(), 1U);
    plane_.allow("192.0.2.66/32", in(60));
    EXPECT_TRUE(content_of(maps()).elements.empty());
    plane_.allow("192.0.2.66/32", boottime_ns() - 1);
    EXPECT_EQ(content_of(maps()).elements.size(), 1U);
}

TEST_F(ProjectionTest, ARaisedLimitTakesASourceOut) {
    attempt("192.0.2.66", 25, 4);
    plane_.load("[limit]\nconnections = 5\nper = \"60s\"\n");
    EXPECT_TRUE(content_of(maps()).elements.empty());
    plane_.load("[limit]\nconnections = 4\nper = \"60s\"\n");
    EXPECT_EQ(content_of(maps()).elements.size(), 1U);
}

TEST_F(ProjectionTest, WhatIsCountedOtherwiseSinceAReloadIsNoElement) {
    attempt("100.64.1.1", 25, 9);
    ASSERT_EQ(names_of(content_of(maps())), Strings{"smtp 100.64.1.0/24 customers"});
    // /24 goes on being a length in use, by another class
    plane_.load("[limit]\nconnections = 3\n[class.other]\nprefix4 = 24\nranges = [\"10.0.0.0/8\"]\n");
    EXPECT_TRUE(content_of(maps()).elements.empty());
}

TEST_F(ProjectionTest, BansInForceAreContentAndEndedOnesAreNot) {
    plane_.ban("192.0.2.66/32", in(60));
    plane_.ban("10.0.0.0/8", in(60));
    plane_.ban("192.0.2.67/32", boottime_ns() - 1);
    const NftContent content = content_of(maps());
    ASSERT_EQ(content.bans.size(), 2U);
    for (const NftBan& found : content.bans)
        EXPECT_EQ(found.class_name, "default");
}

TEST_F(ProjectionTest, ExemptAddressesInsideWhatIsDroppedAreCarvedOut) {
    EXPECT_TRUE(content_of(maps()).spared.exempt.empty());
    attempt("2001:db8:0:1::5", 25, 4); // a /64 with one exempt address inside
    plane_.ban("203.0.113.8/29", in(60));
    plane_.ban("10.0.0.0/24", in(60));
    plane_.allow("10.0.0.16/30", in(60));
    const NftContent content = content_of(maps());
    Strings ranges;
    for (const NftRange& range : content.spared.exempt)
        ranges.push_back(text_of(range));
    std::sort(ranges.begin(), ranges.end());
    EXPECT_EQ(ranges, (Strings{"10.0.0.16-10.0.0.19", "2001:db8:0:1::7-2001:db8:0:1::7",
                               "203.0.113.8-203.0.113.15"}));
}

// A range longer than its class's prefix is a source of its own: the wider one's limit is not its.
TEST_F(ProjectionTest, WhatIsCountedApartInsideLimitedSourcesIsKnown) {
    plane_.load(plane_.compile(std::string(world) + R"(
[class.tenants]
limit = { connections = 5, per = "60s" }
ranges = ["2001:db8:0:1::/80", "2001:db8:0:2::8/128", "100.64.1.77/32", "100.64.2.0/23"]
)"));
    attempt("2001:db8:0:1:1::5", 25, 4); // the rest of the /64, of default
    attempt("2001:db8:0:2::8", 25, 6);   // a source of its own; its /64 is not limited
    attempt("100.64.1.1", 25, 6);
    attempt("100.64.3.1", 25, 9); // of a range shorter than its prefix
    const NftContent content = content_of(maps());
    EXPECT_EQ(names_of(content),
              (Strings{"smtp 100.64.1.0/24 customers", "smtp 100.64.3.1/32 tenants",
                       "smtp 2001:db8:0:1::/64 default", "smtp 2001:db8:0:2::8/128 tenants"}));
    ASSERT_EQ(content.spared.apart.size(), 2U);
    ASSERT_EQ(content.spared.apart.at(64).size(), 1U); // the exempt address inside is part of it
    EXPECT_EQ(text_of(content.spared.apart.at(64)[0]), "2001:db8:0:1::-2001:db8:0:1:0:ffff:ffff:ffff");
    ASSERT_EQ(content.spared.apart.at(120).size(), 1U);
    EXPECT_EQ(text_of(content.spared.apart.at(120)[0]), "100.64.1.77-100.64.1.77");
    // A ban of the same prefix spares the exempt address alone.
    EXPECT_EQ(kernel_carve(maps(), boottime_ns())({}, std::vector{prefix("2001:db8:0:1::/64")}).apart,
              NftApart{});
}

// The kernel's walk and the configuration's index must give the same answer.
TEST_F(ProjectionTest, TheKernelCarvesAsTheConfigurationDoes) {
    std::mt19937 random(7);
    const auto some_prefix = [&](unsigned shortest) {
        const auto length = static_cast<std::uint8_t>(96 + shortest + random() % (33 - shortest));
        Prefix made = prefix("10.0.0.0/8");
        made.address.bytes[13] = static_cast<std::uint8_t>(random() % 4);
        made.address.bytes[14] = static_cast<std::uint8_t>(random());
        made.address.bytes[15] = static_cast<std::uint8_t>(random());
        return Prefix{masked(made.address, length), length};
    };
    std::string exempt = "[class.a]\naction = \"exempt\"\nranges = [";
    std::string limited = "[class.b]\nprefix4 = 32\nlimit = { connections = 2, per = \"60s\" }\nranges = [";
    std::set<Prefix> used;
    for (int i = 0; i < 400; i++)
        if (const Prefix made = some_prefix(14); used.insert(made).second)
            (i % 2 ? exempt : limited) += '"' + to_string(made) + "\", ";
    const PolicyImage image = plane_.compile(exempt + "]\n" + limited + "]\n");
    plane_.load(image);
    std::vector<Prefix> allows;
    for (int i = 0; i < 20; i++) {
        allows.push_back(some_prefix(20));
        plane_.allow(to_string(allows.back()), in(60));
    }
    const ExemptIndex index(image, allows);
    const Carve carve = kernel_carve(maps(), boottime_ns());
    for (int round = 0; round < 200; round++) {
        const std::vector<Prefix> dropped{some_prefix(9), some_prefix(20), some_prefix(32)};
        const std::vector<Prefix> sources{{masked(some_prefix(32).address, 120), 120},
                                          {masked(some_prefix(32).address, 120), 120},
                                          {masked(some_prefix(32).address, 116), 116}};
        EXPECT_EQ(carve(sources, dropped), spared_within(index, sources, dropped)) << "round " << round;
    }
}

TEST(Gate, FollowsTheModeAndItsDeadline) {
    const auto word = [](sluice_mode mode, sluice_mode after, std::uint64_t deadline_ms) {
        return sluice_mode_word(mode, after, deadline_ms);
    };
    const std::uint64_t now = 5'000 * ms;
    EXPECT_FALSE(gate_of(word(SLUICE_MODE_OBSERVE, SLUICE_MODE_OBSERVE, 0), now).enforced);
    EXPECT_FALSE(gate_of(word(SLUICE_MODE_XDP, SLUICE_MODE_XDP, 0), now).enforced);
    EXPECT_EQ(gate_of(word(SLUICE_MODE_NFT, SLUICE_MODE_NFT, 0), now), (NftGate{true, 0}));
    EXPECT_EQ(gate_of(word(SLUICE_MODE_NFT, SLUICE_MODE_OBSERVE, 6'000), now), (NftGate{true, 6'000 * ms}));
    EXPECT_EQ(gate_of(word(SLUICE_MODE_NFT, SLUICE_MODE_NFT, 6'000), now), (NftGate{true, 0}));
    EXPECT_FALSE(gate_of(word(SLUICE_MODE_NFT, SLUICE_MODE_OBSERVE, 5'000), now).enforced);
    EXPECT_EQ(gate_of(word(SLUICE_MODE_OBSERVE, SLUICE_MODE_NFT, 5'000), now), (NftGate{true, 0}));
    EXPECT_FALSE(gate_of(word(SLUICE_MODE_OBSERVE, SLUICE_MODE_NFT, 6'000), now).enforced);
}

} // namespace
} // namespace sluice::test
