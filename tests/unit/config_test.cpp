// SPDX-License-Identifier: GPL-2.0-or-later
// What a valid configuration becomes: defaults, rules for actions and limits, several files,
// and the way back to text.
#include "core/config.hpp"
#include "row_name.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <map>
#include <ostream>
#include <system_error>

namespace sluice {
namespace {

using namespace std::chrono_literals;

using Files = std::map<std::string, std::string>;

FileReader reader_of(const Files& files) {
    return [files](const std::string& path) {
        const auto found = files.find(path);
        if (found == files.end())
            throw std::system_error(ENOENT, std::generic_category(), "open");
        return found->second;
    };
}

Config parse(const std::string& text, const Files& ranges = {}) {
    return parse_config({{"/etc/sluice/sluice.toml", text}}, reader_of(ranges));
}

std::vector<std::string> prefixes_of(const ClassConfig& of_class) {
    std::vector<std::string> result;
    for (const Range& range : of_class.ranges)
        result.push_back(to_string(range.prefix));
    return result;
}

TEST(Config, empty_text_gives_the_defaults) {
    const Config config = parse("");
    EXPECT_TRUE(config.interfaces.empty());
    EXPECT_EQ(config.xdp, XdpChoice::automatic);
    EXPECT_EQ(config.mode, Mode::observe);
    ASSERT_EQ(config.services.size(), 2u);
    EXPECT_EQ(config.services[0].name, "smtp");
    EXPECT_EQ(config.services[0].ports, std::vector<std::uint16_t>({25}));
    EXPECT_EQ(config.services[1].name, "submission");
    EXPECT_EQ(config.services[1].ports, std::vector<std::uint16_t>({465, 587}));
    EXPECT_FALSE(config.limit);
    ASSERT_EQ(config.classes.size(), 1u);
    EXPECT_EQ(config.classes[0].name, "default");
    EXPECT_EQ(config.classes[0].action, Action::observe);
    EXPECT_EQ(config.classes[0].prefix4, 32);
    EXPECT_EQ(config.classes[0].prefix6, 64);
    EXPECT_EQ(config.table_sources, 131072u);
    EXPECT_EQ(config.log.prefix, "SMTP_IN: LIMIT EXCEEDED:: ");
    EXPECT_EQ(config.log.every, 60s);
    EXPECT_EQ(config.log.max_per_second, 20u);
    EXPECT_EQ(config.files, std::vector<std::string>({"/etc/sluice/sluice.toml"}));
}

TEST(Config, no_file_at_all_gives_the_defaults) {
    EXPECT_EQ(parse_config({}, reader_of({})).services.size(), 2u);
}

constexpr const char* everything = R"(interfaces = ["eth0", "wan*", "auto"]
xdp = "generic"
mode = "nft"

[service.submission]
ports = [587, "465", "2525-2527"]
limit = { connections = 20, per = "30s", count = "syn" }

[service.smtp]
ports = [25]

[limit]
connections = 12
per = "2m"
count = "syn"
count_dropped = false

[class.infrastructure]
action = "exempt"
ranges = [
    "192.0.2.0/24",
    "2001:db8::/32", "198.51.100.7",
]
files = ["infrastructure.ranges", "/srv/more.ranges"]

[class.customers]
limits = { smtp = { connections = 30 }, submission = { connections = 60, per = "24h" } }
ranges = ["198.51.100.0/24"]
prefix4 = 28
prefix6 = 56

[table]
sources = 1024

[log]
prefix = "MAIL: "
every = "10s"
max = "5/s"
)";

const Files range_files = {{"/etc/sluice/infrastructure.ranges", "10.0.0.0/8 # office\n"},
                           {"/srv/more.ranges", "# none\n\n2001:db8:1::1 ; relay\n"}};

TEST(Config, every_key_arrives_at_its_field) {
    const Config config = parse(everything, range_files);
    EXPECT_EQ(config.interfaces, std::vector<std::string>({"eth0", "wan*", "auto"}));
    EXPECT_EQ(config.xdp, XdpChoice::generic);
    EXPECT_EQ(config.mode, Mode::nft);
    EXPECT_EQ(config.services[0].name, "submission");
    EXPECT_EQ(config.services[0].ports, std::vector<std::uint16_t>({465, 587, 2525, 2526, 2527}));
    EXPECT_EQ(config.services[0].limit->connections, 20u);
    EXPECT_EQ(config.services[0].limit->per, 30s);
    EXPECT_TRUE(config.services[0].limit->count_dropped);
    EXPECT_FALSE(config.services[1].limit);
    EXPECT_EQ(config.limit->connections, 12u);
    EXPECT_EQ(config.limit->per, 2min);
    EXPECT_FALSE(config.limit->count_dropped);
    EXPECT_EQ(config.table_sources, 1024u);
    EXPECT_EQ(config.log.prefix, "MAIL: ");
    EXPECT_EQ(config.log.every, 10s);
    EXPECT_EQ(config.log.max_per_second, 5u);
}

TEST(Config, classes_keep_their_order_and_know_where_each_range_comes_from) {
    const Config config = parse(everything, range_files);
    ASSERT_EQ(config.classes.size(), 3u);
    const ClassConfig& infrastructure = config.classes[1];
    EXPECT_EQ(infrastructure.name, "infrastructure");
    EXPECT_EQ(to_string(infrastructure.origin), "/etc/sluice/sluice.toml:18");
    EXPECT_EQ(prefixes_of(infrastructure),
              std::vector<std::string>(
                  {"192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32", "10.0.0.0/8", "2001:db8:1::1/128"}));
    const std::vector<Range>& ranges = infrastructure.ranges;
    EXPECT_EQ(to_string(ranges[0].origin), "/etc/sluice/sluice.toml:21");
    EXPECT_EQ(to_string(ranges[2].origin), "/etc/sluice/sluice.toml:22");
    EXPECT_EQ(to_string(ranges[3].origin), "/etc/sluice/infrastructure.ranges:1");
    EXPECT_EQ(ranges[3].label, "office");
    EXPECT_EQ(to_string(ranges[4].origin), "/srv/more.ranges:3");
    EXPECT_EQ(ranges[4].label, "relay");
    EXPECT_EQ(config.classes[2].name, "customers");
    EXPECT_EQ(config.classes[2].prefix4, 28);
    EXPECT_EQ(config.classes[2].prefix6, 56);
    EXPECT_EQ(config.files,
              std::vector<std::string>(
                  {"/etc/sluice/sluice.toml", "/etc/sluice/infrastructure.ranges", "/srv/more.ranges"}));
}

TEST(Config, one_written_service_replaces_both_default_services) {
    const Config config = parse("[service.lists]\nports = [24]");
    ASSERT_EQ(config.services.size(), 1u);
    EXPECT_EQ(config.services[0].name, "lists");
}

TEST(Config, bounds_belong_to_what_is_allowed) {
    const Config least = parse("limit = { connections = 1, per = \"1s\" }\ntable = { sources = 1024 }\n"
                               "[service.a]\nports = [1]\n[log]\nprefix = \"" +
                               std::string(127, 'p') + "\"\nevery = \"1s\"\nmax = \"1/s\"");
    EXPECT_EQ(least.limit->connections, 1u);
    const Config most = parse("limit = { connections = 64, per = \"24h\" }\ntable = { sources = 16777216 }\n"
                              "[service.a23456789012345678901234567890b]\nports = [65535]\n"
                              "[log]\nevery = \"24h\"\nmax = \"10000/s\"");
    EXPECT_EQ(most.limit->connections, 64u);
    EXPECT_EQ(most.limit->per, 24h);
    EXPECT_EQ(most.services[0].ports[0], 65535);
}

TEST(Config, as_many_services_and_classes_fit_as_there_are_numbers) {
    std::string text;
    for (int i = 1; i <= 15; ++i)
        text += "[service.s" + std::to_string(i) + "]\nports = [" + std::to_string(i) + "]\n";
    for (int i = 1; i <= 255; ++i)
        text += "[class.c" + std::to_string(i) + "]\nranges = [\"192.0.2." + std::to_string(i) + "\"]\n";
    const Config config = parse(text + "[class.default]\naction = \"observe\"");
    EXPECT_EQ(config.services.size(), 15u);
    EXPECT_EQ(config.classes.size(), 256u);
    EXPECT_EQ(config.classes[255].name, "c255");
}

TEST(Config, an_empty_range_file_is_no_mistake) {
    const Config config = parse("[class.a]\nfiles = [\"empty\"]", {{"/etc/sluice/empty", "# nobody yet\n"}});
    EXPECT_TRUE(config.classes[1].ranges.empty());
}

TEST(Config, longer_ranges_may_lie_inside_wider_ones) {
    const Config config =
        parse("[class.a]\nranges = [\"192.0.2.0/24\"]\n[class.b]\nranges = [\"192.0.2.0/25\"]");
    EXPECT_EQ(config.classes.size(), 3u);
}

struct ActionCase {
    const char* name;
    const char* text;
    Action of_default;
    Action of_class;

