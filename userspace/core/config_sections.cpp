// SPDX-License-Identifier: GPL-2.0-or-later
// The sections of one configuration file: [limit], [service.*], [table], [log] and the plain
// keys above them. Each section is one function; [class.*] has a file of its own.
#include "core/config_sections.hpp"

#include "core/config_values.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace sluice {

namespace {

using Keys = std::span<const std::string_view>;

constexpr std::size_t most_services = SLUICE_MAX_SERVICES - 1; // id 0 is "not protected"
constexpr std::size_t longest_log_prefix = 127;                // NF_LOG_PREFIXLEN with its zero
constexpr std::size_t longest_interface = 15;                  // IFNAMSIZ with its zero
constexpr Bounds port_bounds = {1, 65535};

Counting read_count(const Node& node) {
    constexpr std::array<std::string_view, 2> words = {"syn", "handshake"};
    return static_cast<Counting>(read_word("count", node, words));
}

std::uint32_t read_connections(const Node& node) {
    constexpr Bounds bounds = {1, SLUICE_MAX_LARGE};
    const auto* number = std::get_if<std::int64_t>(&node.value);
    if (number && *number == 0)
        throw ConfigError(node.origin, "connections = 0 would refuse everybody; write 1 to " +
                                           std::to_string(bounds.most));
    return static_cast<std::uint32_t>(read_number("connections", node, bounds));
}

// Ports in a text: "465" or "8000-8100". Empty if it is neither.
std::optional<std::pair<std::int64_t, std::int64_t>> parse_ports(std::string_view text) {
    const auto number = [](std::string_view digits) -> std::optional<std::int64_t> {
        std::int64_t value = 0;
        const char* const end = digits.data() + digits.size();
        const auto [rest, error] = std::from_chars(digits.data(), end, value);
        const bool plain = !digits.empty() && digits[0] != '-' && (digits[0] != '0' || digits.size() == 1);
        return error == std::errc() && rest == end && plain ? std::optional(value) : std::nullopt;
    };
    const std::size_t dash = text.find('-');
    const auto first = number(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
    if (!first || !last)
        return std::nullopt;
    return std::pair(*first, *last);
}

std::pair<std::int64_t, std::int64_t> read_ports(const Node& node) {
    if (const auto* number = std::get_if<std::int64_t>(&node.value))
        return {*number, *number};
    const std::string& text =
        read_text("an element of ports", node, "a port as in 465, or a span of them as in \"8000-8100\"");
    const auto span = parse_ports(text);
    if (!span)
        throw ConfigError(node.origin,
                          in_quotes(text) + " is no port; write a number, or a span as in \"8000-8100\"");
    if (span->first > span->second)
        throw ConfigError(node.origin, "ports " + in_quotes(text) + " run backwards; write \"" +
                                           std::to_string(span->second) + '-' + std::to_string(span->first) +
                                           '"');
    return *span;
}

void add_ports(Draft& draft, Service& service, const Node& node) {
    const auto [first, last] = read_ports(node);
    for (const std::int64_t end : {first, last})
        if (end < port_bounds.least || end > port_bounds.most)
            throw ConfigError(node.origin,
                              "port " + std::to_string(end) + " does not exist; write 1 to 65535");
    for (std::int64_t port = first; port <= last; ++port) {
        const auto number = static_cast<std::uint16_t>(port);
        const auto [use, added] = draft.ports.try_emplace(number, PortUse{service.name, node.origin});
        if (!added)
            throw ConfigError(node.origin, "port " + std::to_string(port) + " is already in service " +
                                               in_quotes(use->second.service) + " (" +
                                               to_string(use->second.origin) + "); write it in one place");
        service.ports.push_back(number);
    }
}

void read_service(Draft& draft, const Entry& entry) {
    constexpr std::array<std::string_view, 2> keys = {"ports", "limit"};
    const std::string section = "[service." + entry.key + ']';
    check_name("service", entry.key, entry.origin);
    for (const Service& other : draft.config.services)
        if (other.name == entry.key)
            refuse_second(section, entry.origin, other.origin);
    if (draft.config.services.size() == most_services)
        throw ConfigError(entry.origin, section + " is one service too many; at most " +
                                            std::to_string(most_services) + " fit, join some of them");

    Service service{entry.key, {}, std::nullopt, entry.origin};
    const Table& table = read_table(section, entry.value, "it as a section with ports");
    refuse_unknown_keys(table, section, keys);
    for (const Entry& item : table) {
        if (item.key == "limit")
            service.limit = read_limit(item, section + " limit");
        else
            for (const Node& port : read_list("ports", item.value, "a list, as in ports = [25]"))
                add_ports(draft, service, port);
    }
    if (service.ports.empty())
        throw ConfigError(entry.origin, section + " has no ports; write some, as in ports = [25]");
    std::sort(service.ports.begin(), service.ports.end());
    draft.config.services.push_back(std::move(service));
}

const std::string& check_log_prefix(const Node& node) {
    const std::string& text = read_text("prefix", node, "a text in quotes");
    if (text.empty())
        throw ConfigError(node.origin,
                          "prefix is empty, so nobody could find the lines in the log; write a word");
    if (text.size() > longest_log_prefix)
        throw ConfigError(node.origin, "prefix is " + std::to_string(text.size()) +
                                           " bytes long; the kernel takes at most 127");
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(text.begin(), text.end(), is_control))
        throw ConfigError(node.origin, "prefix " + in_quotes(text) + " has a control character; take it out");
    return text;
}

std::uint32_t read_rate(const Node& node) {
    constexpr std::int64_t most = 10'000;
    const std::string advice = "write lines per second, \"1/s\" to \"" + std::to_string(most) + "/s\"";
    const std::string& text = read_text("max", node, advice.substr(6));
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || std::string_view(rest, static_cast<std::size_t>(end - rest)) != "/s")
        throw ConfigError(node.origin, "max = " + in_quotes(text) + " is no rate; " + advice);
    if (value < 1 || value > most)
        throw ConfigError(node.origin, "max = " + in_quotes(text) + " is out of bounds; " + advice);
    return static_cast<std::uint32_t>(value);
}

