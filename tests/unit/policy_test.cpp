// SPDX-License-Identifier: GPL-2.0-or-later
// What the kernel is given for a configuration, and that numbers keep their meaning over
// reloads: a count must never appear under another class's name.
#include "core/policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace sluice {
namespace {

using namespace std::chrono_literals;

Config parse(const std::string& text) {
    return parse_config({{"f", text}}, [](const std::string&) { return std::string(); });
}

PolicyImage compile(const std::string& text, const Names& previous = {}) {
    return compile_policy(parse(text), previous);
}

sluice_policy policy_of(const PolicyImage& image, std::uint32_t class_id, std::uint32_t service) {
    return image.policies.at(sluice_policy_index(0, class_id, service));
}

constexpr const char* two_classes = R"(
[service.smtp]
ports = [25]
[service.submission]
ports = [465, 587]
limit = { connections = 20, per = "30s", count_dropped = false }
[limit]
connections = 10
[class.friends]
action = "exempt"
ranges = ["192.0.2.0/24", "2001:db8::/32"]
[class.customers]
limits = { smtp = { connections = 30, per = "1h" } }
prefix4 = 24
prefix6 = 48
ranges = ["10.0.0.0/8", "192.0.2.128/25", "2001:db8:1::/48"]
[log]
every = "10s"
max = "5/s"
)";

TEST(Policy, ports_lead_to_their_service) {
    const PolicyImage image = compile(two_classes);
    EXPECT_EQ(image.names.services[1], "smtp");
    EXPECT_EQ(image.names.services[2], "submission");
    EXPECT_EQ(image.ports.service[25], 1);
    EXPECT_EQ(image.ports.service[465], 2);
    EXPECT_EQ(image.ports.service[587], 2);
    EXPECT_EQ(std::count(std::begin(image.ports.service), std::end(image.ports.service), 0),
              SLUICE_PORTS - 3);
}

TEST(Policy, each_class_and_service_has_its_limit) {
    const PolicyImage image = compile(two_classes);
    EXPECT_EQ(image.names.classes[0], "default");
    EXPECT_EQ(image.names.classes[1], "friends");
    EXPECT_EQ(image.names.classes[2], "customers");
    const sluice_policy customers = policy_of(image, 2, 1);
    EXPECT_EQ(customers.connections, 30u);
    EXPECT_EQ(customers.action, SLUICE_ACTION_LIMIT);
    EXPECT_EQ(customers.prefix4, 96 + 24);
    EXPECT_EQ(customers.prefix6, 48);
    EXPECT_EQ(customers.flags, SLUICE_POLICY_COUNT_DROPPED | SLUICE_POLICY_HANDSHAKE);
    EXPECT_EQ(customers.per_ticks, to_ticks(1h));
    EXPECT_EQ(customers.warn, 0u);
    const sluice_policy submission = policy_of(image, 2, 2);
    EXPECT_EQ(submission.connections, 20u);
    EXPECT_EQ(submission.flags, SLUICE_POLICY_HANDSHAKE);
    EXPECT_EQ(policy_of(image, 0, 1).connections, 10u);
    EXPECT_EQ(image.largest_limit, 30u);
    EXPECT_FALSE(image.has_large);
    EXPECT_TRUE(image.counts_handshakes);
    EXPECT_EQ(image.longest_per_ns, 3'600'000'000'000u);
}

TEST(Policy, tells_large_limits_warnings_and_what_is_counted) {
    const PolicyImage image =
        compile("[limit]\nconnections = 300\nwarn = 250\ncount = \"syn\"\n"
                "[class.a]\nranges = [\"192.0.2.1\"]\nlimit = { connections = 12, count = "
                "\"syn\" }\n");
    EXPECT_EQ(image.largest_limit, 12u);
    EXPECT_TRUE(image.has_large);
    EXPECT_FALSE(image.counts_handshakes);
    EXPECT_EQ(policy_of(image, 0, 1).connections, 300u);
    EXPECT_EQ(policy_of(image, 0, 1).warn, 250u);
    EXPECT_EQ(policy_of(image, 0, 1).flags, SLUICE_POLICY_COUNT_DROPPED);
    EXPECT_EQ(policy_of(image, 1, 1).warn, 0u);
}

