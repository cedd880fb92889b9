// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice mode`: show or switch what is enforced, at once, whether or not the controller runs.
#include "kernel/mode.hpp"
#include "app/bring_up.hpp"
#include "app/command.hpp"
#include "core/duration.hpp"
#include "core/refusal.hpp"
#include "core/timestamp.hpp"
#include "kernel/clock.hpp"
#include "kernel/enforcement.hpp"
#include "kernel/local_time.hpp"
#include "kernel/process.hpp"

#include <csignal>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

struct ModeOptions {
    std::string mode; // empty: show
    std::string for_time;
    std::string confirm;
    bool json = false;
};

constexpr std::chrono::milliseconds longest_deadline = std::chrono::hours(24 * 3650);

std::uint64_t to_wall(std::uint64_t boottime_moment_ns) {
    return boottime_moment_ns + (walltime_ns() - boottime_ns());
}

int show(const KernelMaps& maps, bool json) {
    const ModeState state = read_mode(maps, boottime_ns());
    if (json) {
        nlohmann::json out{{"mode", to_string(state.mode)}, {"by_operator", state.by_operator}};
        if (state.deadline_ns) {
            out["until"] = to_rfc3339(to_wall(*state.deadline_ns));
            out["afterwards"] = to_string(state.afterwards);
        }
        std::cout << out.dump(2) << '\n';
        return 0;
    }
    std::cout << to_string(state.mode);
    if (state.deadline_ns)
        std::cout << " until " << to_local_time(to_wall(*state.deadline_ns)) << ", then "
                  << to_string(state.afterwards)
                  << (state.afterwards == Mode::nft && !is_running(maps.control.at(0).controller_pid)
                          ? " (not without `sluice run`: nothing would open nftables' gate)"
                          : "");
    std::cout << (state.by_operator ? " (set by command; `sluice mode config` returns to the configuration)"
                                    : "")
              << '\n';
    return 0;
}

std::optional<std::uint64_t> deadline(const ModeOptions& options, std::uint64_t now_ns) {
    const std::string& text = options.for_time.empty() ? options.confirm : options.for_time;
    if (text.empty())
        return std::nullopt;
    const auto duration = parse_duration(text);
    if (!duration || duration->count() <= 0 || *duration > longest_deadline)
        throw UsageError("\"" + text + "\" is no duration up to 3650d; write 120s, 10m or 1h");
    return now_ns + static_cast<std::uint64_t>(duration->count()) * 1'000'000;
}

// The word in the map holds already; the nft table follows.
void project(const GlobalOptions& global, KernelMaps& maps) {
    try {
        Enforcement(maps).follow_mode(arrival_names(global.pin_dir));
    } catch (const SystemError& error) {
        throw Refusal("the mode is " + std::string(to_string(read_mode(maps, boottime_ns()).mode)) +
                      " for XDP, but nftables did not follow: " + error.what());
    }
}

int switch_mode(const GlobalOptions& global, const ModeOptions& options) {
    const std::optional<Mode> wanted = parse_mode(options.mode);
    if (!wanted && options.mode != "config")
        throw UsageError("\"" + options.mode + "\" is no mode; write observe, nft, xdp or config");
    if (!options.for_time.empty() && !options.confirm.empty())
        throw UsageError("--for and --confirm exclude each other");
    if (!wanted && (!options.for_time.empty() || !options.confirm.empty()))
        throw UsageError("`mode config` takes no time: it is what the others return to");
    const std::uint64_t now_ns = boottime_ns();
    const std::optional<std::uint64_t> until_ns = deadline(options, now_ns);
    const Mode configured = wanted ? *wanted : load_config_or_defaults(global.config).mode;
    KernelMaps maps = open_state(global.pin_dir);
    {
        const WriterLock lock(global.pin_dir);
        maps = open_state(global.pin_dir); // a detach may have come first
        if (wanted)
            choose_mode(maps, *wanted, until_ns, now_ns);
        else
            follow_configuration(maps, configured);
        project(global, maps);
    }
    if (const std::uint32_t pid = maps.control.at(0).controller_pid; is_running(pid))
        ::kill(static_cast<pid_t>(pid), SIGUSR1);
    show(maps, options.json);
    if (!options.confirm.empty())
        std::cout << "run `sluice mode " << options.mode << "` before that to keep it\n";
    return 0;
}

} // namespace

void add_mode(CLI::App& app, const GlobalOptions& global, Command& command) {
    CLI::App* sub = app.add_subcommand("mode", "show or switch what is enforced, at once");
    const auto options = std::make_shared<ModeOptions>();
    sub->add_option(
        "MODE", options->mode,
        "observe: from this moment nothing is dropped, bans included; nft: nftables drops and logs; xdp: "
        "XDP drops, nftables logs a sample; config: what the configuration says");
    sub->add_option("--for", options->for_time, "come back by itself after this time (1h)");
    sub->add_option("--confirm", options->confirm,
                    "come back by itself unless the same mode is set again in this time");
    sub->add_flag("--json", options->json, "for programs");
    sub->footer("Example: sluice mode nft --confirm 120s");
    sub->callback([&global, &command, options] {
        command = [&global, options] {
            if (!options->mode.empty())
                return switch_mode(global, *options);
            if (!options->for_time.empty() || !options->confirm.empty())
                throw UsageError("--for and --confirm go with a mode");
            return show(open_state(global.pin_dir), options->json);
        };
    });
}

} // namespace sluice
