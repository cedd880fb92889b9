// SPDX-License-Identifier: GPL-2.0-or-later
// What an entry of the source table means under the limit that holds now. Pure; shared by the
// controller (which sources nft must drop) and by every reader (who is over).
#pragma once

#include "abi.h"
#include "core/address.hpp"

#include <cstdint>

namespace sluice {

[[nodiscard]] Prefix source_of(const sluice_source_key& key);
[[nodiscard]] sluice_lpm_key to_lpm_key(const Prefix& prefix);
[[nodiscard]] Prefix to_prefix(const sluice_lpm_key& key);
[[nodiscard]] sluice_source_key to_source_key(const Prefix& source, std::uint8_t service);

// The release moment (CLOCK_BOOTTIME ns) of a source that is over at now_ns under `policy`; 0 if
// it is not. The log decides, so a limit that was raised since ends over at once.
// `large`: the window of a limit above 64, if the source has one.
[[nodiscard]] std::uint64_t over_until(const sluice_source& entry, const sluice_large* large,
                                       std::uint32_t log_capacity, const sluice_policy& policy,
                                       std::uint64_t now_ns);

// Attempts in the last `per` of the policy; where nothing limits, in the last 60 s; at most what the
// log holds, or the large window.
[[nodiscard]] std::uint32_t attempts_in_window(const sluice_source& entry, const sluice_large* large,
                                               std::uint32_t log_capacity, const sluice_policy& policy,
                                               std::uint64_t now_ns);

// Completed handshakes since the entry was made, for policies that count them: all that was logged.
[[nodiscard]] std::uint64_t logged_attempts(const sluice_source& entry, std::uint32_t log_capacity);

// The latest logged attempt, to the tick (256 ns); 0 if there is none.
[[nodiscard]] std::uint64_t latest_logged(const sluice_source& entry, std::uint32_t log_capacity);

// When the present or last time over began, and the latest attempt; CLOCK_BOOTTIME ns, to 17 ms.
[[nodiscard]] std::uint64_t over_since(const sluice_source& entry, std::uint64_t now_ns);
[[nodiscard]] std::uint64_t last_attempt(const sluice_source& entry, std::uint64_t now_ns);

} // namespace sluice
