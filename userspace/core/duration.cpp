// SPDX-License-Identifier: GPL-2.0-or-later
// Durations in texts, both ways. One table of units serves reading and writing.
#include "core/duration.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>

namespace sluice {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t ms;
};

constexpr std::array<Unit, 5> units = {{
    {"d", 86'400'000},
    {"h", 3'600'000},
    {"m", 60'000},
    {"s", 1'000},
    {"ms", 1},
}};

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    // from_chars takes a minus sign, a length of time has none.
    if (error != std::errc() || text[0] == '-')
        return std::nullopt;
    const std::string_view name(rest, static_cast<std::size_t>(end - rest));
    for (const Unit& unit : units) {
        std::int64_t ms = 0;
        if (unit.name == name && !__builtin_mul_overflow(number, unit.ms, &ms))
            return std::chrono::milliseconds(ms);
    }
    return std::nullopt;
}

std::string format_duration(std::chrono::milliseconds duration) {
    const std::int64_t ms = duration.count();
    if (ms == 0)
        return "0s";
    for (const Unit& unit : units)
        if (ms % unit.ms == 0)
            return std::to_string(ms / unit.ms) + std::string(unit.name);
    return std::to_string(ms) + "ms"; // not reached: the last unit divides everything
}

std::string format_rough(std::chrono::milliseconds duration) {
    constexpr std::size_t seconds = 3;
    for (std::size_t i = 0; i <= seconds; ++i) {
        const std::int64_t first = duration.count() / units[i].ms;
        if (first <= 0)
            continue;
        std::string text = std::to_string(first) + std::string(units[i].name);
        if (i < seconds) {
            const Unit& next = units[i + 1];
            if (const std::int64_t second = duration.count() % units[i].ms / next.ms)
                text += ' ' + std::to_string(second) + std::string(next.name);
        }
        return text;
    }
    return "0s";
}

} // namespace sluice
