// SPDX-License-Identifier: GPL-2.0-or-later
// Paths -> Config: which files make up the configuration, and in which order. Every command
// that obeys it comes through here.
#pragma once

#include "core/config.hpp"

#include <string>

namespace sluice {

inline constexpr const char* default_config_path = "/etc/sluice/sluice.toml";

// `path`, then conf.d/*.toml beside it in the order of their names. Throws ConfigError; a file
// that is missing or cannot be read is one too.
[[nodiscard]] Config load_config(const std::string& path);

// Whether somebody has written one there: `path` itself, or anything in conf.d beside it.
[[nodiscard]] bool config_is_written(const std::string& path);

} // namespace sluice
