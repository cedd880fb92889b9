// SPDX-License-Identifier: GPL-2.0-or-later
// The life of the controller: start, wait, act on what woke it, stop. What it does with sources is
// in controller_sources.cpp, with the table and with bans in controller_table.cpp.
#include "app/controller.hpp"

#include "app/config_source.hpp"
#include "app/log.hpp"
#include "core/refusal.hpp"
#include "kernel/clock.hpp"
#include "kernel/counters.hpp"
#include "kernel/notify.hpp"
#include "kernel/pins.hpp"
#include "kernel/policy_loader.hpp"
#include "kernel/process.hpp"

#include <algorithm>
#include <csignal>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace sluice {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t house_every_ns = 10 * second_ns;
constexpr std::uint64_t sweep_every_ns = 60 * second_ns;
constexpr std::uint64_t retry_ns = second_ns;

// Those of the configuration, and those that a command attached: they get the new program too.
std::vector<Device> devices_to_attach(const Config& config, const std::string& pin_dir) {
    std::vector<std::string> wanted = config.interfaces;
    for (const std::string& name : attached_names(pin_dir))
        wanted.push_back(name);
    return resolve_interfaces(wanted);
}

void write_pid(KernelMaps& maps, std::uint32_t pid) {
    sluice_control control = maps.control.at(0);
    control.controller_pid = pid;
    maps.control.put(0, control);
}

} // namespace

