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

std::string read_file(const std::string& path) {
    constexpr std::size_t step = 65536;
    const Fd file(check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), "open", path));
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
