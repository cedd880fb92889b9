// SPDX-License-Identifier: GPL-2.0-or-later
// The verifier takes the program with every size of log, and with room to spare: it gives up at a
// million steps, and older kernels need more of them than newer ones.
#include "data_plane.hpp"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

namespace sluice::test {
namespace {

constexpr std::uint32_t steps_allowed = 300'000;

class Verifier : public testing::TestWithParam<std::uint32_t> {
protected:
    void SetUp() override { SLUICE_NEEDS_BPF(); }
};

TEST_P(Verifier, takes_the_program_with_this_capacity) {
    DataPlane plane(GetParam());
    EXPECT_EQ(plane.maps().sources.log_capacity(), GetParam());
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    ASSERT_EQ(::bpf_obj_get_info_by_fd(plane.program().fd(), &info, &size), 0);
    if (info.verified_insns == 0)
        GTEST_SKIP() << "loaded; this kernel does not tell how many steps it took";
    EXPECT_LT(info.verified_insns, steps_allowed);
    RecordProperty("steps", std::to_string(info.verified_insns));
}

TEST_P(Verifier, the_loaded_program_counts_to_its_capacity) {
    DataPlane plane(GetParam());
    plane.load(plain_policy(GetParam(), second / tick));
    plane.set_mode(Mode::xdp);
    const Packet syn = Ethernet{} / IPv4{} / TCP{};
    EXPECT_EQ(plane.send_many(syn, noon, GetParam(), SLUICE_PASSED), GetParam());
    EXPECT_EQ(plane.send(syn, noon), Verdict::drop(SLUICE_DROPPED_LIMITED));
}

// The loader refuses this; if it gets there all the same, nobody is limited by half a log.
TEST_P(Verifier, a_limit_beyond_the_log_is_a_failure_that_passes) {
    DataPlane plane(GetParam());
    plane.load(plain_policy(GetParam() + 1, second / tick));
    plane.set_mode(Mode::xdp);
    const Packet syn = Ethernet{} / IPv4{} / TCP{};
    EXPECT_EQ(plane.send_many(syn, noon, 100, SLUICE_FAILED_CONTROL), 100U);
}

INSTANTIATE_TEST_SUITE_P(Capacities, Verifier, testing::Values(1U, 2U, 16U, 63U),
                         [](const auto& row) { return std::to_string(row.param); });

} // namespace
} // namespace sluice::test
