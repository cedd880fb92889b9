// SPDX-License-Identifier: GPL-2.0-or-later
// Single values of the configuration: from a node of the TOML tree to a checked value, or a
// ConfigError that says what to write instead. Knows types and bounds, not what they are for.
#pragma once

#include "core/document.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

struct Bounds {
    std::int64_t least;
    std::int64_t most;
};

// `section` is how messages call the table: "[limit]"; empty for the top of the file.
void refuse_unknown_keys(const Table& table, std::string_view section,
                         std::span<const std::string_view> known);

// `example` completes "write ...".
[[nodiscard]] const std::string& read_text(const std::string& key, const Node& node,
                                           std::string_view example);
[[nodiscard]] std::int64_t read_number(const std::string& key, const Node& node, Bounds bounds);
[[nodiscard]] bool read_truth(const std::string& key, const Node& node);
[[nodiscard]] const List& read_list(const std::string& key, const Node& node, std::string_view example);
[[nodiscard]] const Table& read_table(const std::string& key, const Node& node, std::string_view example);

// 1s to 24h
[[nodiscard]] std::chrono::milliseconds read_duration(const std::string& key, const Node& node);

// The position of the text among `words`.
[[nodiscard]] std::size_t read_word(const std::string& key, const Node& node,
                                    std::span<const std::string_view> words);

// Names of classes and services: [a-z][a-z0-9_-]{0,30}. `kind` is "class" or "service".
void check_name(std::string_view kind, const std::string& name, const Origin& where);

} // namespace sluice
