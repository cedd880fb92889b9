// SPDX-License-Identifier: GPL-2.0-or-later
// The calendar of <chrono>, which needs neither a clock nor a zone.
#include "core/timestamp.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace sluice {

std::string to_rfc3339(std::uint64_t wall_ns, Fraction fraction) {
    constexpr std::uint64_t ns_per_second = 1'000'000'000;
    const auto second = static_cast<std::int64_t>(wall_ns / ns_per_second);
    const std::chrono::sys_seconds moment{std::chrono::seconds{second}};
    const auto midnight = std::chrono::floor<std::chrono::days>(moment);
    const std::chrono::year_month_day date{midnight};
    const std::chrono::hh_mm_ss time{moment - midnight};
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()));
    std::string result = text.data();
    if (fraction != Fraction::none) {
        std::snprintf(text.data(), text.size(), ".%09llu",
                      static_cast<unsigned long long>(wall_ns % ns_per_second));
        result += std::string_view(text.data()).substr(0, 1 + static_cast<std::size_t>(fraction));
    }
    return result + 'Z';
}

} // namespace sluice
