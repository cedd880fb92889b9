// SPDX-License-Identifier: GPL-2.0-or-later
// Lists of ranges, one a line. They can hold a million lines, so a line costs a few searches
// and no stream. A line that cannot be read refuses the whole file: a skipped line of a
// whitelist would be a customer who gets dropped.
#include "core/config.hpp"
#include "core/text.hpp"

#include <algorithm>

namespace sluice {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view comment_signs = "#;";

Range parse_line(std::string_view range, std::string_view comment, const Origin& origin) {
    PrefixParse parsed = parse_prefix(range);
    if (parsed.prefix)
        return {*parsed.prefix, std::string(comment), origin};
    const std::size_t blank = range.find_first_of(" \t,");
    if (blank != std::string_view::npos && parse_prefix(range.substr(0, blank)).prefix)
        throw ConfigError(origin, "there is more than one range in " + in_quotes(range) +
                                      "; write one range a line, and '#' before a comment");
    throw ConfigError(origin, parsed.error);
}

} // namespace

std::vector<Range> parse_range_file(const std::string& path, std::string_view text) {
    if (text.starts_with(byte_order_mark))
        text.remove_prefix(byte_order_mark.size());
    std::vector<Range> ranges;
    ranges.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1);
    Origin origin{path, 0};
    while (!text.empty()) {
        ++origin.line;
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));

        const std::size_t sign = std::min(line.find_first_of(comment_signs), line.size());
        const std::string_view range = trimmed(line.substr(0, sign));
        if (range.empty())
            continue;
        ranges.push_back(parse_line(range, trimmed(line.substr(std::min(sign + 1, line.size()))), origin));
    }
    return ranges;
}

} // namespace sluice
