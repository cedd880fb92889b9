// SPDX-License-Identifier: GPL-2.0-or-later
// The real program in the real kernel, private to one test: policies in, frames with their times
// in, action, outcome and events out.
#pragma once

#include "core/config.hpp"
#include "core/policy.hpp"
#include "kernel/event_ring.hpp"
#include "kernel/program.hpp"
#include "packet.hpp"

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace sluice::test {

inline constexpr std::uint64_t us = 1'000;
inline constexpr std::uint64_t ms = 1'000'000;
inline constexpr std::uint64_t second = 1'000'000'000;

// A tick is the clock's grain in the log; times that are multiples of it agree bit for bit.
inline constexpr std::uint64_t tick = SLUICE_TICK_NS;

// Any time will do; this one is no multiple of anything but the tick.
inline constexpr std::uint64_t noon = 43'200 * second / tick * tick;

// Empty when programs can be loaded here, else why not (no root, no BPF).
[[nodiscard]] std::string why_no_bpf();

#define SLUICE_NEEDS_BPF()                                                                                   \
    if (const std::string why = ::sluice::test::why_no_bpf(); !why.empty())                                  \
    GTEST_SKIP() << why

// What one frame met.
struct Verdict {
    bool dropped = false;
    sluice_outcome outcome = SLUICE_OUTCOMES; // SLUICE_OUTCOMES: not exactly one counter moved, by one

    static Verdict pass(sluice_outcome outcome) { return {false, outcome}; }
    static Verdict drop(sluice_outcome outcome) { return {true, outcome}; }
    bool operator==(const Verdict&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Verdict& verdict);
};

class DataPlane {
public:
    // A log_capacity above 64: limits up to 64 and large ones.
    explicit DataPlane(std::uint32_t log_capacity = SLUICE_MAX_LIMIT, std::uint32_t sources = 4096);

    // Compiled from TOML, with the mode that is written there. Samples are an exception from
    // dropping, so they are left out unless a test is about them.
    void load(const std::string& toml, bool with_samples = false);
    void load(const PolicyImage& image);
    [[nodiscard]] PolicyImage compile(const std::string& toml) const;

    void set_mode(Mode mode) { set_mode_word(sluice_mode_word(static_cast<std::uint32_t>(mode), 0, 0)); }
    void set_mode_word(std::uint64_t word);
    void ban(const std::string& prefix, std::uint64_t until_ns);
    void allow(const std::string& prefix, std::uint64_t until_ns);

    Verdict send(const Packet& packet, std::uint64_t time_ns) { return send(packet.bytes(), time_ns); }
    Verdict send(const Bytes& frame, std::uint64_t time_ns);
    // For frames whose change is looked at: the frame as it went up.
    [[nodiscard]] Bytes sent_up(const Packet& packet, std::uint64_t time_ns) {
        return sent_up(packet.bytes(), time_ns);
    }
    [[nodiscard]] Bytes sent_up(const Bytes& frame, std::uint64_t time_ns);
    // How many of `count` frames at this time met this outcome.
    std::size_t send_many(const Packet& packet, std::uint64_t time_ns, std::size_t count,
                          sluice_outcome outcome);

    [[nodiscard]] std::vector<sluice_event> events();
    [[nodiscard]] std::uint64_t counter(unsigned index) const;
    [[nodiscard]] sluice_tally tally(const std::string& of_class, const std::string& service) const;
    [[nodiscard]] std::optional<sluice_source> source(const std::string& prefix, std::uint8_t service) const;
    // "192.0.2.66/32 1": prefix and service id of every entry.
    [[nodiscard]] std::vector<std::string> source_names() const;

    [[nodiscard]] Program& program() { return program_; }
    [[nodiscard]] KernelMaps& maps() { return program_.maps(); }
    [[nodiscard]] const KernelMaps& maps() const { return program_.maps(); }

private:
    Program program_;
    EventRing ring_;
    Names names_;
    std::uint64_t latest_ns_ = 0; // of the frames so far
};

// A policy of one class and one service (port 25, id 1), for periods that no configuration allows.
[[nodiscard]] PolicyImage plain_policy(std::uint32_t connections, std::uint64_t per_ticks,
                                       bool count_dropped = true, sluice_action action = SLUICE_ACTION_LIMIT);

} // namespace sluice::test
