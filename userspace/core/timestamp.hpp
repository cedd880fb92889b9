// SPDX-License-Identifier: GPL-2.0-or-later
// Wall time for programs: RFC 3339 in UTC. What people read is local and comes from
// kernel/local_time, because the zone is a matter of the machine.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

enum class Fraction : int { none = 0, milliseconds = 3, microseconds = 6 };

// "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.123456Z"; rounded down.
[[nodiscard]] std::string to_rfc3339(std::uint64_t wall_ns, Fraction fraction = Fraction::none);

} // namespace sluice
