// SPDX-License-Identifier: GPL-2.0-or-later
// See text_table.hpp. A column is as wide as its longest cell, in characters (UTF-8).
#include "core/text_table.hpp"

#include <algorithm>

namespace sluice {
namespace {

std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; // not the bytes that continue a character
    }));
}

} // namespace

std::string to_table(const std::string& alignment, const std::vector<std::vector<std::string>>& rows,
                     const std::string& indent) {
    std::vector<std::size_t> widths(alignment.size());
    for (const auto& row : rows)
        for (std::size_t i = 0; i < widths.size(); ++i)
            widths[i] = std::max(widths[i], width_of(row.at(i)));
    std::string text;
    for (const auto& row : rows) {
        std::string line = indent;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            const std::string blanks(widths[i] - width_of(row[i]), ' ');
            line += (i == 0 ? "" : "  ") + (alignment[i] == 'r' ? blanks + row[i] : row[i] + blanks);
        }
        text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
    return text;
}

std::string counted(unsigned long long count, const std::string& one, const std::string& many) {
    return std::to_string(count) + ' ' + (count == 1 ? one : many);
}

std::string printable(const std::string& text) {
    std::string result = text;
    for (std::size_t i = 0; i < result.size(); ++i) {
        const auto byte = static_cast<unsigned char>(result[i]);
        // C1 control characters are 0xc2 0x80 to 0xc2 0x9f in UTF-8
        const bool c1 =
            byte == 0xc2 && i + 1 < result.size() && static_cast<unsigned char>(result[i + 1]) < 0xa0;
        if (c1)
            result[i + 1] = '?';
        if (byte < 0x20 || byte == 0x7f || c1)
            result[i] = '?';
    }
    return result;
}

} // namespace sluice