TEST(Policy, nothing_limits_an_exempt_class) {
    const PolicyImage image = compile(two_classes);
    for (const std::uint32_t service : {0u, 1u, 2u}) {
        EXPECT_EQ(policy_of(image, 1, service).connections, 0u);
        EXPECT_EQ(policy_of(image, 1, service).action, SLUICE_ACTION_EXEMPT);
    }
}

TEST(Policy, service_zero_carries_action_and_prefixes) {
    const sluice_policy policy = policy_of(compile(two_classes), 2, 0);
    EXPECT_EQ(policy.connections, 0u);
    EXPECT_EQ(policy.action, SLUICE_ACTION_LIMIT);
    EXPECT_EQ(policy.prefix4, 96 + 24);
    EXPECT_EQ(policy.prefix6, 48);
}

TEST(Policy, unused_classes_and_services_limit_nothing) {
    const PolicyImage image = compile(two_classes);
    ASSERT_EQ(image.policies.size(), std::size_t{SLUICE_MAX_CLASSES} * SLUICE_MAX_SERVICES);
    for (const auto& [class_id, service] : {std::pair(3u, 1u), std::pair(255u, 15u), std::pair(2u, 3u)}) {
        const sluice_policy policy = policy_of(image, class_id, service);
        EXPECT_EQ(policy.connections, 0u);
        EXPECT_EQ(policy.per_ticks, 0u);
        EXPECT_EQ(policy.action, SLUICE_ACTION_OBSERVE);
        EXPECT_EQ(policy.prefix4, 128);
        EXPECT_EQ(policy.prefix6, 64);
        EXPECT_EQ(policy.flags, 0);
    }
}

TEST(Policy, without_a_limit_the_world_is_only_watched) {
    const PolicyImage image = compile("");
    EXPECT_EQ(policy_of(image, 0, 1).action, SLUICE_ACTION_OBSERVE);
    EXPECT_EQ(policy_of(image, 0, 1).connections, 0u);
    EXPECT_EQ(image.largest_limit, 0u);
}

TEST(Policy, ranges_are_sorted_by_key_and_remember_where_they_stood) {
    const PolicyImage image = compile(two_classes);
    ASSERT_EQ(image.ranges.size(), 5u);
    std::vector<std::string> order;
    for (const RangeEntry& entry : image.ranges) {
        Prefix prefix;
        std::memcpy(prefix.address.bytes.data(), entry.key.addr, 16);
        prefix.length = static_cast<std::uint8_t>(entry.key.prefix_len);
        EXPECT_EQ(entry.value.prefix_len, prefix.length);
        order.push_back(to_string(prefix) + " class " + std::to_string(entry.value.class_id) + " " +
                        to_string(image.range_origins.at(entry.value.range_id)));
    }
    EXPECT_EQ(order, std::vector<std::string>({"10.0.0.0/8 class 2 f:16", "192.0.2.0/24 class 1 f:11",
                                               "192.0.2.128/25 class 2 f:16", "2001:db8::/32 class 1 f:11",
                                               "2001:db8:1::/48 class 2 f:16"}));
    EXPECT_EQ(image.ranges[0].value.range_id, 2u);
    EXPECT_EQ(image.range_labels.size(), 5u);
}

