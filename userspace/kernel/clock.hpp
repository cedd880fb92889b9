// SPDX-License-Identifier: GPL-2.0-or-later
// The only clocks in sluice. Verdicts live in CLOCK_BOOTTIME (goes on during suspend, never
// steps); wall time appears only in what people read.
#pragma once

#include <cstdint>
#include <ctime>

namespace sluice {

[[nodiscard]] inline std::uint64_t clock_ns(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL +
           static_cast<std::uint64_t>(now.tv_nsec);
}

[[nodiscard]] inline std::uint64_t boottime_ns() {
    return clock_ns(CLOCK_BOOTTIME);
}

[[nodiscard]] inline std::uint64_t walltime_ns() {
    return clock_ns(CLOCK_REALTIME);
}

} // namespace sluice
