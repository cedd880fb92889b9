// SPDX-License-Identifier: GPL-2.0-or-later
// What the service manager is told (sd_notify(3)); nothing happens where none listens.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

void notify_ready(const std::string& status);
void notify_reloading(); // followed by notify_ready
void notify_stopping();
void notify_watchdog();

// How often notify_watchdog has to be called at least; 0: nobody waits for it.
[[nodiscard]] std::uint64_t watchdog_interval_ns();

} // namespace sluice
