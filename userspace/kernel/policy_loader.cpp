// SPDX-License-Identifier: GPL-2.0-or-later
// The order of steps matters: the new list of ranges is complete before anything refers to it,
// and the list that it replaces is emptied in batches, because dropping a full trie at once
// would stall the CPU that does it.
#include "kernel/policy_loader.hpp"

#include "core/over.hpp"
#include "pending.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace sluice {
namespace {

constexpr std::uint32_t smallest_list = 1; // the kernel refuses maps of no entries

Fd make_range_list(const std::vector<RangeEntry>& ranges) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
    const auto size = std::max(smallest_list, static_cast<std::uint32_t>(ranges.size()));
    Fd list(::bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "range_list", sizeof(sluice_lpm_key),
                             sizeof(sluice_class_ref), size, &options));
    if (!list)
        throw SystemError("create map", "range_list", errno);
    std::vector<sluice_lpm_key> keys;
    std::vector<sluice_class_ref> values;
    keys.reserve(ranges.size());
    values.reserve(ranges.size());
    for (const RangeEntry& range : ranges) {
        keys.push_back(range.key);
        values.push_back(range.value);
    }
    BpfMap<sluice_lpm_key, sluice_class_ref> map(Fd(::dup(list.get())), "range_list");
    map.put_many(keys, values);
    return list;
}

// Takes the entries out in batches. A list that cannot be emptied is dropped as it is.
void empty_list(int list) {
    constexpr std::uint32_t step = 4096;
    std::vector<sluice_lpm_key> keys(step);
    while (true) {
        std::uint32_t count = 0;
        sluice_lpm_key next{};
        int result = ::bpf_map_get_next_key(list, nullptr, &next);
        while (result == 0 && count < step) {
            keys[count++] = next;
            const sluice_lpm_key previous = next;
            result = ::bpf_map_get_next_key(list, &previous, &next);
        }
        if (count == 0 || ::bpf_map_delete_batch(list, keys.data(), &count, nullptr) != 0)
            return;
    }
}

// The list in this half, or none.
Fd list_in(const KernelMaps& maps, std::uint32_t half) {
    std::uint32_t id = 0;
    if (::bpf_map_lookup_elem(maps.ranges.fd(), &half, &id) != 0)
        return {};
    return Fd(::bpf_map_get_fd_by_id(id));
}

void put_list(KernelMaps& maps, std::uint32_t half, int list) {
    const auto descriptor = static_cast<std::uint32_t>(list);
    maps.ranges.put(half, descriptor);
}

// The list that was live until now leaves. A packet that read the old generation may still be at
// work with it, so wait for those first: writing to a map of maps returns only when every program
// that was running has ended (kernel/bpf/syscall.c, maybe_wait_bpf_programs).
void retire_list(KernelMaps& maps, std::uint32_t live, int live_list) {
    const std::uint32_t retired = live ^ 1U;
    const Fd old = list_in(maps, retired);
    if (!old)
        return;
    put_list(maps, live, live_list);
    maps.ranges.erase(retired);
    empty_list(old.get());
}

void put_names(KernelMaps& maps, const Names& names) {
    std::vector<std::uint32_t> keys(SLUICE_NAMES);
    std::vector<sluice_name> values(SLUICE_NAMES);
    for (std::uint32_t i = 0; i < SLUICE_NAMES; i++) {
        keys[i] = i;
        const std::string& name =
            i < SLUICE_MAX_CLASSES ? names.classes[i] : names.services[i - SLUICE_MAX_CLASSES];
        std::strncpy(values[i].text, name.c_str(), sizeof(values[i].text) - 1);
    }
    maps.names.put_many(keys, values);
}

void put_shape(KernelMaps& maps, std::uint32_t half, const PolicyImage& image) {
    sluice_shape shape{};
    shape.count4 =
        static_cast<std::uint8_t>(std::min<std::size_t>(image.prefixes4.size(), SLUICE_MAX_LENGTHS));
    shape.count6 =
        static_cast<std::uint8_t>(std::min<std::size_t>(image.prefixes6.size(), SLUICE_MAX_LENGTHS));
    std::copy_n(image.prefixes4.begin(), shape.count4, shape.prefixes4);
    std::copy_n(image.prefixes6.begin(), shape.count6, shape.prefixes6);
    std::strncpy(shape.log_prefix, image.log_prefix.c_str(), sizeof(shape.log_prefix) - 1);
    maps.shape.put(half, shape);
}

