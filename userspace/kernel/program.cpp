// SPDX-License-Identifier: GPL-2.0-or-later
// Loads the object that bpf/ was compiled into. The skeleton carries its bytes; descriptors are
// duplicated out of it, so that nothing else in the project needs to know libbpf's objects.
#include "kernel/program.hpp"

#include "kernel/handle.hpp"
#include "kernel/pins.hpp"
#include "sluice.skel.h"

#include <bpf/libbpf.h>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice {
namespace {

using Skeleton = Handle<sluice_bpf, sluice_bpf__destroy>;

// Collects what libbpf says, for the message of a refusal; nothing of it goes to the terminal.
thread_local std::string libbpf_said;

int collect(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG)
        return 0;
    char line[512];
    ::vsnprintf(line, sizeof(line), format, arguments);
    if (libbpf_said.size() < 4096)
        libbpf_said += line;
    return 0;
}

// The last two lines say why; the verifier's log before them says where.
std::string tail_of(const std::string& said) {
    std::string text = said;
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    std::size_t from = text.rfind('\n');
    if (from != std::string::npos && from > 0)
        from = text.rfind('\n', from - 1);
    text = from == std::string::npos ? text : text.substr(from + 1);
    for (char& c : text)
        if (c == '\n')
            c = ';';
    return text;
}

Fd duplicate(int fd, const char* name) {
    return Fd(check(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "duplicate descriptor of", name));
}

std::string map_path(const std::string& pin_dir, const char* name) {
    return pin_dir + "/maps/" + name;
}

// The program must read a pinned map as it is.
void fit(bpf_map* map, const std::string& pin_dir, std::uint32_t entries, std::size_t value_size) {
    if (!pin_dir.empty()) {
        const std::string path = map_path(pin_dir, ::bpf_map__name(map));
        const Fd pinned(::bpf_obj_get(path.c_str()));
        if (pinned) {
            const bpf_map_info info = map_info(pinned.get(), path);
            entries = info.max_entries;
            value_size = info.value_size;
        }
    }
    ::bpf_map__set_max_entries(map, entries);
    ::bpf_map__set_value_size(map, static_cast<std::uint32_t>(value_size));
}

void fit_tables(const sluice_bpf& skeleton, const ProgramOptions& options) {
    const TableSizes& sizes = options.sizes;
    const auto& maps = skeleton.maps;
    const std::string& pins = options.pin_dir;
    fit(maps.sets, pins, sizes.sets(), sizeof(sluice_set));
    fit(maps.sources, pins, sizes.sources, SLUICE_SOURCE_SIZE(sizes.log_capacity));
    fit(maps.memories, pins, sizes.memories, SLUICE_MEMORY_SIZE(sizes.memory_capacity));
    fit(maps.larges, pins, sizes.larges, sizeof(sluice_large));
    fit(maps.handshakes, pins, sizes.handshakes, sizeof(std::uint64_t));
    fit(maps.old_sets, pins, 1, sizeof(sluice_set));
    fit(maps.old_sources, pins, SLUICE_WAYS, SLUICE_SOURCE_SIZE(1));
}

// Seeds of a table hold as long as it does.
std::uint64_t hash_seed(const std::string& pin_dir) {
    if (!pin_dir.empty()) {
        Fd pinned(::bpf_obj_get(map_path(pin_dir, "identity").c_str()));
        if (pinned)
            if (const auto seed =
                    BpfMap<std::uint32_t, sluice_identity>(std::move(pinned), "identity").at(0).hash_seed)
                return seed;
    }
    std::random_device random;
    return (std::uint64_t{random()} << 32 | random()) | 1U;
}

// A map that was re-used goes by the name that the kernel has for it, and a table that was put aside
// keeps its own; so these four are told apart by their places in the skeleton.
const bpf_map* map_called(const sluice_bpf& skeleton, std::string_view name) {
    const auto& maps = skeleton.maps;
    if (name == "sets")
        return maps.sets;
    if (name == "sources")
        return maps.sources;
    if (name == "old_sets")
        return maps.old_sets;
    if (name == "old_sources")
        return maps.old_sources;
    return ::bpf_object__find_map_by_name(skeleton.obj, std::string(name).c_str());
}

std::uint32_t capacity_of(const bpf_map* map, std::size_t head) {
    return static_cast<std::uint32_t>((::bpf_map__value_size(map) - head) / 8);
}