void read_log(LogConfig& log, const Entry& entry) {
    constexpr std::array<std::string_view, 3> keys = {"prefix", "every", "max"};
    const Table& table = read_table("[log]", entry.value, "it as a section");
    refuse_unknown_keys(table, "[log]", keys);
    for (const Entry& item : table) {
        if (item.key == "prefix")
            log.prefix = check_log_prefix(item.value);
        else if (item.key == "every")
            log.every = read_duration("every", item.value);
        else
            log.max_per_second = read_rate(item.value);
    }
}

void read_table_section(Config& config, const Entry& entry) {
    constexpr std::array<std::string_view, 1> keys = {"sources"};
    constexpr Bounds bounds = {1024, 16'777'216};
    const Table& table = read_table("[table]", entry.value, "it as a section");
    refuse_unknown_keys(table, "[table]", keys);
    for (const Entry& item : table)
        config.table_sources = static_cast<std::uint32_t>(read_number("sources", item.value, bounds));
}

void check_interface(const std::string& name, const Node& node, const std::vector<std::string>& before) {
    // Globs may be longer than a name.
    const bool glob = name.find_first_of("*?[") != std::string::npos;
    const auto forbidden = [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '/';
    };
    if (name.empty() || name == "." || name == ".." || (!glob && name.size() > longest_interface) ||
        std::any_of(name.begin(), name.end(), forbidden))
        throw ConfigError(node.origin, in_quotes(name) + " is no name of an interface; write names as in "
                                                         "interfaces = [\"eth0\"], or \"auto\"");
    if (std::count(before.begin(), before.end(), name) != 0)
        throw ConfigError(node.origin, "interface " + in_quotes(name) + " is listed twice; write it once");
}

void read_interfaces(Config& config, const Entry& entry) {
    constexpr std::string_view example = "a list, as in interfaces = [\"eth0\"]";
    std::vector<std::string> names;
    for (const Node& node : read_list("interfaces", entry.value, example)) {
        const std::string& name = read_text("an element of interfaces", node, "a name in quotes");
        check_interface(name, node, names);
        names.push_back(name);
    }
    config.interfaces = std::move(names);
}

void read_root_entry(Draft& draft, const Entry& entry) {
    constexpr std::array<std::string_view, 3> modes = {"observe", "nft", "xdp"};
    constexpr std::array<std::string_view, 3> choices = {"auto", "native", "generic"};
    if (entry.key == "interfaces") {
        read_interfaces(draft.config, entry);
    } else if (entry.key == "xdp") {
        draft.config.xdp = static_cast<XdpChoice>(read_word("xdp", entry.value, choices));
    } else if (entry.key == "mode") {
        draft.config.mode = static_cast<Mode>(read_word("mode", entry.value, modes));
    } else if (entry.key == "limit") {
        if (draft.config.limit)
            refuse_second("[limit]", entry.origin, draft.config.limit->origin);
        draft.config.limit = read_limit(entry, "[limit]");
    } else if (entry.key == "service") {
        for (const Entry& service : read_table("service", entry.value, "a section, as in [service.smtp]"))
            read_service(draft, service);
    } else if (entry.key == "class") {
        for (const Entry& item : read_table("class", entry.value, "a section, as in [class.customers]"))
            read_class(draft, item);
    } else if (entry.key == "table") {
        read_table_section(draft.config, entry);
    } else {
        read_log(draft.config.log, entry);
    }
}

} // namespace

void refuse_second(const std::string& section, const Origin& here, const Origin& there) {
    throw ConfigError(here,
                      section + " is already written at " + to_string(there) + "; write it in one file only");
}

Limit read_limit(const Entry& entry, const std::string& section) {
    constexpr std::array<std::string_view, 5> keys = {"connections", "per", "warn", "count", "count_dropped"};
    Limit limit;
    Origin warn_origin;
    limit.origin = entry.origin;
    const Table& table =
        read_table(section, entry.value, "a table, as in { connections = 10, per = \"60s\" }");
    refuse_unknown_keys(table, section, keys);
    for (const Entry& item : table) {
        if (item.key == "connections")
            limit.connections = read_connections(item.value);
        else if (item.key == "per")
            limit.per = read_duration("per", item.value);
        else if (item.key == "warn")
            limit.warn = static_cast<std::uint32_t>(read_number("warn", item.value, {1, SLUICE_MAX_LARGE})),
            warn_origin = item.value.origin;
        else if (item.key == "count")
            limit.count = read_count(item.value);
        else
            limit.count_dropped = read_truth("count_dropped", item.value);
    }
    if (limit.warn > limit.connections)
        throw ConfigError(warn_origin, "warn = " + std::to_string(limit.warn) +
                                           " is above connections = " + std::to_string(limit.connections) +
                                           ", so the limit would come first; write at most that");
    return limit;
}

void read_file(Draft& draft, const Table& root) {
    constexpr std::array<std::string_view, 8> keys = {"interfaces", "xdp",   "mode",  "service",
                                                      "limit",      "class", "table", "log"};
    refuse_unknown_keys(root, "", keys);
    for (const Entry& entry : root)
        read_root_entry(draft, entry);
}

} // namespace sluice
