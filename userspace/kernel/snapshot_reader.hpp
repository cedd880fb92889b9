// SPDX-License-Identifier: GPL-2.0-or-later
// Kernel state -> Snapshot: everything that readers show, of nearly one moment. Takes no lock and
// changes nothing; works whether or not a controller runs.
#pragma once

#include "core/snapshot.hpp"
#include "kernel/kernel_maps.hpp"

#include <vector>

namespace sluice {

// An nft table that is missing or may not be read does not hide the rest: the snapshot says so.
[[nodiscard]] Snapshot read_snapshot(const KernelMaps& maps, std::vector<SeenInterface> interfaces);

// The bans and the mode alone: no walk of the source table.
[[nodiscard]] Snapshot read_ban_snapshot(const KernelMaps& maps);

} // namespace sluice
