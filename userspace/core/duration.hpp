// SPDX-License-Identifier: GPL-2.0-or-later
// Durations as people write them: 90s, 10m, 1h, 2d, 500ms.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// A whole number and a unit (ms, s, m, h, d), nothing else; empty for anything that is not
// that or does not fit 64 bits of milliseconds.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// The shortest exact form: 90s, 10m, 1h, 2d, 1500ms.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

// For people: "3m 20s", at most two units, rounded down; "0s" below a second.
[[nodiscard]] std::string format_rough(std::chrono::milliseconds duration);

} // namespace sluice
