// SPDX-License-Identifier: GPL-2.0-or-later
// Time as the benchmark needs it: of the wall, and of a processor that works for this thread.
#pragma once

#include "kernel/fd.hpp"

#include <cstdint>

namespace sluice::bench {

[[nodiscard]] std::uint64_t wall_ns();
[[nodiscard]] std::uint64_t thread_cpu_ns();

// Keeps the calling thread on one processor.
void pin_to(int cpu);

// Asks the scheduler to put this process before others, also before those of other sessions. What
// is refused only makes results noisier.
void take_precedence();

// CPU time spent for the calling thread on its processor: its own, packet reception on its back
// included, and what the kernel moved into the processor's ksoftirqd. Unlike the time of the wall
// it stands still while somebody else has the processor.
class CpuClock {
public:
    explicit CpuClock(int cpu);
    [[nodiscard]] std::uint64_t ns() const;

private:
    Fd ksoftirqd_; // its schedstat; none if it cannot be seen
};

// How often the calling thread has left its processor so far.
[[nodiscard]] std::uint64_t switches();

} // namespace sluice::bench
