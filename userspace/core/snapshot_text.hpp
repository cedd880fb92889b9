// SPDX-License-Identifier: GPL-2.0-or-later
// Snapshot -> one screen of plain text for a person in a hurry: first whether and whom sluice
// drops now and what is wrong, then the rest.
#pragma once

#include "core/snapshot.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

// How a moment is written; the zone is the machine's, which core does not know.
using LocalTime = std::string (*)(std::uint64_t wall_ns);

[[nodiscard]] std::string to_text(const Snapshot& snapshot, LocalTime local_time);
[[nodiscard]] std::string bans_to_text(const Snapshot& snapshot, LocalTime local_time);

// The first line, and what is wrong, a sentence each; most urgent first.
[[nodiscard]] std::string headline(const Snapshot& snapshot);
[[nodiscard]] std::vector<std::string> warnings(const Snapshot& snapshot);

} // namespace sluice
