// SPDX-License-Identifier: GPL-2.0-or-later
// The command line: chooses a command, runs it, turns what was refused into one line and an
// exit code. One of the two places where exceptions end (the other is the controller's tick).
#include "app/command.hpp"

#include "core/config.hpp"
#include "core/refusal.hpp"
#include "kernel/errors.hpp"

#include <iostream>

namespace {

constexpr int refused = 1;
constexpr int bad_usage = 2;

int report(const std::exception& error, int code) {
    std::cerr << "sluice: " << error.what() << '\n';
    return code;
}

int run(const sluice::Command& command) {
    try {
        return command();
    } catch (const sluice::ConfigError& error) {
        return report(error, bad_usage);
    } catch (const sluice::UsageError& error) {
        return report(error, bad_usage);
    } catch (const sluice::SystemError& error) {
        if (error.error() == EPERM || error.error() == EACCES) {
            std::cerr << "sluice: " << error.what() << "; run this command as root\n";
            return refused;
        }
        return report(error, refused);
    } catch (const std::exception& error) {
        return report(error, refused);
    }
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("sluice limits how often a source may connect to the mail ports.", "sluice");
    sluice::GlobalOptions global;
    sluice::Command command;

    app.set_version_flag("--version", std::string("sluice ") + SLUICE_VERSION);
    app.add_option("--config", global.config, "configuration file")->capture_default_str();
    app.add_option("--pin-dir", global.pin_dir, "where kernel state is pinned")->capture_default_str();
    app.require_subcommand(1);
    app.fallthrough();
    for (const auto add : {sluice::add_attach, sluice::add_detach, sluice::add_run, sluice::add_mode,
                           sluice::add_reload, sluice::add_status, sluice::add_stats, sluice::add_bans,
                           sluice::add_ban, sluice::add_release, sluice::add_replay, sluice::add_config})
        add(app, global, command);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // CLI11 misses the command before it looks at the word that stands in its place
        const std::vector<std::string> unknown = app.remaining();
        if (app.get_subcommands().empty() && !unknown.empty()) {
            std::cerr << "sluice: there is no command \"" << unknown.front()
                      << "\"; sluice --help lists them\n";
            return bad_usage;
        }
        const int code = app.exit(error);
        return code == 0 ? 0 : bad_usage;
    }
    return run(command);
}
