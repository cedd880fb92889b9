// SPDX-License-Identifier: GPL-2.0-or-later
// Sums over outcomes; which outcome counts as what is decided here alone.
#include "core/snapshot.hpp"

#include "core/outcome.hpp"

namespace sluice {

Totals total(const Snapshot& snapshot) {
    const auto& n = snapshot.outcomes;
    Totals totals;
    for (unsigned outcome = 0; outcome < SLUICE_OUTCOMES; ++outcome) {
        totals.packets += n[outcome];
        if (is_attempt(outcome))
            totals.attempts += n[outcome];
        if (is_failure(outcome))
            totals.failed += n[outcome];
    }
    // What failed was not judged, but it came; without it the sum would not be what was sent.
    totals.attempts += totals.failed;
    totals.over = snapshot.over;
    totals.dropped_xdp = n[SLUICE_DROPPED_LIMITED] + n[SLUICE_DROPPED_BANNED] + n[SLUICE_SAMPLED];
    totals.dropped_odd =
        n[SLUICE_TINY_FRAGMENT_DROPPED] + n[SLUICE_OVERLAP_FRAGMENT_DROPPED] + n[SLUICE_LONG_CHAIN_DROPPED];
    totals.fragments = n[SLUICE_FRAGMENT] + n[SLUICE_TINY_FRAGMENT] + n[SLUICE_TINY_FRAGMENT_DROPPED] +
                       n[SLUICE_OVERLAP_FRAGMENT] + n[SLUICE_OVERLAP_FRAGMENT_DROPPED];
    return totals;
}

} // namespace sluice
