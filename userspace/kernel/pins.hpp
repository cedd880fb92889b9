// SPDX-License-Identifier: GPL-2.0-or-later
// The pin directory: where kernel state lives, whose it is, and the lock of its writers.
#pragma once

#include "kernel/fd.hpp"
#include "kernel/kernel_maps.hpp"

#include <string>

namespace sluice {

inline constexpr const char* default_pin_dir = "/sys/fs/bpf/sluice";

// Held by whoever changes pins, maps or the nft table; readers take none. Waits for its turn, at
// most 30 s: then throws Refusal, which names the holder. Creates the directory if need be, again
// if it was removed during the wait; throws SystemError when that is refused, with advice when no
// bpffs is mounted there.
class WriterLock {
public:
    explicit WriterLock(const std::string& pin_dir);

private:
    Fd directory_;
};

// Inode of the calling thread's network namespace.
[[nodiscard]] std::uint64_t current_netns();

// Whether anything is pinned.
[[nodiscard]] bool is_pinned(const std::string& pin_dir);

// Fills in whose pins these are, unless somebody has already.
void write_identity(KernelMaps& maps);

// Throws Refusal when the pins belong to another layout version or another network namespace
// (both are named).
void check_identity(const KernelMaps& maps);

// Opens the pins and checks that they are ours. Throws Refusal that says what to do when nothing
// is pinned.
[[nodiscard]] KernelMaps open_state(const std::string& pin_dir);

// Removes every pin and the directory. What is still attached stays attached.
void remove_pins(const std::string& pin_dir);

} // namespace sluice
