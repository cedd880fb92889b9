// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu_clock.hpp"

#include "kernel/errors.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sys/resource.h>

namespace sluice::bench {
namespace {

std::uint64_t read_clock(clockid_t clock) {
    timespec now{};
    check(::clock_gettime(clock, &now), "read clock");
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

std::string schedstat_of(const std::string& name) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        std::ifstream comm(entry.path() / "comm");
        if (std::string line; comm && std::getline(comm, line) && line == name)
            return entry.path() / "schedstat";
    }
    return {};
}

} // namespace

std::uint64_t wall_ns() {
    return read_clock(CLOCK_MONOTONIC);
}

void pin_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    check(::sched_setaffinity(0, sizeof(set), &set), "pin to processor", std::to_string(cpu));
    (void)::setpriority(PRIO_PROCESS, 0, -20);
}

CpuClock::CpuClock(int cpu) : ksoftirqd_(schedstat_of("ksoftirqd/" + std::to_string(cpu))) {}

std::uint64_t CpuClock::ns() const {
    std::uint64_t kernel_thread = 0;
    if (!ksoftirqd_.empty())
        std::ifstream(ksoftirqd_) >> kernel_thread;
    return read_clock(CLOCK_THREAD_CPUTIME_ID) + kernel_thread;
}

} // namespace sluice::bench
