// SPDX-License-Identifier: GPL-2.0-or-later
// Time as the benchmark needs it: of the wall, and of a processor that works for this thread.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::bench {

[[nodiscard]] std::uint64_t wall_ns();

// Keeps the calling thread on one processor and asks for the scheduler's favour; what is refused
// of the latter only makes results noisier.
void pin_to(int cpu);

// CPU time spent for the calling thread on its processor: its own, packet reception on its back
// included, and what the kernel moved into the processor's ksoftirqd.
class CpuClock {
public:
    explicit CpuClock(int cpu);
    [[nodiscard]] std::uint64_t ns() const;

private:
    std::string ksoftirqd_; // path of its schedstat; empty if it cannot be seen
};

} // namespace sluice::bench
