// SPDX-License-Identifier: GPL-2.0-or-later
// Waits for descriptors, signals and one deadline, and for nothing else: no polling, so an idle
// controller costs nothing. The deadline is on CLOCK_BOOTTIME, so it counts through suspend.
#pragma once

#include "kernel/fd.hpp"

#include <csignal>
#include <cstdint>
#include <vector>

namespace sluice {

class EventLoop {
public:
    // Blocks these signals in the calling thread from now on; they are reported by wait().
    explicit EventLoop(const std::vector<int>& signals);

    // `fd` must stay open as long as it is watched.
    void watch(int fd);

    struct Woken {
        bool deadline = false;
        std::vector<int> signals;
        std::vector<int> readable; // watched descriptors
    };

    // Sleeps until something happens or CLOCK_BOOTTIME reaches deadline_ns (0: no deadline).
    [[nodiscard]] Woken wait(std::uint64_t deadline_ns);

private:
    Fd epoll_;
    Fd timer_;
    Fd signals_;
};

} // namespace sluice