    friend std::ostream& operator<<(std::ostream& out, const ActionCase& row) { return out << row.text; }
};

class DefaultAction : public testing::TestWithParam<ActionCase> {};

TEST_P(DefaultAction, follows_what_is_limited) {
    const std::string a_class = "\n[class.a]\nranges = [\"192.0.2.0/24\"]\n";
    const Config config = parse(a_class + GetParam().text);
    EXPECT_EQ(config.classes[0].action, GetParam().of_default);
    EXPECT_EQ(config.classes[1].action, GetParam().of_class);
}

constexpr ActionCase actions[] = {
    {"nothing_written", "", Action::observe, Action::observe},
    {"limit_for_all", "[limit]", Action::limit, Action::limit},
    {"class_limit", "limit = { connections = 5 }", Action::observe, Action::limit},
    {"class_limits", "limits = { smtp = { connections = 5 } }", Action::observe, Action::limit},
    {"service_limit", "[service.x]\nports = [25]\nlimit = { connections = 5 }", Action::observe,
     Action::limit},
    {"class_says_observe", "action = \"observe\"\n[limit]", Action::limit, Action::observe},
    {"class_says_limit", "action = \"limit\"", Action::observe, Action::limit},
    {"class_says_exempt", "action = \"exempt\"\n[limit]", Action::limit, Action::exempt},
    {"default_says_observe", "[class.default]\naction = \"observe\"\n[limit]", Action::observe,
     Action::limit},
    {"default_says_limit", "[class.default]\naction = \"limit\"", Action::limit, Action::observe},
    {"default_says_exempt", "[class.default]\naction = \"exempt\"", Action::exempt, Action::observe},
    {"default_has_a_limit", "[class.default]\nlimit = { connections = 60 }", Action::limit, Action::observe},
    {"default_has_prefixes_only", "[class.default]\nprefix4 = 24", Action::observe, Action::observe},
};

INSTANTIATE_TEST_SUITE_P(table, DefaultAction, testing::ValuesIn(actions), row_name);

struct LimitCase {
    const char* name;
    const char* text;
    std::uint32_t smtp; // 0: nothing limits it
    std::uint32_t submission;

