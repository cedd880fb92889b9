// SPDX-License-Identifier: GPL-2.0-or-later
// Plain reads. Nothing is mapped or cached: a file that is edited while it is read must never
// crash the reader.
#include "kernel/files.hpp"

#include "kernel/errors.hpp"
#include "kernel/fd.hpp"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

namespace sluice {

namespace {

constexpr std::size_t largest_file = std::size_t{1} << 30;

// Why a file is not read although the system would; the values are errno's.
class FileRefusals : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "file"; }
    [[nodiscard]] std::string message(int value) const override {
        return value == EFBIG ? "it is larger than 1 GiB" : "it is no regular file";
    }
};

SystemError refusal(const std::string& path, int value) {
    static const FileRefusals category;
    return {"read", path, std::error_code(value, category)};
}

} // namespace

std::string read_file(const std::string& path) {
    constexpr std::size_t step = 65536;
    // O_NONBLOCK: nobody need ever write into a FIFO
    const Fd file(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), "open", path));
    struct stat status {};
    check(::fstat(file.get(), &status), "look at", path);
    if (!S_ISREG(status.st_mode))
        throw refusal(path, EINVAL);
    if (static_cast<std::size_t>(status.st_size) > largest_file)
        throw refusal(path, EFBIG);
    std::string text;
    std::size_t used = 0;
    while (true) {
        if (text.size() - used < step)
            text.resize(std::max(text.size() * 2, used + step));
        const ssize_t count = ::read(file.get(), text.data() + used, text.size() - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (check(count, "read", path) == 0)
            break;
        used += static_cast<std::size_t>(count);
        if (used > largest_file)
            throw refusal(path, EFBIG);
    }
    text.resize(used);
    return text;
}

bool file_exists(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0)
        return true;
    if (errno == ENOENT || errno == ENOTDIR)
        return false;
    throw SystemError("look at", path, errno);
}

std::vector<std::string> list_files(const std::string& directory, std::string_view suffix) {
    namespace fs = std::filesystem;
    std::vector<std::string> paths;
    std::error_code error;
    fs::directory_iterator entries(directory, error);
    if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
        return paths;
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const std::string name = entries->path().filename().string();
        if (name.ends_with(suffix) && !name.starts_with('.'))
            paths.push_back(entries->path().string());
    }
    if (error)
        throw SystemError("list", directory, error.value());
    std::sort(paths.begin(), paths.end());
    return paths;
}

} // namespace sluice
