// SPDX-License-Identifier: GPL-2.0-or-later
// See text.hpp. Pure functions on texts, no state.
#include "core/text.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace sluice {

namespace {

// Letters to insert, remove, replace or swap with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
    using Row = std::vector<std::size_t>;
    Row two_before;
    Row before;
    Row row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        two_before = std::move(before);
        before = std::move(row);
        row.assign(b.size() + 1, i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({replaced, before[j] + 1, row[j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], two_before[j - 2] + 1);
        }
    }
    return row[b.size()];
}

} // namespace

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t longest = 60;
    std::string result = "\"";
    for (const char c : text.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(c);
        result += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    if (text.size() > longest)
        result += "...";
    return result + '"';
}

std::string joined(std::span<const std::string_view> words) {
    std::string result;
    for (const std::string_view word : words) {
        if (!result.empty())
            result += ", ";
        result += word;
    }
    return result;
}

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known) {
    // A third of the letters may be wrong; beyond that the guess would rather mislead. Very
    // long words are no slips of the finger, and would cost time.
    if (word.size() > 64)
        return std::nullopt;
    std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
    std::optional<std::string_view> result;
    for (const std::string_view candidate : known) {
        const std::size_t d = distance(word, candidate);
        if (d < best) {
            best = d;
            result = candidate;
        }
    }
    return result;
}

} // namespace sluice