TEST(Policy, logging_is_passed_on) {
    const PolicyImage image = compile(two_classes);
    EXPECT_EQ(image.log_every_ns, 10'000'000'000u);
    EXPECT_EQ(image.log_max, 5u);
}

using Lengths = std::vector<std::uint8_t>;

TEST(SourcePrefixes, are_those_of_the_classes_and_always_ipv6_128) {
    EXPECT_EQ(compile("").prefixes4, Lengths({128}));
    EXPECT_EQ(compile("").prefixes6, Lengths({64, 128}));
    EXPECT_EQ(compile(two_classes).prefixes4, Lengths({96 + 24, 96 + 25, 128}));
    EXPECT_EQ(compile(two_classes).prefixes6, Lengths({48, 64, 128}));
}

TEST(SourcePrefixes, exempt_classes_count_nobody) {
    const PolicyImage image = compile("[class.a]\naction = \"exempt\"\nprefix4 = 20\nprefix6 = 40\n"
                                      "ranges = [\"10.0.0.0/30\", \"2001:db8::/100\"]");
    EXPECT_EQ(image.prefixes4, Lengths({128}));
    EXPECT_EQ(image.prefixes6, Lengths({64, 128}));
}

TEST(SourcePrefixes, a_range_longer_than_its_class_prefix_counts_by_itself) {
    EXPECT_EQ(compile("[class.a]\nranges = [\"2001:db8::/80\"]").prefixes6, Lengths({64, 80, 128}));
    EXPECT_EQ(compile("[class.a]\nranges = [\"2001:db8::/64\"]").prefixes6, Lengths({64, 128}));
    EXPECT_EQ(compile("[class.a]\nprefix6 = 128\nranges = [\"2001:db8::/80\"]").prefixes6,
              Lengths({64, 128}));
    // Link-local and NAT64 are counted by /128 whatever the range.
    EXPECT_EQ(compile("[class.a]\nranges = [\"fe80::/80\", \"64:ff9b::/97\"]").prefixes6, Lengths({64, 128}));
}

constexpr const char* abc = "[class.a]\nranges = [\"192.0.2.1\"]\n[class.b]\nranges = [\"192.0.2.2\"]\n"
                            "[class.c]\nranges = [\"192.0.2.3\"]\n"
                            "[service.x]\nports = [1]\n[service.y]\nports = [2]\n";

TEST(Ids, a_name_that_goes_on_keeps_its_number) {
    const Names before = compile(abc).names;
    const Names after = compile("[class.c]\nranges = [\"192.0.2.3\"]\n[class.a]\nranges = [\"192.0.2.1\"]\n"
                                "[service.y]\nports = [2]",
                                before)
                            .names;
    EXPECT_EQ(after.classes[0], "default");
    EXPECT_EQ(after.classes[1], "a");
    EXPECT_EQ(after.classes[2], "");
    EXPECT_EQ(after.classes[3], "c");
    EXPECT_EQ(after.services[0], "");
    EXPECT_EQ(after.services[1], "");
    EXPECT_EQ(after.services[2], "y");
}

TEST(Ids, a_new_name_takes_no_number_that_had_a_meaning) {
    const Names before = compile(abc).names;
    const Names after =
        compile("[class.new]\nranges = [\"192.0.2.4\"]\n[service.new]\nports = [3]", before).names;
    EXPECT_EQ(after.classes[4], "new");
    EXPECT_EQ(after.services[3], "new");
    // One reload later the numbers of removed names are free.
    const Names later =
        compile("[class.new]\nranges = [\"192.0.2.4\"]\n[class.newer]\nranges = [\"192.0.2.5\"]\n"
                "[service.new]\nports = [3]",
                after)
            .names;
    EXPECT_EQ(later.classes[4], "new");
    EXPECT_EQ(later.classes[1], "newer");
    EXPECT_EQ(later.services[3], "new");
}

TEST(Ids, a_service_named_like_nothing_or_default_is_one_like_any_other) {
    const Names names = compile("[service.default]\nports = [1]").names;
    EXPECT_EQ(names.services[1], "default");
}

TEST(Ids, running_out_is_refused_at_the_name_that_found_none) {
    Names before;
    for (std::size_t id = 1; id < before.services.size(); ++id)
        before.services[id] = "s" + std::to_string(id);
    EXPECT_NO_THROW((void)compile("[service.s7]\nports = [1]", before));
    try {
        (void)compile("[service.s7]\nports = [1]\n[service.new]\nports = [2]", before);
        FAIL() << "was accepted";
    } catch (const ConfigError& error) {
        EXPECT_STREQ(error.what(), "f:3: no number is free for service new while counts of removed ones are "
                                   "kept; reload once without it, then again");
    }
}

TEST(Ticks, are_rounded_up_so_that_no_window_is_shorter) {
    EXPECT_EQ(to_ticks(0ms), 0u);
    EXPECT_EQ(to_ticks(1ms), 3907u); // 3906.25
    EXPECT_EQ(to_ticks(60s), 234'375'000u);
    EXPECT_EQ(to_ticks(24h), 337'500'000'000u);
}

} // namespace
} // namespace sluice
