// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice run`: event -> verdict -> nft set, and the log line for each change of state. Its memory
// is a cache of kernel state: it can be killed at any moment and begins again from the maps.
#pragma once

#include "app/bring_up.hpp"
#include "core/carve.hpp"
#include "core/watch_list.hpp"
#include "kernel/enforcement.hpp"
#include "kernel/event_loop.hpp"
#include "kernel/event_ring.hpp"
#include "kernel/mode.hpp"
#include "kernel/nft_monitor.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace sluice {

class Controller {
public:
    struct Options {
        std::string config;
        std::string pin_dir;
        bool keep = false; // leave enforcement on at the end
    };

    explicit Controller(Options options);

    // Returns when a signal asks for it. Throws what was refused at start; later refusals are
    // logged and tried again.
    void run();

private:
    void start();
    void stop();
    void tick(const EventLoop::Woken& woken);

    void install();
    void say_left_out(std::size_t elements) const;
    void reload();
    void replace_program(const Config& config);
    void drop_old_table();
    void note_refused_reload();
    void on_events();
    void on_nft_events();
    void look_at_due();
    // Every entry of the source table; the caller holds the WriterLock.
    void sweep();
    void follow_bans();
    bool follow_allows(); // whether there are others now
    void end_bans(std::uint64_t now_ns);
    void follow_mode();
    void mend_table();
    void find_missing(const NftState& state, NftChanges& changes, std::uint64_t now_ns);
    void keep_house(std::uint64_t now_ns);
    void rebuild_index();

    // One look at a source: what nftables must be told is added to `changes`.
    void look(const LivePolicy& live, const sluice_source_key& key, NftChanges& changes,
              std::uint64_t now_ns);
    void commit(NftChanges& changes);
    // What lies inside the sources about to be limited and must go on passing.
    void protect(NftChanges& changes);
    // Takes out what protects from nothing any more; the caller holds the WriterLock.
    void tidy_spared(std::uint64_t now_ns);
    [[nodiscard]] NftSpared wanted_spared() const;
    [[nodiscard]] Carve carve() const;
    [[nodiscard]] std::uint64_t next_deadline() const;

    void log_limited(const sluice_source_key& key, const SourceVerdict& verdict,
                     const sluice_source& entry) const;
    void log_warned(const sluice_event& event) const;
    void log_all_limited() const; // the mode has changed what being over means
    void log_released(const sluice_source_key& key, const Watched& watched, const char* why) const;
    [[nodiscard]] std::string name_source(const sluice_source_key& key) const;

    Options options_;
    Config config_;
    EventLoop loop_;
    std::optional<Loaded> loaded_;
    std::optional<ExemptIndex> index_;
    std::unique_ptr<EventRing> ring_;
    std::unique_ptr<Enforcement> nft_;
    std::unique_ptr<NftMonitor> monitor_;
    Names names_;
    WatchList watched_;
    std::map<Prefix, sluice_override> bans_;
    std::map<Prefix, sluice_override> allows_;
    NftSpared spared_before_; // as wanted when last tidied
    bool spares_ = true;      // nftables may hold something to tidy
    ModeState mode_;
    std::uint64_t events_lost_ = 0;
    std::uint64_t next_house_ns_ = 0; // counters, lost events
    std::uint64_t next_sweep_ns_ = 0; // no walk of the map before this
    std::uint64_t next_tidy_ns_ = 0;  // no look at what is spared before this
    std::uint64_t next_mend_ns_ = 0;  // somebody touched the table: look at it then; 0: nobody did
    std::uint64_t next_watchdog_ns_ = 0;
    std::uint64_t next_ban_end_ns_ = 0; // 0: nobody is banned
    std::uint64_t next_table_ns_ = 0;   // when an old table may go; 0: there is none
    bool quiet_ = true;                 // at start: what is carried over is no change of state
    bool stopping_ = false;
};

} // namespace sluice
