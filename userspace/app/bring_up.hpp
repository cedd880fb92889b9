// SPDX-License-Identifier: GPL-2.0-or-later
// The steps that `attach`, `run` and `reload` share: from a configuration to kernel state.
// The caller holds the WriterLock.
#pragma once

#include "core/config.hpp"
#include "core/policy.hpp"
#include "kernel/link.hpp"
#include "kernel/program.hpp"

#include <string>
#include <vector>

namespace sluice {

// The configuration at `path`; the built-in defaults when nobody has written one at the default
// place. A path that was named must exist.
[[nodiscard]] Config load_config_or_defaults(const std::string& path);

// Loads the program over the pins (or makes them), checks whose they are, loads the policy.
struct Loaded {
    Program program;
    PolicyImage image;
};
// Without the policy: what is loaded already goes on to hold.
[[nodiscard]] Loaded load_program(const std::string& pin_dir, const Config& config);
[[nodiscard]] Loaded load_with_policy(const std::string& pin_dir, const Config& config);

// Whether the configuration asks for a table that the pinned one is not: then load_program() puts that
// one aside, and sources move over with their next attempt.
[[nodiscard]] bool needs_other_program(const KernelMaps& maps, const Config& config);

// Compiles under the ids that the kernel uses now. Nothing is changed; load_policy() switches over.
[[nodiscard]] PolicyImage plan_policy(const KernelMaps& maps, const Config& config);

// Puts the program on every device; what is attached already gets the new program. On an
// exception, what this call attached is detached again.
std::vector<Attachment> attach_all(const std::string& pin_dir, int program,
                                   const std::vector<Device>& devices, XdpChoice choice);

// "eth0 (native), eth1 (generic: slower, see `sluice status`)"
[[nodiscard]] std::string describe(const std::vector<Attachment>& attached);

// Whether the configuration asks for this device, by name, glob or "auto".
[[nodiscard]] bool names_interface(const Config& config, const std::string& name);

// Names of the devices that are attached now.
[[nodiscard]] std::vector<std::string> attached_names(const std::string& pin_dir);

// Names under which nftables sees what arrives on them: the same, and the bridges, bonds and VLANs
// above them.
[[nodiscard]] std::vector<std::string> arrival_names(const std::string& pin_dir);

} // namespace sluice
