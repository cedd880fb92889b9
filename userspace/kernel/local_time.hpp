// SPDX-License-Identifier: GPL-2.0-or-later
// Wall time for people: in the machine's zone (or that of TZ), and naming it.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

// "2026-03-01 13:00:00 CET"
[[nodiscard]] std::string to_local_time(std::uint64_t wall_ns);

} // namespace sluice