Controller::Controller(Options options)
    : options_(std::move(options)), loop_({SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {}

void Controller::run() {
    set_up_log();
    start();
    notify_ready("mode " + std::string(to_string(mode_.mode)));
    while (!stopping_) {
        const EventLoop::Woken woken = loop_.wait(next_deadline());
        try {
            tick(woken);
        } catch (const std::exception& error) {
            // the packet path goes on; what could not be written is looked at again
            spdlog::error("{}", error.what());
            next_mend_ns_ = boottime_ns() + retry_ns;
        }
    }
    stop();
}

void Controller::start() {
    config_ = load_config(options_.config);
    const WriterLock lock(options_.pin_dir);
    if (is_pinned(options_.pin_dir)) {
        const std::uint32_t pid = open_state(options_.pin_dir).control.at(0).controller_pid;
        if (pid != static_cast<std::uint32_t>(::getpid()) && is_running(pid))
            throw Refusal("a controller is running already (pid " + std::to_string(pid) + ")");
    }
    const std::vector<Device> devices = devices_to_attach(config_, options_.pin_dir);
    if (devices.empty())
        throw Refusal("no interface to attach: write interfaces = [\"eth0\"] (or \"auto\") into " +
                      options_.config);
    const bool fresh = !is_pinned(options_.pin_dir);
    std::vector<Attachment> attached;
    try {
        loaded_.emplace(load_with_policy(options_.pin_dir, config_));
        attached = attach_all(options_.pin_dir, loaded_->program.fd(), devices, config_.xdp);
    } catch (...) {
        if (fresh)
            remove_pins(options_.pin_dir);
        throw;
    }
    KernelMaps& maps = loaded_->program.maps();
    names_ = read_names(maps);
    if (::access((options_.pin_dir + "/maps/old_sets").c_str(), F_OK) == 0)
        next_table_ns_ = std::max<std::uint64_t>(1, maps.control_word().moving_until_ns);
    follow_allows();
    rebuild_index();

    ring_ = std::make_unique<EventRing>(maps.events.get());
    monitor_ = std::make_unique<NftMonitor>("sluice");
    nft_ = std::make_unique<Enforcement>(maps);
    loop_.watch(ring_->fd());
    loop_.watch(monitor_->fd());

    restore_mode(maps, config_.mode, boottime_ns());
    mode_ = read_mode(maps, boottime_ns());
    install();
    events_lost_ = read_counters(maps).n[SLUICE_EVENTS_LOST];
    follow_bans();
    sweep();
    quiet_ = false;
    write_pid(maps, static_cast<std::uint32_t>(::getpid()));
    spdlog::info("sluice {} started: {}; mode {}{}; {} sources over and {} bans carried over", SLUICE_VERSION,
                 describe(attached), to_string(mode_.mode), mode_.by_operator ? " (set by command)" : "",
                 watched_.all().size(), bans_.size());
}

void Controller::install() {
    say_left_out(nft_->install(arrival_names(options_.pin_dir), carve()));
}

void Controller::say_left_out(std::size_t elements) const {
    if (elements != 0)
        spdlog::warn("{} sources found no room in nftables ([table] sources is what its maps are made for)",
                     elements);
}

void Controller::stop() {
    notify_stopping();
    const WriterLock lock(options_.pin_dir);
    KernelMaps& maps = loaded_->program.maps();
    if (options_.keep) {
        nft_->take_counters();
        spdlog::info("stopped; enforcement goes on (--keep): mode {}", to_string(mode_.mode));
    } else {
        suspend_mode(maps);
        nft_->remove();
        spdlog::info("stopped; nothing is dropped, counting goes on (`sluice detach` ends that too)");
    }
    write_pid(maps, 0);
}

void Controller::tick(const EventLoop::Woken& woken) {
    for (const int signal : woken.signals) {
        if (signal == SIGHUP)
            reload();
        else if (signal == SIGUSR1) // a command changed kernel state
            next_mend_ns_ = boottime_ns();
        else
            stopping_ = true;
    }
    if (stopping_)
        return;
    for (const int fd : woken.readable) {
        if (fd == ring_->fd())
            on_events();
        else if (fd == monitor_->fd())
            on_nft_events();
    }
    const std::uint64_t now_ns = boottime_ns();
    if (mode_.deadline_ns && *mode_.deadline_ns <= now_ns)
        follow_mode();
    if (next_mend_ns_ != 0 && next_mend_ns_ <= now_ns)
        mend_table();
    if (next_table_ns_ != 0 && next_table_ns_ <= now_ns)
        drop_old_table();
    look_at_due();
    end_bans(now_ns);
    keep_house(now_ns);
}

std::uint64_t Controller::next_deadline() const {
    std::uint64_t next = next_house_ns_;
    const auto consider = [&](std::uint64_t moment_ns) {
        if (moment_ns != 0)
            next = std::min(next, moment_ns);
    };
    consider(watched_.next_look().value_or(0));
    consider(next_mend_ns_);
    consider(mode_.deadline_ns.value_or(0));
    consider(next_watchdog_ns_);
    consider(next_ban_end_ns_);
    consider(next_table_ns_);
    return std::max<std::uint64_t>(next, 1);
}

void Controller::keep_house(std::uint64_t now_ns) {
    if (const std::uint64_t interval_ns = watchdog_interval_ns();
        interval_ns != 0 && next_watchdog_ns_ <= now_ns) {
        notify_watchdog();
        next_watchdog_ns_ = now_ns + interval_ns;
    }
    if (now_ns < next_house_ns_)
        return;
    next_house_ns_ = now_ns + house_every_ns;
    {
        const WriterLock lock(options_.pin_dir);
        nft_->take_counters();
        tidy_spared(now_ns);
    }
    // a device may have been renamed, or come and gone
    if (arrival_names(options_.pin_dir) != nft_->design().interfaces)
        next_mend_ns_ = now_ns;
    const std::uint64_t lost = read_counters(loaded_->program.maps()).n[SLUICE_EVENTS_LOST];
    if (lost != events_lost_ && now_ns >= next_sweep_ns_) {
        spdlog::warn("{} events were lost; reading the whole table instead", lost - events_lost_);
        events_lost_ = lost;
        next_sweep_ns_ = now_ns + sweep_every_ns;
        const WriterLock lock(options_.pin_dir);
        sweep();
    }
}

void Controller::reload() {
    notify_reloading();
    const std::uint32_t before = loaded_->program.maps().control.at(0).generation;
    try {
        Config fresh = load_config(options_.config);
        const WriterLock lock(options_.pin_dir);
        const std::vector<Device> devices = devices_to_attach(fresh, options_.pin_dir);
        KernelMaps& maps = loaded_->program.maps();
        PolicyImage image = plan_policy(maps, fresh);
        if (needs_other_program(maps, fresh))
            replace_program(fresh);
        attach_all(options_.pin_dir, loaded_->program.fd(), devices, fresh.xdp);
        load_policy(maps, image, boottime_ns());
        next_mend_ns_ = boottime_ns(); // from here on nftables has to follow, whatever comes
        loaded_->image = std::move(image);
        config_ = std::move(fresh);
        names_ = read_names(maps);
        follow_allows();
        rebuild_index();
        // read anew: a command may have switched it while this waited for the lock
        reload_mode(maps, config_.mode, boottime_ns());
        mode_ = read_mode(maps, boottime_ns());
        install();
        for (const Device& device : devices)
            if (!names_interface(config_, device.name))
                spdlog::info(
                    "{} stays attached, though the configuration does not name it; `sluice detach {}` ends "
                    "that",
                    device.name, device.name);
        spdlog::info("reloaded {}: {} classes, {} ranges; mode {}{}", options_.config, config_.classes.size(),
                     loaded_->image.ranges.size(), to_string(mode_.mode),
                     mode_.by_operator ? " (set by command)" : "");
        sweep();
    } catch (const std::exception& error) {
        if (loaded_->program.maps().control.at(0).generation == before) {
            note_refused_reload();
            spdlog::error("reload refused, the old configuration goes on: {}", error.what());
        } else {
            spdlog::error("reloaded, but nftables has not followed yet (tried again at once): {}",
                          error.what());
        }
    }
    notify_ready("mode " + std::string(to_string(mode_.mode)));
}

// `maps` stays where it is, so that whoever refers to it goes on with the new ones.
void Controller::replace_program(const Config& config) {
    Loaded fresh = load_program(options_.pin_dir, config);
    fresh.image = std::move(loaded_->image);
    *loaded_ = std::move(fresh);
    const KernelMaps& maps = loaded_->program.maps();
    next_table_ns_ = maps.control_word().moving_until_ns;
    spdlog::info("a new table of {} sources with room for limits up to {}; who was in the old one moves over "
                 "with his next attempt",
                 maps.sources.capacity(), maps.sources.log_capacity());
}

// The table before the last reload has nothing in it any more that matters.
void Controller::drop_old_table() {
    next_table_ns_ = 0;
    const WriterLock lock(options_.pin_dir);
    if (!sluice::drop_old_table(options_.pin_dir))
        return;
    Loaded fresh = load_program(options_.pin_dir, config_);
    fresh.image = std::move(loaded_->image);
    *loaded_ = std::move(fresh);
    attach_all(options_.pin_dir, loaded_->program.fd(), devices_to_attach(config_, options_.pin_dir),
               config_.xdp);
    spdlog::info("the old table is gone");
}

// `sluice reload` waits for one of two words to change.
void Controller::note_refused_reload() {
    const WriterLock lock(options_.pin_dir);
    KernelMaps& maps = loaded_->program.maps();
    sluice_control control = maps.control.at(0);
    control.reloads_refused++;
    maps.control.put(0, control);
}

void Controller::rebuild_index() {
    std::vector<Prefix> allows;
    for (const auto& [prefix, word] : allows_)
        allows.push_back(prefix);
    index_.emplace(loaded_->image, std::move(allows));
    spared_before_ = {}; // may be spared no more
    spares_ = true;
}

} // namespace sluice
