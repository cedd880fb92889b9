// SPDX-License-Identifier: GPL-2.0-or-later
// The writers' lock: who waits gets it, and never on a directory that is gone.
#include "core/refusal.hpp"
#include "kernel/pins.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

class WriterLockTest : public testing::Test {
protected:
    // A mount namespace and a BPF file system of the test's own: the machine's may not be mounted.
    void SetUp() override {
        if (::unshare(CLONE_NEWNS) != 0 ||
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
            ::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) != 0)
            GTEST_SKIP() << "cannot mount a BPF file system: needs root";
    }

    ~WriterLockTest() override { ::rmdir(directory_.c_str()); }

    [[nodiscard]] ino_t inode() const {
        struct stat info {};
        return ::stat(directory_.c_str(), &info) == 0 ? info.st_ino : 0;
    }

    std::string directory_ = "/sys/fs/bpf/sluice-lock-test-" + std::to_string(::getpid());
};

TEST_F(WriterLockTest, MakesTheDirectoryAndIsFreeAgainAfterwards) {
    { const WriterLock lock(directory_); }
    EXPECT_NE(inode(), 0U);
    const WriterLock again(directory_);
}

TEST_F(WriterLockTest, WaitsForItsTurn) {
    std::optional<WriterLock> first(directory_);
    std::atomic<bool> taken = false;
    std::thread other([&] {
        const WriterLock lock(directory_);
        taken = true;
    });
    std::this_thread::sleep_for(200ms);
    EXPECT_FALSE(taken);
    first.reset();
    other.join();
    EXPECT_TRUE(taken);
}

// What `detach` does to those who wait behind it.
TEST_F(WriterLockTest, ADirectoryThatWasRemovedIsMadeAgain) {
    std::optional<WriterLock> first(directory_);
    const ino_t before = inode();
    std::atomic<int> inside = 0;
    std::atomic<bool> wrong = false;
    const auto take = [&] {
        const WriterLock lock(directory_);
        wrong = wrong || ++inside > 1 || inode() == 0 || inode() == before;
        std::this_thread::sleep_for(100ms);
        inside--;
    };
    std::thread one(take);
    std::thread two(take);
    std::this_thread::sleep_for(200ms);
    ASSERT_EQ(::rmdir(directory_.c_str()), 0);
    first.reset();
    one.join();
    two.join();
    EXPECT_FALSE(wrong);
}

} // namespace
} // namespace sluice::test