void set_constants(const sluice_bpf& skeleton, const ProgramOptions& options, std::uint64_t seed) {
    auto& frozen = *skeleton.rodata;
    const auto& maps = skeleton.maps;
    frozen.log_capacity = capacity_of(maps.sources, SLUICE_SOURCE_SIZE(0));
    frozen.memory_capacity = capacity_of(maps.memories, SLUICE_MEMORY_SIZE(0));
    frozen.set_count = ::bpf_map__max_entries(maps.sets);
    frozen.memory_groups = ::bpf_map__max_entries(maps.memories) / SLUICE_GROUP;
    frozen.large_groups = ::bpf_map__max_entries(maps.larges) / SLUICE_GROUP;
    frozen.handshake_cells = ::bpf_map__max_entries(maps.handshakes);
    frozen.old_log_capacity = capacity_of(maps.old_sources, SLUICE_SOURCE_SIZE(0));
    frozen.old_set_count = ::bpf_map__max_entries(maps.old_sets);
    frozen.hash_seed = seed;
    frozen.own_netns = current_netns();
    frozen.time_in_metadata = options.time_in_metadata ? 1 : 0;
}

void pin_maps(bpf_object* object, const std::string& pin_dir) {
    const std::string directory = pin_dir + "/maps";
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error)
        throw SystemError("create directory", directory, error.value());
    ::chmod(pin_dir.c_str(), 0700);
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
        const std::string name = ::bpf_map__name(map);
        // rodata and scratch belong to one load; an old table is pinned only while there is one
        const bool old = name.rfind("old_", 0) == 0;
        if (name.find('.') != std::string::npos || name == "scratch" ||
            (old && ::access((directory + "/" + name).c_str(), F_OK) != 0))
            continue;
        const std::string path = directory + "/" + name;
        if (::bpf_map__set_pin_path(map, path.c_str()) != 0)
            throw SystemError("set pin path", path, errno);
    }
}

} // namespace

Program Program::load(const ProgramOptions& options) {
    libbpf_said.clear();
    ::libbpf_set_print(collect);
    const Skeleton skeleton(sluice_bpf__open());
    if (!skeleton)
        throw SystemError("open", "BPF object (" + tail_of(libbpf_said) + ")", errno);
    fit_tables(*skeleton, options);
    if (!options.pin_dir.empty())
        pin_maps(skeleton->obj, options.pin_dir);
    const std::uint64_t seed = hash_seed(options.pin_dir);
    set_constants(*skeleton, options, seed);
    const bool sockets = options.watch_sockets && ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
    ::bpf_program__set_autoload(skeleton->progs.sluice_established, sockets);
    if (const int error = sluice_bpf__load(skeleton.get()); error != 0)
        throw SystemError("load", "BPF program (" + tail_of(libbpf_said) + ")", error);

    const auto get = [&](const char* name) {
        const bpf_map* map = map_called(*skeleton, name);
        if (map == nullptr)
            throw SystemError("find map", name, ENOENT);
        return duplicate(::bpf_map__fd(map), name);
    };
    BpfMap<std::uint32_t, sluice_identity> identities(get("identity"), "identity");
    if (sluice_identity identity = identities.at(0); identity.hash_seed != seed) {
        identity.hash_seed = seed;
        identities.put(0, identity);
    }
    Program program;
    program.program_ = duplicate(::bpf_program__fd(skeleton->progs.sluice), "program");
    if (sockets)
        program.sockets_ = duplicate(::bpf_program__fd(skeleton->progs.sluice_established), "program");
    program.maps_ = KernelMaps::open(get, ::bpf_map__max_entries(skeleton->maps.old_sets) > 1);
    return program;
}

void set_table_aside(const std::string& pin_dir) {
    drop_old_table(pin_dir);
    // the sets last: whoever is interrupted in between leaves an old table that nobody can open
    for (const char* name : {"sources", "sets"}) {
        const std::string from = map_path(pin_dir, name);
        const std::string to = map_path(pin_dir, (std::string("old_") + name).c_str());
        if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
            throw SystemError("rename pin", from, errno);
    }
    // what belongs to the elements of the table: made anew in the new sizes
    for (const char* name : {"memories", "larges"})
        ::unlink(map_path(pin_dir, name).c_str());
}

void put_table_back(const std::string& pin_dir) {
    for (const char* name : {"sets", "sources"})
        if (::access(map_path(pin_dir, name).c_str(), F_OK) != 0)
            (void)::rename(map_path(pin_dir, (std::string("old_") + name).c_str()).c_str(),
                           map_path(pin_dir, name).c_str());
}

void forget_larges(const std::string& pin_dir) {
    ::unlink(map_path(pin_dir, "larges").c_str());
}

bool drop_old_table(const std::string& pin_dir) {
    bool was_there = false;
    for (const char* name : {"old_sets", "old_sources"})
        was_there = ::unlink(map_path(pin_dir, name).c_str()) == 0 || was_there;
    return was_there;
}

} // namespace sluice