    friend std::ostream& operator<<(std::ostream& out, const LimitCase& row) { return out << row.text; }
};

class EffectiveLimit : public testing::TestWithParam<LimitCase> {};

TEST_P(EffectiveLimit, is_the_most_specific_one) {
    const std::string a_class = "[class.a]\nranges = [\"192.0.2.0/24\"]\n";
    const Config config = parse(a_class + GetParam().text);
    const auto connections = [&](std::size_t service) {
        const auto limit = effective_limit(config, config.classes[1], config.services[service]);
        return limit ? limit->connections : 0;
    };
    EXPECT_EQ(connections(0), GetParam().smtp);
    EXPECT_EQ(connections(1), GetParam().submission);
}

#define SERVICES                                                                                             \
    "[service.smtp]\nports = [25]\n[service.submission]\nports = [587]\nlimit = { connections = 3 }\n"

constexpr LimitCase limits[] = {
    {"nothing", "", 0, 0},
    {"built_in_when_only_the_action_is_written", "action = \"limit\"", 10, 10},
    {"for_all", "[limit]\nconnections = 4", 4, 4},
    {"of_the_service_before_that_for_all", SERVICES "[limit]\nconnections = 4", 4, 3},
    {"of_the_service_alone", SERVICES, 0, 3},
    {"of_the_class_before_that_of_the_service", "limit = { connections = 2 }\n" SERVICES, 2, 2},
    {"of_class_and_service_before_all",
     "limit = { connections = 2 }\nlimits = { smtp = { connections = 1 } }\n" SERVICES, 1, 2},
    {"of_one_service_leaves_the_other_alone", "limits = { smtp = { connections = 1 } }", 1, 0},
    {"of_an_observing_class_is_known_too", "action = \"observe\"\n[limit]\nconnections = 4", 4, 4},
    {"never_for_an_exempt_class", "action = \"exempt\"\n" SERVICES "[limit]", 0, 0},
};

INSTANTIATE_TEST_SUITE_P(table, EffectiveLimit, testing::ValuesIn(limits), row_name);

Config parse_files(const std::vector<SourceText>& files) {
    return parse_config(files, reader_of({}));
}

TEST(ConfigFiles, a_later_plain_value_overrides_an_earlier_one) {
    const Config config =
        parse_files({{"a", "mode = \"nft\"\nxdp = \"native\"\ninterfaces = [\"a0\"]\n"
                           "[log]\nprefix = \"A \"\nmax = \"1/s\"\n[table]\nsources = 2048"},
                     {"b", "mode = \"xdp\"\ninterfaces = [\"b0\"]\n[log]\nprefix = \"B \""}});
    EXPECT_EQ(config.mode, Mode::xdp);
    EXPECT_EQ(config.xdp, XdpChoice::native);
    EXPECT_EQ(config.interfaces, std::vector<std::string>({"b0"}));
    EXPECT_EQ(config.log.prefix, "B ");
    EXPECT_EQ(config.log.max_per_second, 1u);
    EXPECT_EQ(config.table_sources, 2048u);
    EXPECT_EQ(config.files, std::vector<std::string>({"a", "b"}));
}

TEST(ConfigFiles, a_later_file_adds_classes_services_and_the_limit) {
    const Config config =
        parse_files({{"a", "[class.a]\nranges = [\"192.0.2.1\"]\nlimits = { late = { connections = 2 } }"},
                     {"b", "[limit]\n[service.late]\nports = [26]\n[class.b]\nranges = [\"192.0.2.2\"]"}});
    ASSERT_EQ(config.classes.size(), 3u);
    EXPECT_EQ(config.classes[1].name, "a");
    EXPECT_EQ(config.classes[2].name, "b");
    EXPECT_EQ(config.services[0].name, "late");
    EXPECT_TRUE(config.limit);
}

TEST(ConfigFiles, relative_paths_start_at_the_file_that_names_them) {
    const Files files = {{"near", "192.0.2.1"}, {"conf.d/near", "192.0.2.2"}};
    const Config config = parse_config({{"sluice.toml", "[class.a]\nfiles = [\"near\"]"},
                                        {"conf.d/b.toml", "[class.b]\nfiles = [\"near\"]"}},
                                       reader_of(files));
    EXPECT_EQ(prefixes_of(config.classes[1]), std::vector<std::string>({"192.0.2.1/32"}));
    EXPECT_EQ(prefixes_of(config.classes[2]), std::vector<std::string>({"192.0.2.2/32"}));
}

// Without origins, which differ between two spellings of one configuration.
std::string essence(const Config& config) {
    nlohmann::json document = nlohmann::json::parse(to_json(config));
    const auto strip = [](auto&& self, nlohmann::json& node) -> void {
        if (node.is_object())
            node.erase("origin");
        for (nlohmann::json& inner : node)
            if (inner.is_structured())
                self(self, inner);
    };
    strip(strip, document);
    document.erase("files");
    return document.dump(1);
}

class ConfigRoundTrip : public testing::TestWithParam<ActionCase> {};

TEST_P(ConfigRoundTrip, through_toml_changes_nothing) {
    const Config config = parse(GetParam().text, range_files);
    const std::string written = to_toml(config);
    const Config again = parse(written, range_files);
    EXPECT_EQ(essence(again), essence(config)) << written;
    EXPECT_EQ(to_toml(again), written);
}

INSTANTIATE_TEST_SUITE_P(
    table, ConfigRoundTrip,
    testing::Values(ActionCase{"defaults", "", {}, {}}, ActionCase{"everything", everything, {}, {}},
                    ActionCase{"odd_characters", "[log]\nprefix = \"a\\\"b\\\\c\\u00e4 \"", {}, {}},
                    ActionCase{"bare_action", "[class.a]\naction = \"limit\"\nranges = [\"::1\"]", {}, {}},
                    ActionCase{"limits_of_default",
                               "[class.default]\nlimits = { smtp = { connections = 64, per = \"1500ms\" } }",
                               {},
                               {}}),
    row_name);

TEST(ConfigText, expanded_files_need_no_files) {
    const Config config = parse(everything, range_files);
    const std::string written = to_toml(config, true);
    EXPECT_NE(written.find("    \"10.0.0.0/8\", # office\n"), std::string::npos) << written;
    EXPECT_EQ(prefixes_of(parse(written).classes[1]), prefixes_of(config.classes[1]));
}

TEST(ConfigText, words_are_those_of_the_file) {
    EXPECT_EQ(to_string(Mode::nft), "nft");
    EXPECT_EQ(to_string(Action::exempt), "exempt");
    EXPECT_EQ(to_string(XdpChoice::automatic), "auto");
    EXPECT_EQ(parse_mode("xdp"), Mode::xdp);
    EXPECT_FALSE(parse_mode("config"));
    EXPECT_EQ(to_string(Origin{}), "default");
    EXPECT_EQ(to_string(Origin{"a.toml", 3}), "a.toml:3");
}

} // namespace
} // namespace sluice
