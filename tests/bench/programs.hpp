// SPDX-License-Identifier: GPL-2.0-or-later
// The BPF programs of bpf/bench.bpf.c, loaded, and the one statistic that every verb needs.
#pragma once

#include "kernel/errors.hpp"
#include "kernel/handle.hpp"
#include "plan.h"

#include "bench.skel.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <vector>

namespace sluice::bench {

using Programs = Handle<bench_bpf, bench_bpf__destroy>;

[[nodiscard]] inline Programs load_programs() {
    Programs programs(bench_bpf__open_and_load());
    if (programs == nullptr)
        throw SystemError("load", "programs of the benchmark", errno);
    return programs;
}

// 0.5: the median. Of at least one value.
[[nodiscard]] inline double at_share(std::vector<double> values, double share) {
    const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1) + 0.5);
    std::nth_element(values.begin(), values.begin() + at, values.end());
    return values[static_cast<std::size_t>(at)];
}

} // namespace sluice::bench
