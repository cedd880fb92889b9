// SPDX-License-Identifier: GPL-2.0-or-later
// The log of `sluice run`: lines on standard error, with a time for people at a terminal, with a
// syslog priority for journald.
#pragma once

namespace sluice {

void set_up_log();

} // namespace sluice
