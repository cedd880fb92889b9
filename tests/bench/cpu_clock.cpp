// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu_clock.hpp"

#include "kernel/errors.hpp"

#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace sluice::bench {
namespace {

std::uint64_t read_clock(clockid_t clock) {
    timespec now{};
    check(::clock_gettime(clock, &now), "read clock");
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

Fd open_schedstat(const std::string& name) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        std::ifstream comm(entry.path() / "comm");
        if (std::string line; comm && std::getline(comm, line) && line == name)
            return Fd(::open((entry.path() / "schedstat").c_str(), O_RDONLY | O_CLOEXEC));
    }
    return Fd();
}

} // namespace

std::uint64_t wall_ns() {
    return read_clock(CLOCK_MONOTONIC);
}

std::uint64_t thread_cpu_ns() {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void pin_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    check(::sched_setaffinity(0, sizeof(set), &set), "pin to processor", std::to_string(cpu));
}

void take_precedence() {
    (void)::setpriority(PRIO_PROCESS, 0, -20);
    // With autogroups niceness counts within a session only, so this becomes one with a word of its own.
    if (::setsid() != -1)
        std::ofstream("/proc/self/autogroup") << "-20";
}

CpuClock::CpuClock(int cpu) : ksoftirqd_(open_schedstat("ksoftirqd/" + std::to_string(cpu))) {}

std::uint64_t CpuClock::ns() const {
    char text[32] = {}; // begins with nanoseconds on the processor
    if (ksoftirqd_)
        (void)!::pread(ksoftirqd_.get(), text, sizeof(text) - 1, 0);
    return thread_cpu_ns() + std::strtoull(text, nullptr, 10);
}

std::uint64_t switches() {
    rusage usage{};
    check(::getrusage(RUSAGE_THREAD, &usage), "read resource usage");
    return static_cast<std::uint64_t>(usage.ru_nvcsw) + static_cast<std::uint64_t>(usage.ru_nivcsw);
}

} // namespace sluice::bench
