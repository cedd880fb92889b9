// SPDX-License-Identifier: GPL-2.0-or-later
// Config -> text: TOML that parse_config accepts again, and JSON for programs.
#include "core/config.hpp"
#include "core/duration.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

namespace sluice {

namespace {

using Json = nlohmann::ordered_json;

// A basic TOML string.
std::string toml_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            std::array<char, 8> escape;
            std::snprintf(escape.data(), escape.size(), "\\u%04X", static_cast<unsigned>(byte));
            result += escape.data();
        } else {
            result += c;
        }
    }
    return result + '"';
}

template <typename Items, typename Print>
std::string toml_list(const Items& items, const Print& print) {
    std::string result = "[";
    for (const auto& item : items)
        result += (result.size() > 1 ? ", " : "") + print(item);
    return result + ']';
}

std::string toml_limit(const Limit& limit) {
    return "{ connections = " + std::to_string(limit.connections) + ", per = \"" +
           format_duration(limit.per) + '"' +
           (limit.warn != 0 ? ", warn = " + std::to_string(limit.warn) : "") + ", count = \"" +
           std::string(to_string(limit.count)) +
           "\", count_dropped = " + (limit.count_dropped ? "true" : "false") + " }";
}

std::string toml_service(const Service& service) {
    const auto number = [](std::uint16_t port) { return std::to_string(port); };
    std::string text = "\n[service." + service.name + "]\nports = " + toml_list(service.ports, number) + '\n';
    if (service.limit)
        text += "limit = " + toml_limit(*service.limit) + '\n';
    return text;
}

std::string toml_ranges(const ClassConfig& of_class, bool expand_files) {
    std::string text;
    for (const Range& range : of_class.ranges) {
        const bool from_file =
            std::count(of_class.files.begin(), of_class.files.end(), range.origin.file) != 0;
        if (from_file && !expand_files)
            continue;
        text += "    " + toml_text(to_string(range.prefix)) + ',';
        // A comment ends with its line, and its control characters would end the TOML.
        const auto printable = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; };
        if (!range.label.empty() && std::all_of(range.label.begin(), range.label.end(), printable))
            text += " # " + range.label;
        text += '\n';
    }
    return text.empty() ? "" : "ranges = [\n" + text + "]\n";
}

std::string toml_class(const ClassConfig& of_class, bool expand_files) {
    std::string text = "\n[class." + of_class.name + "]\n";
    text += "action = \"" + std::string(to_string(of_class.action)) + "\"\n";
    if (of_class.limit)
        text += "limit = " + toml_limit(*of_class.limit) + '\n';
    if (!of_class.limits.empty())
        text += "limits = { " + [&] {
            std::string limits;
            for (const auto& [service, limit] : of_class.limits)
                limits += (limits.empty() ? "" : ", ") + service + " = " + toml_limit(limit);
            return limits;
        }() + " }\n";
    text += "prefix4 = " + std::to_string(of_class.prefix4) + '\n';
    text += "prefix6 = " + std::to_string(of_class.prefix6) + '\n';
    text += toml_ranges(of_class, expand_files);
    if (!of_class.files.empty() && (!expand_files || of_class.ranges.empty()))
        text += "files = " + toml_list(of_class.files, toml_text) + '\n';
    return text;
}

Json json_limit(const Limit& limit) {
    return {{"connections", limit.connections},
            {"per_ms", limit.per.count()},
            {"warn", limit.warn != 0 ? Json(limit.warn) : Json(nullptr)},
            {"count", to_string(limit.count)},
            {"count_dropped", limit.count_dropped},
            {"origin", to_string(limit.origin)}};
}

Json json_limit(const std::optional<Limit>& limit) {
    return limit ? json_limit(*limit) : Json(nullptr);
}

Json json_service(const Service& service) {
    return {{"name", service.name},
            {"ports", service.ports},
            {"limit", json_limit(service.limit)},
            {"origin", to_string(service.origin)}};
}

Json json_class(const ClassConfig& of_class) {
    Json limits = Json::object();
    for (const auto& [service, limit] : of_class.limits)
        limits[service] = json_limit(limit);
    Json ranges = Json::array();
    for (const Range& range : of_class.ranges)
        ranges.push_back({{"range", to_string(range.prefix)},
                          {"label", range.label},
                          {"origin", to_string(range.origin)}});
    return {{"name", of_class.name},
            {"action", to_string(of_class.action)},
            {"limit", json_limit(of_class.limit)},
            {"limits", std::move(limits)},
            {"prefix4", of_class.prefix4},
            {"prefix6", of_class.prefix6},
            {"files", of_class.files},
            {"ranges", std::move(ranges)},
            {"origin", to_string(of_class.origin)}};
}

} // namespace

std::string to_toml(const Config& config, bool expand_files) {
    std::string text = "interfaces = " + toml_list(config.interfaces, toml_text) + '\n';
    text += "xdp = \"" + std::string(to_string(config.xdp)) + "\"\n";
    text += "mode = \"" + std::string(to_string(config.mode)) + "\"\n";
    for (const Service& service : config.services)
        text += toml_service(service);
    if (config.limit)
        text += "\n[limit]\nconnections = " + std::to_string(config.limit->connections) + "\nper = \"" +
                format_duration(config.limit->per) + '"' +
                (config.limit->warn != 0 ? "\nwarn = " + std::to_string(config.limit->warn) : "") +
                "\ncount = \"" + std::string(to_string(config.limit->count)) +
                "\"\ncount_dropped = " + (config.limit->count_dropped ? "true" : "false") + '\n';
    for (const ClassConfig& of_class : config.classes)
        text += toml_class(of_class, expand_files);
    text += "\n[table]\nsources = " + std::to_string(config.table_sources) + '\n';
    text += "\n[log]\nprefix = " + toml_text(config.log.prefix) + "\nevery = \"" +
            format_duration(config.log.every) + "\"\nmax = \"" + std::to_string(config.log.max_per_second) +
            "/s\"\n";
    return text;
}

std::string to_json(const Config& config) {
    Json services = Json::array();
    for (const Service& service : config.services)
        services.push_back(json_service(service));
    Json classes = Json::array();
    for (const ClassConfig& of_class : config.classes)
        classes.push_back(json_class(of_class));
    const Json log = {{"prefix", config.log.prefix},
                      {"every_ms", config.log.every.count()},
                      {"max_per_second", config.log.max_per_second}};
    const Json document = {{"interfaces", config.interfaces},
                           {"xdp", to_string(config.xdp)},
                           {"mode", to_string(config.mode)},
                           {"services", std::move(services)},
                           {"limit", json_limit(config.limit)},
                           {"classes", std::move(classes)},
                           {"table", {{"sources", config.table_sources}}},
                           {"log", log},
                           {"files", config.files}};
    // Labels come from files that may hold any bytes; JSON is UTF-8.
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

} // namespace sluice
