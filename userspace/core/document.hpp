// SPDX-License-Identifier: GPL-2.0-or-later
// A TOML text as a plain tree in which every key and value knows its line, in the order of
// writing. Keeps the heavy TOML library out of everything but document.cpp.
#pragma once

#include "core/config.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sluice {

struct Entry;
struct Node;

using List = std::vector<Node>;
using Table = std::vector<Entry>;

// A float, a date or a time: nothing in the configuration is one.
struct ForeignValue {};

struct Node {
    std::variant<ForeignValue, std::string, std::int64_t, bool, List, Table> value;
    Origin origin;
};

struct Entry {
    std::string key;
    Origin origin; // of the key
    Node value;
};

// Throws ConfigError at the line where the text stops being TOML.
[[nodiscard]] Table parse_document(const SourceText& source);

} // namespace sluice
