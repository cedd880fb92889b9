// SPDX-License-Identifier: GPL-2.0-or-later
// The configuration while it is being put together: what each file wrote, before defaults
// are filled in and the whole is checked. Between config_sections and config_parse only.
#pragma once

#include "core/document.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

struct RangeFile {
    std::string path;
    Origin origin;
};

struct ClassDraft {
    ClassConfig result;
    std::optional<Action> action; // only if written
    std::vector<RangeFile> files;
};

struct PortUse {
    std::string service;
    Origin origin;
};

struct Draft {
    Config config;                          // its classes are filled at the end
    std::vector<ClassDraft> classes;        // as written, "default" among them if it was
    std::map<std::uint16_t, PortUse> ports; // of all services
};

// Adds one file to the draft; throws ConfigError for everything that can be judged at once.
void read_file(Draft& draft, const Table& root);

} // namespace sluice