// An id that passes to another name must not pass its counts on.
void clear_reused(KernelMaps& maps, const Names& before, const Names& after) {
    for (std::uint32_t id = 0; id < SLUICE_MAX_CLASSES; id++) {
        const bool other_class = before.classes[id] != after.classes[id] && !after.classes[id].empty();
        if (other_class)
            maps.ledger.put(id, sluice_ledger{});
        for (std::uint32_t service = 0; service < SLUICE_MAX_SERVICES; service++) {
            const bool other_service =
                before.services[service] != after.services[service] && !after.services[service].empty();
            if ((other_class || other_service) &&
                !(before.classes[id].empty() && before.services[service].empty()))
                maps.tallies.clear(id * SLUICE_MAX_SERVICES + service);
        }
    }
}

constexpr std::uint64_t switch_ns = 1'000'000'000;
constexpr std::uint64_t shortest_retention_ns = PENDING_LIFETIME_NS;
constexpr std::uint8_t usual_prefix6 = 64;

// Whether all addresses of each IPv6 /64 share class and source, so that an entry may answer for them.
bool is_plain6(const PolicyImage& image) {
    for (std::uint32_t id = 0; id < SLUICE_MAX_CLASSES; id++)
        if (!image.names.classes[id].empty() &&
            image.policies[sluice_policy_index(0, id, 0)].prefix6 != usual_prefix6)
            return false;
    return std::all_of(image.ranges.begin(), image.ranges.end(), [](const RangeEntry& range) {
        return range.key.prefix_len <= usual_prefix6 || to_prefix(range.key).is_v4();
    });
}

std::uint32_t control_flags(const PolicyImage& image) {
    return (image.counts_handshakes ? SLUICE_CONTROL_HANDSHAKES : 0U) |
           (is_plain6(image) ? SLUICE_CONTROL_PLAIN6 : 0U);
}

} // namespace

void load_policy(KernelMaps& maps, const PolicyImage& image, std::uint64_t now_ns) {
    sluice_control control = maps.control.at(0);
    const std::uint32_t idle = (control.generation + 1) & 1;
    const Names before = read_names(maps);

    const Fd list = make_range_list(image.ranges);
    maps.ports.put(idle, image.ports);
    std::vector<std::uint32_t> keys(image.policies.size());
    for (std::uint32_t i = 0; i < keys.size(); i++)
        keys[i] = sluice_policy_index(idle, i / SLUICE_MAX_SERVICES, i % SLUICE_MAX_SERVICES);
    maps.policies.put_many(keys, image.policies);
    put_list(maps, idle, list.get());
    put_shape(maps, idle, image);
    clear_reused(maps, before, image.names);
    put_names(maps, image.names);

    // First, and a while ahead: a packet that still follows the old lists writes a moment before this
    // one into its entry, so the class that it writes there is looked up again.
    control.trusted_ns = now_ns + switch_ns;
    maps.control.put(0, control);
    control.generation++;
    control.log_every_ns = image.log_every_ns;
    control.log_max = image.log_max;
    control.flags = control_flags(image);
    control.retention_ns = std::max(image.longest_per_ns, shortest_retention_ns);
    control.age_shift = table_age_shift(control.retention_ns);
    // in the time that a source is of interest, at most a quarter of the table is given to newcomers
    control.evictions_ns = 4 * control.retention_ns / maps.sources.capacity();
    if (control.sample_secret == 0)
        control.sample_secret = std::random_device{}() | 1U;
    maps.control.put(0, control);

    retire_list(maps, idle, list.get());
}

Names read_names(const KernelMaps& maps) {
    Names names;
    for (std::uint32_t i = 0; i < SLUICE_NAMES; i++) {
        const sluice_name name = maps.names.at(i);
        const std::string text(name.text, ::strnlen(name.text, sizeof(name.text)));
        (i < SLUICE_MAX_CLASSES ? names.classes[i] : names.services[i - SLUICE_MAX_CLASSES]) = text;
    }
    return names;
}

sluice_policy live_policy(const KernelMaps& maps, std::uint32_t class_id, std::uint32_t service) {
    const std::uint32_t half = maps.control.at(0).generation;
    return maps.policies.at(sluice_policy_index(half, class_id, service));
}

} // namespace sluice
