// SPDX-License-Identifier: GPL-2.0-or-later
// One frame through the loaded program, by BPF_PROG_TEST_RUN: how `replay` works, and the tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice {

struct TestRunResult {
    std::uint32_t action = 0;        // XDP_PASS, XDP_DROP ...
    std::vector<std::uint8_t> frame; // as the program left it; empty unless asked for
};

// The kernel refuses frames of less than this, and needs no more than the other.
inline constexpr std::size_t test_run_min_frame = 14;
inline constexpr std::size_t test_run_max_frame = 512;

// Thread-safe: all that a run needs travels with the call. A frame longer than
// test_run_max_frame is cut (headers are what the program reads); a shorter one than
// test_run_min_frame is refused with EINVAL. `time_ns` stands in the frame's metadata and is
// obeyed by a program loaded with time_in_metadata; pass 0 to one that uses the clock.
[[nodiscard]] TestRunResult test_run(int program, std::span<const std::uint8_t> frame, std::uint64_t time_ns,
                                     bool want_frame = false);

} // namespace sluice
