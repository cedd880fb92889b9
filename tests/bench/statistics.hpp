// SPDX-License-Identifier: GPL-2.0-or-later
// The one statistic that the verbs need.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace sluice::bench {

// 0.5: the median. Of at least one value.
[[nodiscard]] inline double at_share(std::vector<double> values, double share) {
    const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1) + 0.5);
    std::nth_element(values.begin(), values.begin() + at, values.end());
    return values[static_cast<std::size_t>(at)];
}

} // namespace sluice::bench
