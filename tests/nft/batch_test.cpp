// SPDX-License-Identifier: GPL-2.0-or-later
// Transactions as bytes, and the arithmetic behind them: what can be told without a kernel.
#include "kernel/nft_batch.hpp"
#include "kernel/nft_objects.hpp"
#include "kernel/nft_ranges.hpp"
#include "kernel/nft_ruleset.hpp"
#include "support.hpp"

#include <algorithm>
#include <cstring>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

namespace sluice::test {
namespace {

struct Message {
    nlmsghdr header{};
    std::vector<std::uint8_t> payload;
};

std::vector<Message> messages(std::span<const std::uint8_t> bytes) {
    std::vector<Message> list;
    while (bytes.size() >= sizeof(nlmsghdr)) {
        Message message;
        std::memcpy(&message.header, bytes.data(), sizeof message.header);
        const auto body = bytes.subspan(sizeof(nlmsghdr), message.header.nlmsg_len - sizeof(nlmsghdr));
        message.payload.assign(body.begin(), body.end());
        list.push_back(message);
        bytes = bytes.subspan(NLMSG_ALIGN(message.header.nlmsg_len));
    }
    EXPECT_TRUE(bytes.empty());
    return list;
}

TEST(NftBatch, is_begin_commands_end_with_rising_sequence) {
    NftBatch batch;
    batch.add_table(*nft::make_table());
    batch.flush_set("sluice", "enforced");
    const auto list = messages(batch.finish());
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[0].header.nlmsg_type, NFNL_MSG_BATCH_BEGIN);
    EXPECT_EQ(list[1].header.nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE);
    EXPECT_EQ(list[2].header.nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM);
    EXPECT_EQ(list[3].header.nlmsg_type, NFNL_MSG_BATCH_END);
    for (std::uint32_t i = 0; i < list.size(); ++i)
        EXPECT_EQ(list[i].header.nlmsg_seq, i);
    // Only the last command asks for an answer; errors come unasked.
    EXPECT_FALSE(list[1].header.nlmsg_flags & NLM_F_ACK);
    EXPECT_TRUE(list[2].header.nlmsg_flags & NLM_F_ACK);
    EXPECT_EQ(batch.describe(1), "add table inet sluice");
    EXPECT_EQ(batch.describe(2), "flush set enforced");
    EXPECT_EQ(batch.describe(0), "transaction");
}

TEST(NftBatch, one_element_is_these_bytes) {
    NftBatch batch;
    nft::Elements elements("s");
    const std::array<std::uint8_t, 4> key{192, 0, 2, 66};
    elements.add(key, 60'000);
    batch.add_elements(elements.get(), "192.0.2.66");
    const auto list = messages(batch.finish());
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(batch.describe(1), "add element s 192.0.2.66");
    const std::vector<std::uint8_t> golden{
        1,  0, 0, 0,                                               // NFPROTO_INET, version, resource
        6,  0, 2, 0,    's', 0,   0,   0,                          // set (padded)
        11, 0, 1, 0,    's', 'l', 'u', 'i',  'c', 'e', 0,    0,    // table
        32, 0, 3, 0x80, 28,  0,   1,   0x80,                       // elements { element {
        12, 0, 4, 0,    0,   0,   0,   0,    0,   0,   0xea, 0x60, // timeout 60000 ms
        12, 0, 1, 0x80, 8,   0,   1,   0,    192, 0,   2,    66,   // key { value
    };
    EXPECT_EQ(list[1].payload, golden);
}

TEST(NftBatch, no_list_of_elements_exceeds_64_kib) {
    NftBatch batch;
    nft::Elements elements("limited_smtp_ip6_64");
    constexpr std::uint32_t count = 100'000;
    for (std::uint32_t i = 0; i < count; ++i) {
        std::array<std::uint8_t, 16> key{0x20, 0x01};
        std::memcpy(&key[4], &i, sizeof i);
        elements.add_counted(key, 60'000, "dropped_default");
    }
    batch.add_elements(elements.get(), "many");
    std::uint32_t found = 0;
    const auto list = messages(batch.finish());
    EXPECT_GT(list.size(), 90U);
    for (const Message& message : list) {
        if ((message.header.nlmsg_type & 0xff) != NFT_MSG_NEWSETELEM)
            continue;
        // The list is the last attribute; what is in it must be all that is behind its header.
        std::size_t at = sizeof(nfgenmsg);
        nlattr attribute{};
        for (;; at += NLA_ALIGN(attribute.nla_len)) {
            ASSERT_LT(at, message.payload.size());
            std::memcpy(&attribute, &message.payload[at], sizeof attribute);
            if ((attribute.nla_type & NLA_TYPE_MASK) == NFTA_SET_ELEM_LIST_ELEMENTS)
                break;
        }
        ASSERT_EQ(at + attribute.nla_len, message.payload.size());
        for (at += sizeof attribute; at < message.payload.size(); at += NLA_ALIGN(attribute.nla_len), ++found)
            std::memcpy(&attribute, &message.payload[at], sizeof attribute);
    }
    EXPECT_EQ(found, count);
}

TEST(NftClock, a_timeout_is_rounded_up_and_two_ticks_longer) {
    const nft::Clock clock{1'000'000'000, 4'000'000};
    EXPECT_EQ(clock.timeout_ms(2'000'000'000), 1008U);
    EXPECT_EQ(clock.timeout_ms(2'000'000'001), 1009U);
    EXPECT_EQ(clock.timeout_ms(1'000'000'001), 9U);
    EXPECT_EQ(clock.timeout_ms(0), 0U);
    EXPECT_TRUE(clock.passed(1'000'000'000));
    EXPECT_FALSE(clock.passed(1'000'000'001));
    EXPECT_FALSE(clock.passed(0));
}

TEST(NftRanges, are_joined_within_their_family) {
    const NftRange last4{address("255.255.255.0"), address("255.255.255.255")};
    const NftRange next6{address("::1:0:0:0"), address("::1:0:0:1")}; // its bytes follow directly
    EXPECT_EQ(joined({next6, last4}), (std::vector<NftRange>{last4, next6}));
    const auto range = [](const char* first, const char* last) {
        return NftRange{address(first), address(last)};
    };
    EXPECT_EQ(joined({range("10.0.0.5", "10.0.0.9"), range("10.0.0.0", "10.0.0.4"),
                      range("10.0.0.2", "10.0.0.3"), range("10.0.0.11", "10.0.0.11")}),
              (std::vector<NftRange>{range("10.0.0.0", "10.0.0.9"), range("10.0.0.11", "10.0.0.11")}));
}

TEST(NftSpared, tells_what_it_covers_and_takes_more) {
    NftSpared there{{to_range(prefix("10.0.0.0/24"))}, {{64, {to_range(prefix("2001:db8::/80"))}}}};
    EXPECT_TRUE(there.covers({}));
    EXPECT_TRUE(
        there.covers({{to_range(prefix("10.0.0.8/29"))}, {{64, {to_range(prefix("2001:db8::1/128"))}}}}));
    EXPECT_FALSE(there.covers({{to_range(prefix("10.0.0.0/23"))}, {}}));
    EXPECT_FALSE(there.covers({{to_range(prefix("9.255.255.255/32"))}, {}}));
    EXPECT_FALSE(there.covers({{}, {{80, {to_range(prefix("2001:db8::1/128"))}}}})); // another length's
    there.merge({{to_range(prefix("10.0.1.0/24"))}, {{80, {to_range(prefix("2001:db8::1/128"))}}}});
    EXPECT_TRUE(
        there.covers({{to_range(prefix("10.0.0.0/23"))}, {{80, {to_range(prefix("2001:db8::1/128"))}}}}));
    EXPECT_EQ(there.exempt, std::vector{to_range(prefix("10.0.0.0/23"))});
}

TEST(NftRanges, become_disjoint_and_keep_the_latest_moment) {
    const auto range = [](const char* first, const char* last, std::uint64_t until) {
        return NftTimedRange{{address(first), address(last)}, until};
    };
    using List = std::vector<NftTimedRange>;
    EXPECT_EQ(disjoint({}), List{});
    EXPECT_EQ(disjoint({range("10.0.0.0", "10.0.0.9", 5), range("10.0.0.3", "10.0.0.4", 7)}),
              (List{range("10.0.0.0", "10.0.0.2", 5), range("10.0.0.3", "10.0.0.4", 7),
                    range("10.0.0.5", "10.0.0.9", 5)}));
    EXPECT_EQ(disjoint({range("10.0.0.3", "10.0.0.4", 4), range("10.0.0.0", "10.0.0.9", 5)}),
              (List{range("10.0.0.0", "10.0.0.9", 5)}));
    EXPECT_EQ(disjoint({range("10.0.0.0", "10.0.0.4", 0), range("10.0.0.3", "10.0.0.9", 5)}),
              (List{range("10.0.0.0", "10.0.0.4", 0), range("10.0.0.5", "10.0.0.9", 5)}));
    EXPECT_EQ(disjoint({range("10.0.0.0", "10.0.0.1", 0), range("10.0.0.2", "10.0.0.3", 0),
                        range("10.0.0.5", "10.0.0.5", 0)}),
              (List{range("10.0.0.0", "10.0.0.3", 0), range("10.0.0.5", "10.0.0.5", 0)}));
    EXPECT_EQ(disjoint({range("fe80::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1),
                        range("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1)}),
              (List{range("fe80::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1)}));
}

// Against the plain definition, over all addresses of a small space.
TEST(NftRanges, agree_with_the_definition) {
    std::uint32_t random = 1;
    const auto next_random = [&](std::uint32_t below) {
        random = random * 1'664'525 + 1'013'904'223;
        return (random >> 8) % below;
    };
    const auto at = [](std::uint32_t last) {
        Address result = address("192.0.2.0");
        result.bytes[15] = static_cast<std::uint8_t>(last);
        return result;
    };
    for (int round = 0; round < 500; ++round) {
        std::vector<NftTimedRange> ranges;
        std::array<std::uint64_t, 256> wanted{}; // 0: in no range
        for (std::uint32_t count = next_random(12); count > 0; --count) {
            const std::uint32_t first = next_random(256);
            const std::uint32_t last = std::min(255U, first + next_random(60));
            const std::uint64_t until = 1 + next_random(4);
            ranges.push_back({{at(first), at(last)}, until});
            for (std::uint32_t i = first; i <= last; ++i)
                wanted[i] = std::max(wanted[i], until);
        }
        std::array<std::uint64_t, 256> got{};
        for (const NftTimedRange& timed : disjoint(ranges)) {
            for (std::uint32_t i = timed.range.first.bytes[15]; i <= timed.range.last.bytes[15]; ++i) {
                EXPECT_EQ(got[i], 0U) << "overlap";
                got[i] = timed.until_ns;
            }
        }
        ASSERT_EQ(got, wanted);
    }
}

} // namespace
} // namespace sluice::test
