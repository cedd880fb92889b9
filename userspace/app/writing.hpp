// SPDX-License-Identifier: GPL-2.0-or-later
// What ban and release share: kernel state opened for writing, nft brought up to it, and what is
// said about it afterwards.
#pragma once

#include "kernel/overrides.hpp"
#include "kernel/pins.hpp"

#include <cstdint>
#include <deque>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

namespace sluice {

// What a command says, kept until it is destroyed: a reader that does not read (a pager, a stopped
// terminal) must not hold up whoever waits for the lock. Declare it before the WriteAccess.
class Answer {
public:
    Answer() = default;
    Answer(const Answer&) = delete;
    Answer& operator=(const Answer&) = delete;
    // Prints all of it, in the order in which it was written.
    ~Answer();

    // Text for `stream`, which is std::cout or std::cerr.
    [[nodiscard]] std::ostream& to(std::ostream& stream);

private:
    struct Part {
        std::ostream* stream;
        std::ostringstream text;
    };
    std::deque<Part> parts_;
};

// Kernel state under the writers' lock. Throws Refusal when nothing is pinned, and then leaves no
// directory behind.
class WriteAccess {
public:
    explicit WriteAccess(const std::string& pin_dir);

    // The changes that are in the maps already, into nft. Returns false, with a line for standard
    // error, when nft refused them; what is in the maps holds all the same.
    [[nodiscard]] bool show_in_nft(const OverrideChanges& changes, Answer& answer);

    KernelMaps maps;

private:
    WriterLock lock_;
    std::string pin_dir_;
};

// A CLOCK_BOOTTIME moment as local wall time, given what both clocks show now.
class WallClock {
public:
    WallClock();
    [[nodiscard]] std::string local(std::uint64_t boot_ns) const;

private:
    std::int64_t offset_ns_;
};

} // namespace sluice
