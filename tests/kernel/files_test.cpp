// SPDX-License-Identifier: GPL-2.0-or-later
// What read_file refuses, and that it never waits.
#include "kernel/errors.hpp"
#include "kernel/files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace sluice::test {
namespace {

class FilesTest : public testing::Test {
protected:
    FilesTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sluice-files-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~FilesTest() override { std::filesystem::remove_all(directory_); }

    static std::string refusal(const std::string& path) {
        try {
            (void)read_file(path);
        } catch (const SystemError& error) {
            return error.what();
        }
        return "read";
    }

    std::string directory_;
};

TEST_F(FilesTest, ARegularFileIsReadWhole) {
    const std::string path = directory_ + "/whole";
    const std::string content(200000, 'x');
    std::ofstream(path) << content;
    EXPECT_EQ(read_file(path), content);
    std::ofstream(directory_ + "/empty").flush();
    EXPECT_EQ(read_file(directory_ + "/empty"), "");
    EXPECT_NE(read_file("/proc/self/status"), ""); // of no size, and a regular file
}

TEST_F(FilesTest, WhatIsNoRegularFileIsRefusedAtOnce) {
    const std::string fifo = directory_ + "/fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_EQ(refusal(fifo), "read " + fifo + ": it is no regular file");
    EXPECT_EQ(refusal("/dev/zero"), "read /dev/zero: it is no regular file");
    EXPECT_EQ(refusal(directory_), "read " + directory_ + ": it is no regular file");
}

TEST_F(FilesTest, AFileThatIsTooLargeIsRefused) {
    const std::string path = directory_ + "/large";
    std::ofstream(path).flush();
    std::filesystem::resize_file(path, (std::uintmax_t{1} << 30) + 1); // a hole
    EXPECT_EQ(refusal(path), "read " + path + ": it is larger than 1 GiB");
}

} // namespace
} // namespace sluice::test
