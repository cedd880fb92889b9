// SPDX-License-Identifier: GPL-2.0-or-later
// Network devices of this network namespace, by rtnetlink (sysfs would show those of the
// namespace in which it was mounted).
#pragma once

#include "core/config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

struct Device {
    std::uint32_t index = 0;
    std::string name;
    bool up = false;
    bool ethernet = false;         // has an Ethernet header
    std::uint32_t lower = 0;       // index of the device this one is stacked on (VLAN), 0: none
    std::uint32_t upper = 0;       // index of its bond or bridge, 0: none
    std::uint32_t xdp_program = 0; // id of the XDP program on it, 0: none
    std::string xdp;               // how it is attached: "native", "generic", "offloaded", "none"
};

[[nodiscard]] std::vector<Device> list_devices();

// Indices of the devices that default routes of either family point to.
[[nodiscard]] std::vector<std::uint32_t> default_route_devices();

[[nodiscard]] std::optional<Device> find_device(const std::vector<Device>& devices, const std::string& name);

// The device and those stacked on it (its bond, its bridge, VLANs), itself first: the names under
// which nftables may see a packet that came in here.
[[nodiscard]] std::vector<std::string> names_upwards(const std::vector<Device>& devices, std::uint32_t index);

// Names, globs and "auto" -> devices, each once. Throws Refusal for a name that no device has, for
// one without an Ethernet header, for "auto" without a default route, and for two devices of which
// one is stacked on the other: their packets would be counted twice.
[[nodiscard]] std::vector<Device> resolve_interfaces(const std::vector<std::string>& wanted);

} // namespace sluice
