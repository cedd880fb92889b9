// SPDX-License-Identifier: GPL-2.0-or-later
// Snapshot -> the monitoring document, schema "sluice.stats/1" (docs/stats.schema.json), and the
// list of bans for programs. Moments are RFC 3339 in UTC.
#pragma once

#include "core/snapshot.hpp"

#include <string>

namespace sluice {

[[nodiscard]] std::string to_json(const Snapshot& snapshot);

// Schema "sluice.bans/1".
[[nodiscard]] std::string bans_to_json(const Snapshot& snapshot);

} // namespace sluice
