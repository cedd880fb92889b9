// SPDX-License-Identifier: GPL-2.0-or-later
// One network namespace for all tests of this process, gone with it.
#include <gtest/gtest.h>

#include <cstdio>
#include <sched.h>
#include <unistd.h>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests))
        return RUN_ALL_TESTS();
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
        std::puts("skipped: needs root for BPF and a network namespace of its own");
        return 77;
    }
    return RUN_ALL_TESTS();
}
