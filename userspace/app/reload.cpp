// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice reload`: validate here (so that the operator reads the error), let the controller switch,
// wait until packets meet the new policy, say what changed. Without a controller, switch here.
#include "app/bring_up.hpp"
#include "app/command.hpp"
#include "core/duration.hpp"
#include "core/refusal.hpp"
#include "kernel/clock.hpp"
#include "kernel/enforcement.hpp"
#include "kernel/live_policy.hpp"
#include "kernel/mode.hpp"
#include "kernel/policy_loader.hpp"
#include "kernel/process.hpp"

#include <csignal>
#include <iostream>
#include <map>
#include <poll.h>

namespace sluice {
namespace {

constexpr std::uint64_t longest_wait_ns = 60'000'000'000;
constexpr int poll_ms = 10; // the generation is a word in a map: nothing can be waited on

// "smtp/customers" -> "limit 30 per 1m, counted by /32 and /64"
using PolicyTexts = std::map<std::string, std::string>;

std::string describe(const sluice_policy& policy) {
    std::string text(to_string(static_cast<Action>(policy.action)));
    if (policy.connections != 0) {
        const auto per = std::chrono::milliseconds(policy.per_ticks * SLUICE_TICK_NS / 1'000'000);
        text += " " + std::to_string(policy.connections) + " per " + format_duration(per);
        if ((policy.flags & SLUICE_POLICY_COUNT_DROPPED) == 0)
            text += " (dropped ones not counted)";
        text += (policy.flags & SLUICE_POLICY_HANDSHAKE) != 0 ? " by handshakes" : " by SYNs";
        if (policy.warn != 0)
            text += ", warning at " + std::to_string(policy.warn);
    }
    return text + ", counted by /" + std::to_string(policy.prefix4 - SLUICE_V4_BITS) + " and /" +
           std::to_string(policy.prefix6);
}

PolicyTexts read_policies(const KernelMaps& maps) {
    const Names names = read_names(maps);
    const LivePolicy live(maps);
    PolicyTexts texts;
    for (std::uint32_t class_id = 0; class_id < SLUICE_MAX_CLASSES; class_id++)
        for (std::uint32_t service = 1; service < SLUICE_MAX_SERVICES; service++)
            if (!names.classes[class_id].empty() && !names.services[service].empty())
                texts[names.services[service] + "/" + names.classes[class_id]] =
                    describe(live.policy(class_id, service));
    return texts;
}

void say_changes(const PolicyTexts& before, const PolicyTexts& after, std::uint32_t ranges_before,
                 std::uint32_t ranges_after) {
    bool changed = ranges_before != ranges_after;
    if (changed)
        std::cout << "ranges: " << ranges_before << " -> " << ranges_after << '\n';
    for (const auto& [name, text] : after) {
        const auto old = before.find(name);
        if (old != before.end() && old->second == text)
            continue;
        changed = true;
        std::cout << name << ": " << (old == before.end() ? "new" : old->second) << " -> " << text << '\n';
    }
    for (const auto& [name, text] : before)
        if (!after.contains(name)) {
            changed = true;
            std::cout << name << ": gone (was " << text << ")\n";
        }
    std::cout << (changed ? "reloaded\n" : "reloaded; services, classes and limits are what they were\n");
}

// What a reload does not change, where that may surprise.
void say_beside(const Config& config, const KernelMaps& maps, const std::string& pin_dir) {
    for (const std::string& name : attached_names(pin_dir))
        if (!names_interface(config, name))
            std::cout << name << " stays attached, though the configuration does not name it; `sluice detach "
                      << name << "` ends that\n";
    const Mode mode = read_mode(maps, boottime_ns()).mode;
    if (mode != config.mode)
        std::cout << "the mode stays " << to_string(mode) << "; `sluice mode config` changes it to "
                  << to_string(config.mode) << '\n';
}

void wait_for_controller(const KernelMaps& maps, const std::string& pin_dir, const sluice_control& before) {
    const std::uint32_t pid = before.controller_pid;
    const std::uint64_t start_ns = boottime_ns();
    ::kill(static_cast<pid_t>(pid), SIGHUP);
    while (maps.control.at(0).generation == before.generation) {
        if (maps.control.at(0).reloads_refused != before.reloads_refused)
            throw Refusal("the controller (pid " + std::to_string(pid) + ") refused; its log says why");
        if (!is_running(pid))
            throw Refusal("the controller (pid " + std::to_string(pid) +
                          ") ended while reloading; its log says why");
        if (boottime_ns() - start_ns > longest_wait_ns)
            throw Refusal("the controller (pid " + std::to_string(pid) +
                          ") has not switched after 60 s; its log says why (journalctl -u sluice)");
        ::poll(nullptr, 0, poll_ms);
    }
    // it holds the lock until nftables has followed
    const WriterLock lock(pin_dir);
}

int reload(const GlobalOptions& global) {
    const Config config = load_config_or_defaults(global.config);
    KernelMaps maps = open_state(global.pin_dir);
    (void)plan_policy(maps, config);
    (void)resolve_interfaces(config.interfaces);
    const PolicyTexts before = read_policies(maps);
    const std::uint32_t ranges = LivePolicy(maps).range_capacity();
    const sluice_control control = maps.control.at(0);
    if (is_running(control.controller_pid)) {
        wait_for_controller(maps, global.pin_dir, control);
    } else {
        const WriterLock lock(global.pin_dir);
        if (needs_other_program(maps, config)) {
            (void)load_with_policy(global.pin_dir, config);
            maps = KernelMaps::open_pinned(global.pin_dir);
        } else {
            load_policy(maps, plan_policy(maps, config), boottime_ns());
        }
        Enforcement nft(maps);
        if (nft.present())
            nft.install(arrival_names(global.pin_dir), kernel_carve(maps, boottime_ns()));
    }
    say_changes(before, read_policies(maps), ranges, LivePolicy(maps).range_capacity());
    say_beside(config, maps, global.pin_dir);
    return 0;
}

} // namespace

void add_reload(CLI::App& app, const GlobalOptions& global, Command& command) {
    CLI::App* sub =
        app.add_subcommand("reload", "re-read the configuration, wait until it holds, say what changed");
    sub->footer("Example: sluice reload");
    sub->callback([&global, &command] { command = [&global] { return reload(global); }; });
}

} // namespace sluice
