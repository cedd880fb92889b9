// SPDX-License-Identifier: GPL-2.0-or-later
// The program on devices, by bpf_link pinned in pin_dir/links: it stays when the process ends, and
// its program is replaced without a moment unattached.
#pragma once

#include "core/config.hpp"
#include "kernel/devices.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct Attachment {
    std::string name;        // of the device now; empty: the device is gone and the link is dead
    std::uint32_t index = 0; // 0 with a dead link
    std::string xdp;         // "native", "generic", "offloaded", "none"
    std::string pin;         // file name in pin_dir/links
    bool fresh = false;      // attach_device made it; false: only its program was replaced
};

// What is pinned, dead links included. Nothing pinned: empty.
[[nodiscard]] std::vector<Attachment> attachments(const std::string& pin_dir);

// Attaches, or puts `program` into the link that is there. Never displaces another's XDP program:
// throws Refusal naming it. With XdpChoice::automatic, falls back to generic.
Attachment attach_device(const std::string& pin_dir, int program, const Device& device, XdpChoice choice);

// Detaches and unpins. Works on dead links.
void detach_device(const std::string& pin_dir, const Attachment& attachment);

// Puts the program for sockets to work, in place of one that is there; it is pinned beside the links and
// goes with the pins.
void attach_sockets(const std::string& pin_dir, int program);

} // namespace sluice
