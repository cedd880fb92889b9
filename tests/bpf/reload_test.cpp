// SPDX-License-Identifier: GPL-2.0-or-later
// A reload while packets are on their way: counts stay, and nobody sees half of it.
#include "data_plane.hpp"
#include "kernel/policy_loader.hpp"
#include "kernel/test_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

namespace sluice::test {
namespace {

const Packet syn = Ethernet{} / IPv4{} / TCP{};
const Verdict passed = Verdict::pass(SLUICE_PASSED);
const Verdict limited = Verdict::drop(SLUICE_DROPPED_LIMITED);

std::string limit(int connections) {
    return "mode = \"xdp\"\n[limit]\nper = \"60s\"\nconnections = " + std::to_string(connections) + "\n";
}

class Reload : public testing::Test {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

TEST_F(Reload, keeps_every_count) {
    DataPlane plane;
    plane.load(limit(3));
    EXPECT_EQ(plane.send_many(syn, noon, 2, SLUICE_PASSED), 2U);
    for (int i = 0; i < 5; i++)
        plane.load(limit(3));
    EXPECT_EQ(plane.send(syn, noon), passed);
    EXPECT_EQ(plane.send(syn, noon), limited);
    EXPECT_EQ(plane.source("192.0.2.66", 1)->attempts, 4U);
    EXPECT_EQ(plane.tally("default", "smtp").attempts, 4U);
}

TEST_F(Reload, that_raises_a_limit_ends_over) {
    DataPlane plane;
    plane.load(limit(1));
    EXPECT_EQ(plane.send(syn, noon), passed);
    EXPECT_EQ(plane.send(syn, noon), limited);
    EXPECT_GT(plane.source("192.0.2.66", 1)->until_ns, noon);
    plane.load(limit(3));
    EXPECT_EQ(plane.send(syn, noon), passed);
    EXPECT_EQ(plane.source("192.0.2.66", 1)->until_ns, 0U);
    EXPECT_EQ(plane.send(syn, noon), limited); // the fourth
    EXPECT_EQ(plane.events().size(), 2U);      // a new stretch
}

TEST_F(Reload, that_lowers_a_limit_counts_what_was) {
    DataPlane plane;
    plane.load(limit(10));
    EXPECT_EQ(plane.send_many(syn, noon, 5, SLUICE_PASSED), 5U);
    plane.load(limit(3));
    EXPECT_EQ(plane.send(syn, noon + second), limited);
    EXPECT_EQ(plane.source("192.0.2.66", 1)->until_ns, noon + 60 * second);
}

TEST_F(Reload, that_exempts_ends_limiting) {
    DataPlane plane;
    plane.load(limit(1));
    EXPECT_EQ(plane.send(syn, noon), passed);
    EXPECT_EQ(plane.send(syn, noon), limited);
    plane.load(limit(1) + "[class.friends]\naction = \"exempt\"\nranges = [\"192.0.2.66\"]\n");
    EXPECT_EQ(plane.send(syn, noon), Verdict::pass(SLUICE_EXEMPT));
    plane.load(limit(1));
    EXPECT_EQ(plane.send(syn, noon), limited);
}

TEST_F(Reload, leaves_mode_and_words_alone) {
    DataPlane plane;
    plane.load(limit(1));
    plane.set_mode(Mode::nft);
    plane.ban("198.51.100.1", noon + second);
    plane.load(plane.compile(limit(1)));
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{.saddr = "198.51.100.1"} / TCP{}, noon),
              Verdict::pass(SLUICE_LEFT_TO_NFT));
}

// Two images that disagree about everything but the exemption of one address, which stands under
// another class id, at another port's service id and among many ranges.
std::vector<PolicyImage> images(std::uint32_t friends_count) {
    std::vector<PolicyImage> result;
    for (const std::uint32_t which : {0U, 1U}) {
        PolicyImage image = plain_policy(1, 3600 * second / tick);
        image.ports.service[25] = static_cast<std::uint8_t>(1 + which);
        image.names.services[1 + which] = "smtp";
        const std::uint16_t friends = static_cast<std::uint16_t>(7 + which);
        image.names.classes[friends] = "friends";
        for (std::uint32_t service = 0; service < SLUICE_MAX_SERVICES; service++)
            image.policies[sluice_policy_index(0, friends, service)].action = SLUICE_ACTION_EXEMPT;
        for (std::uint32_t i = 0; i < friends_count; i++) {
            RangeEntry range;
            range.key.prefix_len = range.value.prefix_len = 128;
            range.key.addr[2] = __builtin_bswap32(0xffff);
            range.key.addr[3] = __builtin_bswap32((192U << 24 | 2U << 8 | 66U) + i);
            range.value.class_id = friends;
            image.ranges.push_back(range);
        }
        result.push_back(std::move(image));
    }
    return result;
}

class ReloadUnderTraffic : public testing::TestWithParam<std::uint32_t> {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

TEST_P(ReloadUnderTraffic, shows_packets_the_old_policy_or_the_new_one_and_nothing_between) {
    DataPlane plane;
    const std::vector<PolicyImage> both = images(GetParam());
    plane.load(both[0]);
    plane.set_mode(Mode::xdp);
    std::atomic<bool> done = false;
    std::atomic<std::uint64_t> sent = 0;
    std::thread packets([&] {
        const Bytes frame = syn.bytes();
        while (!done) {
            (void)test_run(plane.program().fd(), frame, noon);
            sent++;
        }
    });
    std::uint64_t reloads = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    while (std::chrono::steady_clock::now() < end || reloads < 4)
        load_policy(plane.maps(), both[++reloads % 2], noon);
    done = true;
    packets.join();
    EXPECT_EQ(plane.counter(SLUICE_EXEMPT), sent.load()) << reloads << " reloads";
    EXPECT_GT(sent.load(), reloads);
    EXPECT_TRUE(plane.source_names().empty());
    RecordProperty("reloads", std::to_string(reloads));
    RecordProperty("packets", std::to_string(sent.load()));
}

// Many ranges: each reload takes long. Few: there are many reloads.
INSTANTIATE_TEST_SUITE_P(Ranges, ReloadUnderTraffic, testing::Values(10U, 100'000U),
                         [](const auto& row) { return std::to_string(row.param); });

} // namespace
} // namespace sluice::test
