// SPDX-License-Identifier: GPL-2.0-or-later
// Mode xdp: who is dropped, and the sample that goes up to be logged and cannot become a
// connection.
#include "data_plane.hpp"

#include <gtest/gtest.h>

namespace sluice::test {
namespace {

constexpr std::uint8_t flag_syn = 0x02;
constexpr std::uint8_t flag_rst = 0x04;

constexpr const char* policy = R"(
mode = "xdp"
[limit]
connections = 1
per = "3600s"
[log]
every = "60s"
max = "20/s"
)";

Packet from(const std::string& saddr) {
    return saddr.find(':') == std::string::npos ? Ethernet{} / IPv4{.saddr = saddr} / TCP{}
                                                : Ethernet{} / IPv6{.saddr = saddr} / TCP{};
}

const Verdict limited = Verdict::drop(SLUICE_DROPPED_LIMITED);
const Verdict sampled = Verdict::pass(SLUICE_SAMPLED);

class ModeXdp : public testing::Test {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

TEST_F(ModeXdp, lets_one_sample_of_a_source_through_in_log_every) {
    DataPlane plane;
    plane.load(policy, true);
    const Packet syn = from("192.0.2.66");
    EXPECT_EQ(plane.send(syn, noon), Verdict::pass(SLUICE_PASSED));
    EXPECT_EQ(plane.send(syn, noon + 1), sampled);
    EXPECT_EQ(plane.send_many(syn, noon + 2, 100, SLUICE_DROPPED_LIMITED), 100U);
    EXPECT_EQ(plane.send(syn, noon + 60 * second), limited);
    // the moment of a sample is kept in units of 1.07 s: up to two of them later, never sooner
    EXPECT_EQ(plane.send(syn, noon + 63 * second), sampled);
    EXPECT_EQ(plane.send(syn, noon + 63 * second), limited);
    EXPECT_EQ(plane.counter(SLUICE_SAMPLES_SUPPRESSED), 0U);
}

// Another CPU may have taken the sample a moment later than this one's clock reading.
TEST_F(ModeXdp, takes_no_second_sample_at_an_earlier_time) {
    DataPlane plane;
    plane.load(policy, true);
    const Packet syn = from("192.0.2.66");
    EXPECT_EQ(plane.send(syn, noon), Verdict::pass(SLUICE_PASSED));
    EXPECT_EQ(plane.send(syn, noon + 1000), sampled);
    EXPECT_EQ(plane.send(syn, noon + 500), limited);
}

TEST_F(ModeXdp, samples_banned_sources_too) {
    DataPlane plane;
    plane.load(policy, true);
    plane.ban("192.0.2.66", noon + second);
    EXPECT_EQ(plane.send(from("192.0.2.66"), noon), sampled);
    EXPECT_EQ(plane.send(from("192.0.2.66"), noon), Verdict::drop(SLUICE_DROPPED_BANNED));
}

TEST_F(ModeXdp, lets_no_more_than_log_max_samples_through_in_a_second) {
    DataPlane plane;
    plane.load(policy, true);
    const std::uint64_t begin = noon / second * second;
    const auto samples_at = [&](std::uint64_t time) {
        const std::uint64_t before = plane.counter(SLUICE_SAMPLED);
        for (int i = 1; i <= 100; i++) {
            const Packet syn = from("10.0.0." + std::to_string(i));
            (void)plane.send(syn, time);
            (void)plane.send(syn, time);
        }
        return plane.counter(SLUICE_SAMPLED) - before;
    };
    EXPECT_EQ(samples_at(begin), 20U);
    EXPECT_EQ(plane.counter(SLUICE_SAMPLES_SUPPRESSED), 80U);
    EXPECT_EQ(samples_at(begin + second - 1), 0U);
    EXPECT_EQ(samples_at(begin + second), 20U);
    EXPECT_EQ(samples_at(begin + second - 1), 0U) << "a lagging clock reading must not open the second anew";
}

TEST_F(ModeXdp, makes_samples_that_no_TCP_accepts_and_nft_knows) {
    DataPlane plane;
    plane.load(policy, true);
    const std::uint32_t secret = plane.maps().control.at(0).sample_secret;
    EXPECT_NE(secret, 0U);
    const Packet shapes[] = {
        from("192.0.2.66"),
        from("2001:db8:0:66::1"),
        Ethernet{} / IPv4{.saddr = "192.0.2.67", .options = Bytes(8, 1)} / TCP{},
        Ethernet{} / IPv4{.saddr = "192.0.2.68"} / TCP{.seq = 0, .options = Bytes(20, 1)},
        Ethernet{} / IPv4{.saddr = "192.0.2.69"} / TCP{.seq = 0xffffffff, .ece = true, .cwr = true},
        Ethernet{} / IPv6{.saddr = "2001:db8:0:67::1"} / TCP{.seq = secret} / Raw{Bytes(33, 0xff)},
    };
    for (const Packet& packet : shapes) {
        const Bytes before = packet.bytes();
        EXPECT_EQ(plane.send(packet, noon), Verdict::pass(SLUICE_PASSED));
        const std::uint64_t samples = plane.counter(SLUICE_SAMPLED);
        const Bytes after = plane.sent_up(packet, noon);
        ASSERT_EQ(plane.counter(SLUICE_SAMPLED), samples + 1);
        ASSERT_EQ(after.size(), before.size());
        const TcpView view = view_tcp(after);
        EXPECT_EQ(view.flags, view_tcp(before).flags | flag_rst);
        EXPECT_NE(view.flags & flag_syn, 0);
        EXPECT_EQ(view.seq, secret);
        EXPECT_TRUE(view_tcp(before).checksum_holds);
        EXPECT_TRUE(view.checksum_holds);
        // nothing else changed: 4 bytes of sequence, 1 of flags, 2 of checksum
        std::size_t changed = 0;
        for (std::size_t i = 0; i < before.size(); i++)
            changed += before[i] != after[i];
        EXPECT_LE(changed, 7U);
        // and a sample that comes by again is no attempt
        EXPECT_EQ(plane.send(after, noon), Verdict::pass(SLUICE_NOT_SYN));
    }
}

TEST_F(ModeXdp, keeps_the_checksum_right_for_every_kind_of_carry) {
    DataPlane plane;
    plane.load(policy, true);
    std::uint32_t state = 1;
    for (std::uint64_t i = 1; i <= 200; i++) {
        state = state * 1664525 + 1013904223;
        const Packet packet = Ethernet{} / IPv4{.saddr = "10.1.0." + std::to_string(i)} /
                              TCP{.sport = static_cast<std::uint16_t>(state >> 16), .seq = state * 7};
        (void)plane.send(packet, noon + i * second); // a second for each: log.max is not the point
        const TcpView view = view_tcp(plane.sent_up(packet, noon + i * second));
        ASSERT_EQ(view.flags, flag_syn | flag_rst) << i;
        ASSERT_TRUE(view.checksum_holds) << i;
    }
}

TEST_F(ModeXdp, never_makes_a_sample_of_a_fragment_and_wastes_none_on_it) {
    DataPlane plane;
    plane.load(policy, true);
    const Packet fragments[] = {
        Ethernet{} / IPv4{.more_fragments = true} / TCP{} / Raw{Bytes(12)},
        Ethernet{} / IPv4{.more_fragments = true} / Packet(TCP{}).keep(16),
        Ethernet{} / IPv6{.saddr = "2001:db8:0:66::1"} / Fragment{.more = true} / TCP{} / Raw{Bytes(4)},
    };
    EXPECT_EQ(plane.send(from("192.0.2.66"), noon), Verdict::pass(SLUICE_PASSED));
    EXPECT_EQ(plane.send(from("2001:db8:0:66::1"), noon), Verdict::pass(SLUICE_PASSED));
    for (const Packet& fragment : fragments)
        EXPECT_EQ(plane.send_many(fragment, noon, 50, SLUICE_DROPPED_LIMITED), 50U);
    EXPECT_EQ(plane.counter(SLUICE_SAMPLES_SUPPRESSED), 0U);
    EXPECT_EQ(plane.send(from("192.0.2.66"), noon), sampled);
    EXPECT_EQ(plane.send(from("2001:db8:0:66::1"), noon), sampled);
}

TEST_F(ModeXdp, changes_no_other_frame) {
    DataPlane plane;
    plane.load(policy, true);
    for (const Packet& packet : {from("192.0.2.66"), Ethernet{} / IPv4{} / TCP{.ack = true},
                                 Ethernet{} / IPv6{} / UDP{}, from("2001:db8:0:66::1")}) {
        const Bytes frame = packet.bytes();
        EXPECT_EQ(plane.sent_up(frame, noon), frame);
    }
}

} // namespace
} // namespace sluice::test
