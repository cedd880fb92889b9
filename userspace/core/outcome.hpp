// SPDX-License-Identifier: GPL-2.0-or-later
// The names of outcomes and counters, as they stand in JSON, in Prometheus and in what people
// read: one place, so that `status`, `stats` and `replay` say the same word for the same thing.
#pragma once

#include "abi.h"

#include <string_view>

namespace sluice {

// "not_tcp", "dropped_limited" ...: for enum sluice_outcome and for enum sluice_counter, which
// goes on where outcomes end. "unknown" for a number that neither has.
[[nodiscard]] std::string_view outcome_name(unsigned outcome_or_counter);

// One sentence for people: what kind of packet it was, and what became of it.
[[nodiscard]] std::string_view outcome_explanation(unsigned outcome_or_counter);

// Whether a packet with this outcome was a connection attempt to a protected port (DESIGN:
// the word `attempt`), whatever became of it. Our own failures are told apart by is_failure.
[[nodiscard]] bool is_attempt(unsigned outcome);

// Sluice's own failures: the packet passed without being judged.
[[nodiscard]] bool is_failure(unsigned outcome);

} // namespace sluice
