// SPDX-License-Identifier: GPL-2.0-or-later
// One [class.NAME] of one configuration file. Range files are only named here; they are read
// when everything that is cheaper to check has been checked.
#include "core/config_sections.hpp"
#include "core/config_values.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <array>

namespace sluice {

namespace {

constexpr std::size_t most_classes = SLUICE_MAX_CLASSES - 1; // beside "default"
constexpr std::string_view everything_else = "default";

// Relative paths start at the folder of the file that names them.
std::string resolved(const std::string& path, const std::string& named_in) {
    const std::size_t slash = named_in.rfind('/');
    if (path.starts_with('/') || slash == std::string::npos)
        return path;
    return named_in.substr(0, slash + 1) + path;
}

void read_ranges(ClassDraft& draft, const Entry& entry) {
    constexpr std::string_view example = "a list, as in ranges = [\"192.0.2.0/24\"]";
    for (const Node& node : read_list("ranges", entry.value, example)) {
        const std::string& text = read_text("an element of ranges", node, "a range in quotes");
        const PrefixParse parsed = parse_prefix(text);
        if (!parsed.prefix)
            throw ConfigError(node.origin, parsed.error);
        draft.result.ranges.push_back({*parsed.prefix, "", node.origin});
    }
}

void read_files(ClassDraft& draft, const Entry& entry) {
    constexpr std::string_view example = "a list, as in files = [\"customers.ranges\"]";
    for (const Node& node : read_list("files", entry.value, example)) {
        const std::string& path = read_text("an element of files", node, "a path in quotes");
        if (path.empty() || path.find('\0') != std::string::npos)
            throw ConfigError(node.origin, in_quotes(path) + " is no path; name a file of ranges");
        draft.files.push_back({resolved(path, node.origin.file), node.origin});
    }
}

void read_limits(ClassDraft& draft, const Entry& entry, const std::string& section) {
    constexpr std::string_view example = "limits by service, as in limits = { smtp = { connections = 30 } }";
    for (const Entry& item : read_table("limits", entry.value, example))
        draft.result.limits.emplace(item.key, read_limit(item, section + " limits." + item.key));
}

void read_key(ClassDraft& draft, const Entry& item, const std::string& section) {
    constexpr std::array<std::string_view, 3> actions = {"observe", "limit", "exempt"};
    if (item.key == "action")
        draft.action = static_cast<Action>(read_word("action", item.value, actions));
    else if (item.key == "ranges")
        read_ranges(draft, item);
    else if (item.key == "files")
        read_files(draft, item);
    else if (item.key == "limit")
        draft.result.limit = read_limit(item, section + " limit");
    else if (item.key == "limits")
        read_limits(draft, item, section);
    else if (item.key == "prefix4")
        draft.result.prefix4 = static_cast<std::uint8_t>(read_number("prefix4", item.value, {0, 32}));
    else
        draft.result.prefix6 = static_cast<std::uint8_t>(read_number("prefix6", item.value, {0, 128}));
}

// What is in a class, judged by itself.
void check_class(const ClassDraft& draft, const Table& table, const std::string& section) {
    const bool is_default = draft.result.name == everything_else;
    for (const Entry& item : table) {
        if (is_default && (item.key == "ranges" || item.key == "files"))
            throw ConfigError(item.origin,
                              section + " has " + item.key +
                                  ", but it is everything that no other class names; write them in "
                                  "a class of another name");
        if (draft.action == Action::exempt && (item.key == "limit" || item.key == "limits"))
            throw ConfigError(item.origin, section + " is exempt and has " + item.key +
                                               "; take out the action or the limit");
    }
    if (!is_default && draft.result.ranges.empty() && draft.files.empty())
        throw ConfigError(draft.result.origin, section +
                                                   " has no ranges and no files, so it would match nobody; "
                                                   "write some, or take it out");
}

} // namespace

void read_class(Draft& draft, const Entry& entry) {
    constexpr std::array<std::string_view, 7> keys = {"action", "ranges",  "files",  "limit",
                                                      "limits", "prefix4", "prefix6"};
    const std::string section = "[class." + entry.key + ']';
    check_name("class", entry.key, entry.origin);
    std::size_t others = 0;
    for (const ClassDraft& other : draft.classes) {
        if (other.result.name == entry.key)
            refuse_second(section, entry.origin, other.result.origin);
        others += other.result.name != everything_else ? 1 : 0;
    }
    if (entry.key != everything_else && others == most_classes)
        throw ConfigError(entry.origin, section + " is one class too many; at most " +
                                            std::to_string(most_classes) + " fit beside default");

    ClassDraft result;
    result.result.name = entry.key;
    result.result.origin = entry.origin;
    const Table& table = read_table(section, entry.value, "it as a section with ranges or files");
    refuse_unknown_keys(table, section, keys);
    for (const Entry& item : table)
        read_key(result, item, section);
    check_class(result, table, section);
    draft.classes.push_back(std::move(result));
}

} // namespace sluice
