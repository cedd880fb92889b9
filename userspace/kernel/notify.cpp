// SPDX-License-Identifier: GPL-2.0-or-later
// By libsystemd; its return values say only whether somebody listens.
#include "kernel/notify.hpp"

#include "kernel/clock.hpp"

#include <systemd/sd-daemon.h>

namespace sluice {

void notify_ready(const std::string& status) {
    (void)::sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void notify_reloading() {
    // Type=notify-reload asks for the moment at which the reload began, in CLOCK_MONOTONIC
    const std::uint64_t now_us = clock_ns(CLOCK_MONOTONIC) / 1000;
    (void)::sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_us)).c_str());
}

void notify_stopping() {
    (void)::sd_notify(0, "STOPPING=1");
}

void notify_watchdog() {
    (void)::sd_notify(0, "WATCHDOG=1");
}

std::uint64_t watchdog_interval_ns() {
    std::uint64_t timeout_us = 0;
    if (::sd_watchdog_enabled(0, &timeout_us) <= 0)
        return 0;
    return timeout_us * 1000 / 2;
}

} // namespace sluice
