// SPDX-License-Identifier: GPL-2.0-or-later
// Files as whole texts: configuration and range files go from here to core, which opens nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// The whole content of a regular file of at most 1 GiB. Throws SystemError naming the file; what is
// no regular file is refused without waiting for it.
[[nodiscard]] std::string read_file(const std::string& path);

// Whether something is there, readable or not. A dangling link is there.
[[nodiscard]] bool file_exists(const std::string& path);

// Paths of the files in `directory` whose names end with `suffix`, in the order of their names;
// those that begin with a dot are left out, as a shell's * does. Empty if there is no directory.
[[nodiscard]] std::vector<std::string> list_files(const std::string& directory, std::string_view suffix);

} // namespace sluice
