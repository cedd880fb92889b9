// SPDX-License-Identifier: GPL-2.0-or-later
// Opens the maps by name; the names are those of bpf/maps.h.
#include "kernel/kernel_maps.hpp"

#include <algorithm>
#include <unistd.h>

namespace sluice {

KernelMaps KernelMaps::open(const std::function<Fd(const char* name)>& get, bool moving) {
    KernelMaps maps;
    maps.control = {get("control"), "control"};
    maps.identity = {get("identity"), "identity"};
    maps.ports = {get("ports"), "ports"};
    maps.policies = {get("policies"), "policies"};
    maps.ranges = {get("ranges"), "ranges"};
    maps.bans = {get("bans"), "bans"};
    maps.allows = {get("allows"), "allows"};
    maps.sources = SourceTable(get, maps.identity.at(0).hash_seed, moving);
    maps.counters = {get("counters"), "counters"};
    maps.tallies = {get("tallies"), "tallies"};
    maps.names = {get("names"), "names"};
    maps.ledger = {get("ledger"), "ledger"};
    maps.shape = {get("shape"), "shape"};
    maps.events = get("events");
    maps.handshakes = map_info(get("handshakes").get(), "handshakes").max_entries;
    return maps;
}

KernelMaps KernelMaps::open_pinned(const std::string& pin_dir) {
    const bool moving = ::access((pin_dir + "/maps/old_sources").c_str(), F_OK) == 0;
    return open(
        [&](const char* name) {
            const std::string path = pin_dir + "/maps/" + name;
            return Fd(check(::bpf_obj_get(path.c_str()), "open pin", path));
        },
        moving);
}

TableSizes KernelMaps::sizes() const {
    TableSizes sizes;
    sizes.sources = sources.capacity();
    sizes.log_capacity = sources.log_capacity();
    sizes.memories = sources.memory_blocks();
    sizes.memory_capacity = std::max<std::uint32_t>(SLUICE_MEMORY_MIN, sizes.log_capacity);
    sizes.larges = sources.large_blocks();
    sizes.handshakes = handshakes;
    return sizes;
}

} // namespace sluice
