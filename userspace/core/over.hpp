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
[[nodiscard]] std::uint64_t over_until(const sluice_source& entry, std::uint32_t log_capacity,
                                       const sluice_policy& policy, std::uint64_t now_ns);

} // namespace sluice
