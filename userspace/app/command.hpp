// SPDX-License-Identifier: GPL-2.0-or-later
// What all commands share. Each lives in a file of its own and registers itself with add_NAME();
// parsing only chooses what to run, main runs it, so that every failure passes one place.
#pragma once

#include "app/config_source.hpp"
#include "kernel/pins.hpp"

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

namespace sluice {

// Accepted before or after the command's name.
struct GlobalOptions {
    std::string config = default_config_path;
    std::string pin_dir = default_pin_dir;
};

// The chosen command; its result is the exit code: 0 done, 1 refused by the system, 2 bad usage
// or configuration. Commands report refusals as exceptions (Refusal, SystemError: 1; ConfigError,
// UsageError: 2).
using Command = std::function<int()>;

void add_attach(CLI::App& app, const GlobalOptions& global, Command& command);
void add_detach(CLI::App& app, const GlobalOptions& global, Command& command);
void add_run(CLI::App& app, const GlobalOptions& global, Command& command);
void add_mode(CLI::App& app, const GlobalOptions& global, Command& command);
void add_reload(CLI::App& app, const GlobalOptions& global, Command& command);
void add_status(CLI::App& app, const GlobalOptions& global, Command& command);
void add_stats(CLI::App& app, const GlobalOptions& global, Command& command);
void add_bans(CLI::App& app, const GlobalOptions& global, Command& command);
void add_ban(CLI::App& app, const GlobalOptions& global, Command& command);
void add_release(CLI::App& app, const GlobalOptions& global, Command& command);
void add_replay(CLI::App& app, const GlobalOptions& global, Command& command);
void add_config(CLI::App& app, const GlobalOptions& global, Command& command);

} // namespace sluice
