// SPDX-License-Identifier: GPL-2.0-or-later
// Everything that refuses a configuration, with the whole message: what operators read when
// they got something wrong. The accepted twins are in config_test.cpp.
#include "core/config.hpp"
#include "row_name.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <system_error>

namespace sluice {
namespace {

std::string read_range_file(const std::string& path) {
    if (path == "good")
        return "192.0.2.0/24 # good\n192.0.2.9\n";
    if (path == "bad")
        return "192.0.2.0/24\n\n192.0.2.1/24\n";
    throw std::system_error(ENOENT, std::generic_category(), "open");
}

std::string message_of(const std::vector<SourceText>& files) {
    try {
        (void)parse_config(files, read_range_file);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "accepted";
}

struct Refusal {
    const char* name;
    const char* text;
    const char* message;

    friend std::ostream& operator<<(std::ostream& out, const Refusal& row) { return out << row.text; }
};

class ConfigRefused : public testing::TestWithParam<Refusal> {};

TEST_P(ConfigRefused, with_file_line_problem_and_advice) {
    EXPECT_EQ(message_of({{"f", GetParam().text}}), GetParam().message);
}

constexpr Refusal keys[] = {
    {"unknown_key", "\nfoo = 1",
     "f:2: unknown key \"foo\"; write one of interfaces, xdp, mode, service, limit, class, table, log"},
    {"misspelt_key", "interface = [\"eth0\"]", "f:1: unknown key \"interface\"; did you mean interfaces?"},
    {"key_of_a_later_version", "[limit]\nper = \"60s\"\nto = 8",
     "f:3: unknown key \"to\" in [limit]; write one of connections, per, warn, count, count_dropped"},
    {"warn_above_the_limit", "[limit]\nconnections = 10\nwarn = 11",
     "f:3: warn = 11 is above connections = 10, so the limit would come first; write at most that"},
    {"warn_zero", "[limit]\nwarn = 0", "f:2: warn = 0 is out of bounds; write 1 to 10000"},
    {"section_of_a_later_version", "[ban]\nafter = 3",
     "f:1: unknown key \"ban\"; write one of interfaces, xdp, mode, service, limit, class, table, log"},
    {"history", "[history]\nkeep = \"14d\"",
     "f:1: unknown key \"history\"; write one of interfaces, xdp, mode, service, limit, class, table, log"},
    {"ban_in_a_class", "[class.a]\nranges = [\"192.0.2.1\"]\nban = false",
     "f:3: unknown key \"ban\" in [class.a]; write one of action, ranges, files, limit, limits, prefix4, "
     "prefix6"},
    {"misspelt_key_in_a_section", "[class.a]\nrange = [\"192.0.2.1\"]",
     "f:2: unknown key \"range\" in [class.a]; did you mean ranges?"},
    {"misspelt_key_in_a_limit", "[service.a]\nports = [25]\nlimit = { conections = 3 }",
     "f:3: unknown key \"conections\" in [service.a] limit; did you mean connections?"},
    {"misspelt_key_in_limits", "[class.a]\nlimits = { smtp = { pre = \"60s\" } }",
     "f:2: unknown key \"pre\" in [class.a] limits.smtp; did you mean per?"},
    {"plain_key_below_a_section", "[log]\nmode = \"nft\"",
     "f:2: unknown key \"mode\" in [log]; mode belongs at the top of the file, above the first [section]"},
    {"unknown_key_in_service", "[service.a]\nport = [25]",
     "f:2: unknown key \"port\" in [service.a]; did you mean ports?"},
    {"unknown_key_in_table", "[table]\nsource = 4096",
     "f:2: unknown key \"source\" in [table]; did you mean sources?"},
    {"unknown_key_in_log", "[log]\nlevel = 4",
     "f:2: unknown key \"level\" in [log]; write one of prefix, every, max"},
};

constexpr Refusal types[] = {
    {"interfaces_text", "interfaces = \"eth0\"",
     "f:1: interfaces is a text; write a list, as in interfaces = [\"eth0\"]"},
    {"interface_number", "interfaces = [0]",
     "f:1: an element of interfaces is a whole number; write a name in quotes"},
    {"xdp_truth", "xdp = true", "f:1: xdp is true or false; write one of auto, native, generic, in quotes"},
    {"mode_list", "mode = [\"nft\"]", "f:1: mode is a list; write one of observe, nft, xdp, in quotes"},
    {"limit_number", "limit = 10",
     "f:1: [limit] is a whole number; write a table, as in { connections = 10, per = \"60s\" }"},
    {"connections_text", "[limit]\nconnections = \"10\"",
     "f:2: connections is a text; write a whole number from 1 to 10000, without quotes"},
    {"connections_fraction", "[limit]\nconnections = 1.5",
     "f:2: connections is neither text nor a whole number; write a whole number from 1 to 10000, without "
     "quotes"},
    {"per_number", "[limit]\nper = 60",
     "f:2: per is a whole number; write a time in quotes, as in per = \"60s\""},
    {"per_time_of_day", "[limit]\nper = 00:01:00",
     "f:2: per is neither text nor a whole number; write a time in quotes, as in per = \"60s\""},
    {"count_dropped_text", "[limit]\ncount_dropped = \"no\"",
     "f:2: count_dropped is a text; write true or false, without quotes"},
    {"service_list", "[[service]]\nports = [25]",
     "f:1: service is a list; write a section, as in [service.smtp]"},
    {"service_without_a_name", "[service]\nports = [25]",
     "f:2: [service.ports] is a list; write it as a section with ports"},
    {"ports_number", "[service.a]\nports = 25",
     "f:2: ports is a whole number; write a list, as in ports = [25]"},
    {"port_list", "[service.a]\nports = [[25]]",
     "f:2: an element of ports is a list; write a port as in 465, or a span of them as in \"8000-8100\""},
    {"class_list", "[[class]]\nranges = []",
     "f:1: class is a list; write a section, as in [class.customers]"},
    {"class_without_a_name", "[class]\naction = \"exempt\"",
     "f:2: [class.action] is a text; write it as a section with ranges or files"},
    {"ranges_text", "[class.a]\nranges = \"192.0.2.1\"",
     "f:2: ranges is a text; write a list, as in ranges = [\"192.0.2.0/24\"]"},
    {"range_number", "[class.a]\nranges = [10]",
     "f:2: an element of ranges is a whole number; write a range in quotes"},
    {"files_text", "[class.a]\nfiles = \"good\"",
     "f:2: files is a text; write a list, as in files = [\"customers.ranges\"]"},
    {"file_number", "[class.a]\nfiles = [1]",
     "f:2: an element of files is a whole number; write a path in quotes"},
    {"limits_number", "[class.a]\nlimits = 3",
     "f:2: limits is a whole number; write limits by service, as in limits = { smtp = { connections = 30 } "
     "}"},
    {"limits_of_numbers", "[class.a]\nlimits = { smtp = 3 }",
     "f:2: [class.a] limits.smtp is a whole number; write a table, as in { connections = 10, per = \"60s\" "
     "}"},
    {"log_text", "log = \"yes\"", "f:1: [log] is a text; write it as a section"},
    {"log_prefix_number", "[log]\nprefix = 1", "f:2: prefix is a whole number; write a text in quotes"},
    {"log_max_number", "[log]\nmax = 20",
     "f:2: max is a whole number; write lines per second, \"1/s\" to \"10000/s\""},
    {"table_number", "table = 4096", "f:1: [table] is a whole number; write it as a section"},
};

constexpr Refusal values[] = {
    {"limit_zero", "[limit]\nconnections = 0",
     "f:2: connections = 0 would refuse everybody; write 1 to 10000"},
    {"limit_negative", "[limit]\nconnections = -1",
     "f:2: connections = -1 is out of bounds; write 1 to 10000"},
    {"limit_too_large", "[limit]\nconnections = 10001",
     "f:2: connections = 10001 is out of bounds; write 1 to 10000"},
    {"limit_of_a_class_too_large", "[class.a]\nlimit = { connections = 30000 }",
     "f:2: connections = 30000 is out of bounds; write 1 to 10000"},
    {"per_is_no_time", "[limit]\nper = \"a minute\"",
     "f:2: per = \"a minute\" is no time; write a whole number and ms, s, m, h or d, as in per = \"60s\""},
    {"per_without_a_unit", "[limit]\nper = \"60\"",
     "f:2: per = \"60\" is no time; write a whole number and ms, s, m, h or d, as in per = \"60s\""},
    {"per_too_short", "[limit]\nper = \"999ms\"", "f:2: per = \"999ms\" is out of bounds; write 1s to 24h"},
    {"per_too_long", "[limit]\nper = \"25h\"", "f:2: per = \"25h\" is out of bounds; write 1s to 24h"},
    {"count_word", "[limit]\ncount = \"packets\"",
     "f:2: count = \"packets\" is no word for it; write one of syn, handshake, in quotes"},
    {"mode_word", "mode = \"drop\"",
     "f:1: mode = \"drop\" is no word for it; write one of observe, nft, xdp, in quotes"},
    {"xdp_word", "xdp = \"skb\"",
     "f:1: xdp = \"skb\" is no word for it; write one of auto, native, generic, in quotes"},
    {"action_word", "[class.a]\naction = \"allow\"",
     "f:2: action = \"allow\" is no word for it; write one of observe, limit, exempt, in quotes"},
    {"interface_empty", "interfaces = [\"\"]",
     "f:1: \"\" is no name of an interface; write names as in interfaces = [\"eth0\"], or \"auto\""},
    {"interface_with_blank", "interfaces = [\"eth0 eth1\"]",
     "f:1: \"eth0 eth1\" is no name of an interface; write names as in interfaces = [\"eth0\"], or \"auto\""},
    {"interface_too_long", "interfaces = [\"abcdefghijklmnop\"]",
     "f:1: \"abcdefghijklmnop\" is no name of an interface; write names as in interfaces = [\"eth0\"], or "
     "\"auto\""},
    {"interface_twice", "interfaces = [\"eth0\",\n\"eth0\"]",
     "f:2: interface \"eth0\" is listed twice; write it once"},
    {"sources_too_few", "[table]\nsources = 1023",
     "f:2: sources = 1023 is out of bounds; write 1024 to 16777216"},
    {"sources_too_many", "[table]\nsources = 16777217",
     "f:2: sources = 16777217 is out of bounds; write 1024 to 16777216"},
    {"log_prefix_empty", "[log]\nprefix = \"\"",
     "f:2: prefix is empty, so nobody could find the lines in the log; write a word"},
    {"log_prefix_control", "[log]\nprefix = \"a\\nb\"",
     "f:2: prefix \"a?b\" has a control character; take it out"},
    {"log_every", "[log]\nevery = \"0s\"", "f:2: every = \"0s\" is out of bounds; write 1s to 24h"},
    {"log_max_unit", "[log]\nmax = \"20/m\"",
     "f:2: max = \"20/m\" is no rate; write lines per second, \"1/s\" to \"10000/s\""},
    {"log_max_zero", "[log]\nmax = \"0/s\"",
     "f:2: max = \"0/s\" is out of bounds; write lines per second, \"1/s\" to \"10000/s\""},
};

constexpr Refusal services[] = {
    {"without_ports", "[service.a]\nlimit = { connections = 3 }",
     "f:1: [service.a] has no ports; write some, as in ports = [25]"},
    {"ports_empty", "[service.a]\nports = []",
     "f:1: [service.a] has no ports; write some, as in ports = [25]"},
    {"port_zero", "[service.a]\nports = [0]", "f:2: port 0 does not exist; write 1 to 65535"},
    {"port_too_large", "[service.a]\nports = [65536]", "f:2: port 65536 does not exist; write 1 to 65535"},
    {"port_negative", "[service.a]\nports = [-25]", "f:2: port -25 does not exist; write 1 to 65535"},
    {"span_from_zero", "[service.a]\nports = [\"0-25\"]", "f:2: port 0 does not exist; write 1 to 65535"},
    {"span_too_far", "[service.a]\nports = [\"65000-70000\"]",
     "f:2: port 70000 does not exist; write 1 to 65535"},
    {"span_backwards", "[service.a]\nports = [\"8100-8000\"]",
     "f:2: ports \"8100-8000\" run backwards; write \"8000-8100\""},
    {"port_name", "[service.a]\nports = [\"smtp\"]",
     "f:2: \"smtp\" is no port; write a number, or a span as in \"8000-8100\""},
    {"span_with_blanks", "[service.a]\nports = [\"8000 - 8100\"]",
     "f:2: \"8000 - 8100\" is no port; write a number, or a span as in \"8000-8100\""},
    {"span_open", "[service.a]\nports = [\"8000-\"]",
     "f:2: \"8000-\" is no port; write a number, or a span as in \"8000-8100\""},
    {"leading_zero", "[service.a]\nports = [\"025\"]",
     "f:2: \"025\" is no port; write a number, or a span as in \"8000-8100\""},
    {"twice_in_one_service", "[service.a]\nports = [25,\n25]",
     "f:3: port 25 is already in service \"a\" (f:2); write it in one place"},
    {"twice_by_a_span", "[service.a]\nports = [587, \"500-600\"]",
     "f:2: port 587 is already in service \"a\" (f:2); write it in one place"},
    {"in_two_services", "[service.a]\nports = [25]\n[service.b]\nports = [26, \"25\"]",
     "f:4: port 25 is already in service \"a\" (f:2); write it in one place"},
    {"name_upper_case", "[service.SMTP]\nports = [25]",
     "f:1: \"SMTP\" is no name for a service; write a small letter and then at most 30 of a-z, 0-9, '_' and "
     "'-'"},
    {"name_too_long", "[service.a234567890123456789012345678901c]\nports = [25]",
     "f:1: \"a234567890123456789012345678901c\" is no name for a service; write a small letter and then at "
     "most 30 of a-z, 0-9, '_' and '-'"},
    {"name_empty", "[service.\"\"]\nports = [25]",
     "f:1: \"\" is no name for a service; write a small letter and then at most 30 of a-z, 0-9, '_' and '-'"},
};

constexpr Refusal classes[] = {
    {"name_digit_first", "[class.1a]\nranges = [\"192.0.2.1\"]",
     "f:1: \"1a\" is no name for a class; write a small letter and then at most 30 of a-z, 0-9, '_' and '-'"},
    {"name_dotted", "[class.\"a.b\"]\nranges = [\"192.0.2.1\"]",
     "f:1: \"a.b\" is no name for a class; write a small letter and then at most 30 of a-z, 0-9, '_' and "
     "'-'"},
    {"matches_nobody", "\n[class.a]\naction = \"exempt\"",
     "f:2: [class.a] has no ranges and no files, so it would match nobody; write some, or take it out"},
    {"empty_lists", "[class.a]\nranges = []\nfiles = []",
     "f:1: [class.a] has no ranges and no files, so it would match nobody; write some, or take it out"},
    {"default_with_ranges", "[class.default]\nranges = [\"192.0.2.1\"]",
     "f:2: [class.default] has ranges, but it is everything that no other class names; write them in a class "
     "of another name"},
    {"default_with_files", "[class.default]\nfiles = [\"good\"]",
     "f:2: [class.default] has files, but it is everything that no other class names; write them in a class "
     "of another name"},
    {"exempt_with_limit",
     "[class.a]\nranges = [\"192.0.2.1\"]\nlimit = { connections = 3 }\naction = \"exempt\"",
     "f:3: [class.a] is exempt and has limit; take out the action or the limit"},
    {"exempt_with_limits",
     "[class.a]\naction = \"exempt\"\nranges = [\"192.0.2.1\"]\nlimits = { smtp = { connections = 3 } }",
     "f:4: [class.a] is exempt and has limits; take out the action or the limit"},
    {"limits_of_no_service", "[class.a]\nranges = [\"192.0.2.1\"]\nlimits = { smpt = { connections = 3 } }",
     "f:3: limits of class a name \"smpt\", which is no service; did you mean smtp?"},
    {"limits_of_no_service_at_all",
     "[class.a]\nranges = [\"192.0.2.1\"]\nlimits = { imap = { connections = 3 } }",
     "f:3: limits of class a name \"imap\", which is no service; write one of smtp, submission"},
    {"limits_of_a_default_service_that_is_replaced",
     "[service.a]\nports = [25]\n[class.default]\nlimits = { smtp = { connections = 3 } }",
     "f:4: limits of class default name \"smtp\", which is no service; write one of a"},
    {"prefix4_too_long", "[class.default]\nprefix4 = 33",
     "f:2: prefix4 = 33 is out of bounds; write 0 to 32"},
    {"prefix6_too_long", "[class.default]\nprefix6 = 129",
     "f:2: prefix6 = 129 is out of bounds; write 0 to 128"},
    {"prefix_negative", "[class.default]\nprefix4 = -1", "f:2: prefix4 = -1 is out of bounds; write 0 to 32"},
};

constexpr Refusal ranges[] = {
    {"host_bits", "[class.a]\nranges = [\n\"192.0.2.0/24\",\n\"198.51.100.1/24\"]",
     "f:4: \"198.51.100.1/24\" has bits set behind its length; write 198.51.100.0/24 for the range or "
     "198.51.100.1 for the address"},
    {"twice_in_one_class", "[class.a]\nranges = [\"192.0.2.1\",\n\"192.0.2.1/32\"]",
     "f:3: 192.0.2.1/32 is already in class a (f:2); write it in one place"},
    {"in_two_classes", "[class.a]\nranges = [\"2001:db8::/32\"]\n[class.b]\nranges = [\"2001:DB8::/32\"]",
     "f:4: 2001:db8::/32 is already in class a (f:2); write it in one place"},
    {"in_a_file_too", "[class.a]\nranges = [\"192.0.2.9\"]\nfiles = [\"good\"]",
     "good:2: 192.0.2.9/32 is already in class a (f:2); write it in one place"},
    {"bad_line_in_a_file", "[class.a]\nfiles = [\"bad\"]",
     "bad:3: \"192.0.2.1/24\" has bits set behind its length; write 192.0.2.0/24 for the range or 192.0.2.1 "
     "for the address"},
    {"file_that_cannot_be_read", "[class.a]\nfiles = [\"good\",\n \"none\"]",
     "f:3: cannot read none: No such file or directory; make it readable or take it out of files"},
    {"file_twice", "[class.a]\nfiles = [\"good\"]\n[class.b]\nfiles = [\"good\"]",
     "f:4: good is already named at f:2; name it in one place"},
    {"file_without_a_name", "[class.a]\nfiles = [\"\"]", "f:2: \"\" is no path; name a file of ranges"},
};

constexpr Refusal lengths[] = {
    {"fifth_ipv4_length_of_a_class",
     "[class.a]\nranges = [\"10.0.0.0/8\"]\nprefix4 = 31\n[class.b]\nranges = [\"10.1.0.0/16\"]\nprefix4 = "
     "30\n"
     "[class.c]\nranges = [\"10.2.0.0/16\"]\nprefix4 = 29\n[class.d]\nranges = [\"10.3.0.0/16\"]\nprefix4 = "
     "28",
     "f:10: [class.d] would count IPv4 sources by /28 beside /29, /30, /31, /32; at most four lengths can be "
     "in "
     "use"},
    {"fifth_ipv6_length_of_a_range",
     "[class.a]\nranges = [\"2001:db8::/72\",\n\"2001:db8:1::/80\",\n\"2001:db8:2::/96\"]",
     "f:4: range 2001:db8:2::/96 of class a would count IPv6 sources by /96 beside /64, /72, /80, /128; at "
     "most "
     "four lengths can be in use"},
};

constexpr Refusal syntax[] = {
    {"not_closed", "mode = \"nft\nxdp = 1",
     "f:1: this is no TOML (parsing string: unescaped control characters other than TAB (U+0009) are "
     "explicitly prohibited); correct the line (texts stand in quotes)"},
    {"no_value", "\n\nmode =",
     "f:3: this is no TOML (parsing key-value pair: encountered end-of-file); correct the line (texts stand "
     "in quotes)"},
    {"no_quotes", "mode = nft",
     "f:1: this is no TOML (parsing floating-point: expected 'nan', saw 'nf'); correct the line (texts stand "
     "in quotes)"},
    {"key_twice", "mode = \"nft\"\nmode = \"xdp\"",
     "f:2: this is no TOML (parsing key-value pair: cannot redefine existing string 'mode'); write it once"},
    {"section_twice", "[limit]\n\n[limit]",
     "f:3: this is no TOML (parsing table header: cannot redefine existing table 'limit'); write it once"},
    {"class_twice", "[class.a]\n[class.a]",
     "f:2: this is no TOML (parsing table header: cannot redefine existing table 'class.a'); write it once"},
};

INSTANTIATE_TEST_SUITE_P(keys, ConfigRefused, testing::ValuesIn(keys), row_name);
INSTANTIATE_TEST_SUITE_P(types, ConfigRefused, testing::ValuesIn(types), row_name);
INSTANTIATE_TEST_SUITE_P(values, ConfigRefused, testing::ValuesIn(values), row_name);
INSTANTIATE_TEST_SUITE_P(services, ConfigRefused, testing::ValuesIn(services), row_name);
INSTANTIATE_TEST_SUITE_P(classes, ConfigRefused, testing::ValuesIn(classes), row_name);
INSTANTIATE_TEST_SUITE_P(ranges, ConfigRefused, testing::ValuesIn(ranges), row_name);
INSTANTIATE_TEST_SUITE_P(lengths, ConfigRefused, testing::ValuesIn(lengths), row_name);
INSTANTIATE_TEST_SUITE_P(syntax, ConfigRefused, testing::ValuesIn(syntax), row_name);

TEST(ConfigRefusedByLength, a_log_prefix_that_the_kernel_would_cut) {
    EXPECT_EQ(message_of({{"f", "[log]\nprefix = \"" + std::string(128, 'p') + '"'}}),
              "f:2: prefix is 128 bytes long; the kernel takes at most 127");
}

TEST(ConfigRefusedByNumber, one_service_too_many) {
    std::string text;
    for (int i = 1; i <= 16; ++i)
        text += "[service.s" + std::to_string(i) + "]\nports = [" + std::to_string(i) + "]\n";
    EXPECT_EQ(message_of({{"f", text}}),
              "f:31: [service.s16] is one service too many; at most 15 fit, join some of them");
}

TEST(ConfigRefusedByNumber, one_class_too_many) {
    std::string text = "[class.default]\naction = \"observe\"\n";
    for (int i = 0; i < 256; ++i)
        text += "[class.c" + std::to_string(i) + "]\nranges = [\"192.0.2." + std::to_string(i) + "\"]\n";
    EXPECT_EQ(message_of({{"f", text}}),
              "f:513: [class.c255] is one class too many; at most 255 fit beside default");
}

TEST(ConfigRefusedAcrossFiles, what_may_be_written_once_names_both_places) {
    EXPECT_EQ(message_of({{"a", "[class.x]\nranges = [\"192.0.2.1\"]"},
                          {"b", "\n[class.x]\nranges = [\"192.0.2.2\"]"}}),
              "b:2: [class.x] is already written at a:1; write it in one file only");
    EXPECT_EQ(message_of({{"a", "[service.x]\nports = [25]"}, {"b", "[service.x]\nports = [26]"}}),
              "b:1: [service.x] is already written at a:1; write it in one file only");
    EXPECT_EQ(message_of({{"a", "\n[limit]"}, {"b", "limit = { connections = 3 }"}}),
              "b:1: [limit] is already written at a:2; write it in one file only");
    EXPECT_EQ(message_of({{"a", "[class.default]"}, {"b", "[class.default]"}}),
              "b:1: [class.default] is already written at a:1; write it in one file only");
}

TEST(ConfigRefusedAcrossFiles, ports_and_ranges_count_together) {
    EXPECT_EQ(message_of({{"a", "[service.x]\nports = [25]"}, {"b", "[service.y]\nports = [25]"}}),
              "b:2: port 25 is already in service \"x\" (a:2); write it in one place");
    EXPECT_EQ(message_of({{"a", "[class.x]\nranges = [\"192.0.2.1\"]"},
                          {"b", "[class.y]\nranges = [\"192.0.2.1\"]"}}),
              "b:2: 192.0.2.1/32 is already in class x (a:2); write it in one place");
}

TEST(ConfigRefusedAcrossFiles, a_mistake_in_a_value_that_is_overridden_is_a_mistake) {
    EXPECT_EQ(message_of({{"a", "mode = \"drop\""}, {"b", "mode = \"nft\""}}),
              "a:1: mode = \"drop\" is no word for it; write one of observe, nft, xdp, in quotes");
}

} // namespace
} // namespace sluice
