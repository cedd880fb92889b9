// SPDX-License-Identifier: GPL-2.0-or-later
// Other processes, as far as sluice asks after them: is the controller that wrote its number
// into kernel state still there?
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

// Whether a process of this number runs and is called sluice; 0 is nobody. A number that went
// to another program since is not taken for it.
[[nodiscard]] bool is_running(std::uint32_t pid);

// Who is at the keyboard: the user that sudo was called by, else the user's own name.
[[nodiscard]] std::string operator_name();

} // namespace sluice
