// SPDX-License-Identifier: GPL-2.0-or-later
// See config_values.hpp: one function for each type of value, each with its refusals.
#include "core/config_values.hpp"

#include "core/duration.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>

namespace sluice {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds shortest_duration = 1s;
constexpr std::chrono::milliseconds longest_duration = 24h;
constexpr std::size_t longest_name = 31;

// Those of the first level, for keys that landed in the wrong table.
constexpr std::array<std::string_view, 3> plain_keys = {"interfaces", "xdp", "mode"};

std::string_view kind_of(const Node& node) {
    constexpr std::array<std::string_view, 6> kinds = {
        "neither text nor a whole number", "a text", "a whole number", "true or false", "a list", "a table"};
    return kinds.at(node.value.index());
}

[[noreturn]] void wrong_type(const std::string& key, const Node& node, std::string_view example) {
    throw ConfigError(node.origin,
                      key + " is " + std::string(kind_of(node)) + "; write " + std::string(example));
}

template <typename T>
const T& read(const std::string& key, const Node& node, std::string_view example) {
    if (const T* value = std::get_if<T>(&node.value))
        return *value;
    wrong_type(key, node, example);
}

std::string advice_for_unknown(const std::string& key, std::string_view section,
                               std::span<const std::string_view> known) {
    if (!section.empty() && std::count(plain_keys.begin(), plain_keys.end(), key) != 0)
        return key + " belongs at the top of the file, above the first [section]";
    if (const auto meant = nearest(key, known))
        return "did you mean " + std::string(*meant) + "?";
    return "write one of " + joined(known);
}

bool is_name(std::string_view text) {
    const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto later = [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
    return !text.empty() && text.size() <= longest_name && lower(text[0]) &&
           std::all_of(text.begin(), text.end(), later);
}

} // namespace

void refuse_unknown_keys(const Table& table, std::string_view section,
                         std::span<const std::string_view> known) {
    for (const Entry& entry : table) {
        if (std::count(known.begin(), known.end(), entry.key) != 0)
            continue;
        const std::string place = section.empty() ? "" : " in " + std::string(section);
        throw ConfigError(entry.origin, "unknown key " + in_quotes(entry.key) + place + "; " +
                                            advice_for_unknown(entry.key, section, known));
    }
}

const std::string& read_text(const std::string& key, const Node& node, std::string_view example) {
    return read<std::string>(key, node, example);
}

std::int64_t read_number(const std::string& key, const Node& node, Bounds bounds) {
    const std::string span = std::to_string(bounds.least) + " to " + std::to_string(bounds.most);
    const auto value = read<std::int64_t>(key, node, "a whole number from " + span + ", without quotes");
    if (value < bounds.least || value > bounds.most)
        throw ConfigError(node.origin,
                          key + " = " + std::to_string(value) + " is out of bounds; write " + span);
    return value;
}

bool read_truth(const std::string& key, const Node& node) {
    return read<bool>(key, node, "true or false, without quotes");
}

const List& read_list(const std::string& key, const Node& node, std::string_view example) {
    return read<List>(key, node, example);
}

const Table& read_table(const std::string& key, const Node& node, std::string_view example) {
    return read<Table>(key, node, example);
}

std::chrono::milliseconds read_duration(const std::string& key, const Node& node) {
    const std::string& text = read_text(key, node, "a time in quotes, as in " + key + " = \"60s\"");
    const auto duration = parse_duration(text);
    if (!duration)
        throw ConfigError(node.origin, key + " = " + in_quotes(text) +
                                           " is no time; write a whole number and ms, s, m, h or d, as in " +
                                           key + " = \"60s\"");
    if (*duration < shortest_duration || *duration > longest_duration)
        throw ConfigError(node.origin, key + " = " + in_quotes(text) + " is out of bounds; write 1s to 24h");
    return *duration;
}

std::size_t read_word(const std::string& key, const Node& node, std::span<const std::string_view> words) {
    const std::string choice = "one of " + joined(words) + ", in quotes";
    const std::string& text = read_text(key, node, choice);
    const auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end())
        throw ConfigError(node.origin, key + " = " + in_quotes(text) + " is no word for it; write " + choice);
    return static_cast<std::size_t>(found - words.begin());
}

void check_name(std::string_view kind, const std::string& name, const Origin& where) {
    if (!is_name(name))
        throw ConfigError(where, in_quotes(name) + " is no name for a " + std::string(kind) +
                                     "; write a small letter and then at most 30 of a-z, 0-9, '_' and '-'");
}

} // namespace sluice
