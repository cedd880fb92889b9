// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice attach` and `sluice detach`: the program onto devices and off again, without a daemon.
#include "app/bring_up.hpp"
#include "app/command.hpp"
#include "core/refusal.hpp"
#include "kernel/clock.hpp"
#include "kernel/enforcement.hpp"
#include "kernel/mode.hpp"
#include "kernel/pins.hpp"
#include "kernel/process.hpp"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>

namespace sluice {
namespace {

// Tells the controller that kernel state has changed beside it.
void poke_controller(const KernelMaps& maps) {
    if (const std::uint32_t pid = maps.control.at(0).controller_pid; is_running(pid))
        ::kill(static_cast<pid_t>(pid), SIGUSR1);
}

bool controlled(const std::string& pin_dir) {
    return is_pinned(pin_dir) && is_running(open_state(pin_dir).control.at(0).controller_pid);
}

int attach(const GlobalOptions& global, const std::vector<std::string>& interfaces) {
    const Config config = load_config_or_defaults(global.config);
    const std::vector<Device> devices = resolve_interfaces(interfaces);
    if (devices.empty())
        throw UsageError("no interface matches; `ip link` lists them");
    const WriterLock lock(global.pin_dir);
    const bool fresh = !is_pinned(global.pin_dir);
    Loaded loaded = [&] {
        try {
            // with a controller alive the policy is its own: `sluice reload` changes that
            return controlled(global.pin_dir) ? load_program(global.pin_dir, config)
                                              : load_with_policy(global.pin_dir, config);
        } catch (...) {
            if (fresh)
                remove_pins(global.pin_dir);
            throw;
        }
    }();
    std::vector<Attachment> attached;
    try {
        attached = attach_all(global.pin_dir, loaded.program.fd(), devices, config.xdp);
    } catch (...) {
        if (fresh)
            remove_pins(global.pin_dir);
        throw;
    }
    Enforcement nft(loaded.program.maps());
    nft.follow_mode(arrival_names(global.pin_dir));
    poke_controller(loaded.program.maps());
    for (const Attachment& attachment : attached) {
        std::cout << attachment.name << ": "
                  << (attachment.fresh ? "attached" : "attached already, program renewed") << ", "
                  << attachment.xdp << " XDP";
        if (attachment.xdp == "generic")
            std::cout << " (the driver has no native mode, or refused it: slower, the same verdicts)";
        std::cout << '\n';
        if (!find_device(list_devices(), attachment.name)->up)
            std::cout << attachment.name << " is down: it is counted on as soon as it is up\n";
    }
    const ModeState mode = read_mode(loaded.program.maps(), boottime_ns());
    std::cout << "mode " << to_string(mode.mode)
              << (mode.mode == Mode::observe
                      ? ": counting only; `sluice mode nft` or `sluice mode xdp` enforces"
                      : "")
              << '\n';
    return 0;
}

int detach_all(const GlobalOptions& global, const std::vector<Attachment>& attached) {
    if (is_pinned(global.pin_dir)) {
        KernelMaps maps = KernelMaps::open_pinned(global.pin_dir);
        if (const std::uint32_t pid = maps.control.at(0).controller_pid; is_running(pid))
            throw Refusal("the controller runs (pid " + std::to_string(pid) +
                          ") and would attach again; stop it first (systemctl stop sluice)");
        const bool alive = std::any_of(attached.begin(), attached.end(),
                                       [](const Attachment& attachment) { return attachment.index != 0; });
        if (alive)
            check_identity(maps); // another namespace's table would stay and go on dropping
        if (maps.identity.at(0).netns_inode == current_netns())
            Enforcement(maps).remove();
    }
    if (!is_pinned(global.pin_dir) && attached.empty()) {
        remove_pins(global.pin_dir); // the directory that the lock has made
        throw Refusal("nothing is attached: nothing is pinned in " + global.pin_dir);
    }
    for (const Attachment& attachment : attached)
        detach_device(global.pin_dir, attachment);
    remove_pins(global.pin_dir);
    std::cout << "detached; counts, bans and the nft table are gone\n";
    return 0;
}

int detach(const GlobalOptions& global, const std::vector<std::string>& interfaces) {
    if (::access(global.pin_dir.c_str(), F_OK) != 0)
        throw Refusal("nothing is attached: " + global.pin_dir + " does not exist");
    const WriterLock lock(global.pin_dir);
    const std::vector<Attachment> attached = attachments(global.pin_dir);
    if (interfaces.empty())
        return detach_all(global, attached);
    std::vector<Attachment> chosen;
    for (const std::string& name : interfaces) {
        const auto found = std::find_if(attached.begin(), attached.end(), [&](const Attachment& attachment) {
            return attachment.name == name || attachment.pin == name;
        });
        if (found == attached.end())
            throw Refusal(name + " is not attached");
        chosen.push_back(*found);
    }
    KernelMaps maps = open_state(global.pin_dir);
    for (const Attachment& attachment : chosen) {
        detach_device(global.pin_dir, attachment);
        std::cout << attachment.name << ": detached\n";
    }
    Enforcement nft(maps);
    if (nft.present())
        nft.install(arrival_names(global.pin_dir), kernel_carve(maps, boottime_ns()));
    return 0;
}

} // namespace

void add_attach(CLI::App& app, const GlobalOptions& global, Command& command) {
    CLI::App* sub =
        app.add_subcommand("attach", "load the program and attach it to interfaces; drops nothing by itself");
    const auto interfaces = std::make_shared<std::vector<std::string>>();
    sub->add_option("IFACE", *interfaces, "names, globs, or auto: where the default routes point")
        ->required();
    sub->footer("Example: sluice attach eth0");
    sub->callback([&global, &command, interfaces] {
        command = [&global, interfaces] { return attach(global, *interfaces); };
    });
}

void add_detach(CLI::App& app, const GlobalOptions& global, Command& command) {
    CLI::App* sub = app.add_subcommand(
        "detach", "undo attach: without names, everything goes (program, counts, bans, nft table)");
    const auto interfaces = std::make_shared<std::vector<std::string>>();
    sub->add_option("IFACE", *interfaces, "only these; counts and bans stay");
    sub->footer("Example: sluice detach");
    sub->callback([&global, &command, interfaces] {
        command = [&global, interfaces] { return detach(global, *interfaces); };
    });
}

} // namespace sluice
