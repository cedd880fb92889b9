// SPDX-License-Identifier: GPL-2.0-or-later
// Opens the maps by name; the names are those of bpf/maps.h.
#include "kernel/kernel_maps.hpp"

namespace sluice {

KernelMaps KernelMaps::open(const std::function<Fd(const char* name)>& get) {
    KernelMaps maps;
    maps.control = {get("control"), "control"};
    maps.identity = {get("identity"), "identity"};
    maps.ports = {get("ports"), "ports"};
    maps.policies = {get("policies"), "policies"};
    maps.ranges = {get("ranges"), "ranges"};
    maps.bans = {get("bans"), "bans"};
    maps.allows = {get("allows"), "allows"};
    maps.sources = {get("sources"), "sources"};
    maps.counters = {get("counters"), "counters"};
    maps.tallies = {get("tallies"), "tallies"};
    maps.names = {get("names"), "names"};
    maps.ledger = {get("ledger"), "ledger"};
    maps.shape = {get("shape"), "shape"};
    maps.events = get("events");
    return maps;
}

KernelMaps KernelMaps::open_pinned(const std::string& pin_dir) {
    return open([&](const char* name) {
        const std::string path = pin_dir + "/maps/" + name;
        return Fd(check(::bpf_obj_get(path.c_str()), "open pin", path));
    });
}

} // namespace sluice
