// SPDX-License-Identifier: GPL-2.0-or-later
// Asked of /proc, which also shows processes of other users.
#include "kernel/process.hpp"

#include <cstdlib>
#include <fstream>
#include <pwd.h>
#include <unistd.h>

namespace sluice {

bool is_running(std::uint32_t pid) {
    if (pid == 0)
        return false;
    const std::string directory = "/proc/" + std::to_string(pid);
    std::ifstream comm(directory + "/comm");
    std::string name;
    std::getline(comm, name);
    if (name != "sluice")
        return false;
    // One that has ended, but whom nobody has waited for, still has its name.
    std::ifstream stat(directory + "/stat");
    std::string line;
    std::getline(stat, line);
    const std::size_t behind_name = line.rfind(") ");
    return behind_name != std::string::npos && behind_name + 2 < line.size() && line[behind_name + 2] != 'Z';
}

std::string operator_name() {
    if (const char* sudo = std::getenv("SUDO_USER"); sudo != nullptr && *sudo != '\0')
        return sudo;
    const passwd* user = ::getpwuid(::geteuid());
    return user != nullptr ? user->pw_name : "uid " + std::to_string(::geteuid());
}

} // namespace sluice
