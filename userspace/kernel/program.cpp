// SPDX-License-Identifier: GPL-2.0-or-later
// Loads the object that bpf/ was compiled into. The skeleton carries its bytes; descriptors are
// duplicated out of it, so that nothing else in the project needs to know libbpf's objects.
#include "kernel/program.hpp"

#include "kernel/handle.hpp"
#include "sluice.skel.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

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

// A pinned table keeps its size: counts outweigh a new [table] setting.
void fit_sources(bpf_map* map, const ProgramOptions& options) {
    std::uint32_t entries = options.sources;
    std::uint32_t value_size = SLUICE_SOURCE_SIZE(options.log_capacity);
    if (!options.pin_dir.empty()) {
        const std::string path = options.pin_dir + "/maps/sources";
        const Fd pinned(::bpf_obj_get(path.c_str()));
        if (pinned) {
            const bpf_map_info info = map_info(pinned.get(), path);
            entries = info.max_entries;
            value_size = info.value_size;
        }
    }
    ::bpf_map__set_max_entries(map, entries);
    ::bpf_map__set_value_size(map, value_size);
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
        // rodata belongs to one load; scratch and pace hold nothing worth keeping
        if (name.find('.') != std::string::npos || name == "scratch" || name == "pace")
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
    fit_sources(skeleton->maps.sources, options);
    if (!options.pin_dir.empty())
        pin_maps(skeleton->obj, options.pin_dir);
    skeleton->rodata->log_capacity =
        (::bpf_map__value_size(skeleton->maps.sources) - SLUICE_SOURCE_SIZE(0)) / 8;
    skeleton->rodata->time_in_metadata = options.time_in_metadata ? 1 : 0;
    if (const int error = sluice_bpf__load(skeleton.get()); error != 0)
        throw SystemError("load", "BPF program (" + tail_of(libbpf_said) + ")", error);

    Program program;
    program.program_ = duplicate(::bpf_program__fd(skeleton->progs.sluice), "program");
    program.maps_ = KernelMaps::open([&](const char* name) {
        bpf_map* map = ::bpf_object__find_map_by_name(skeleton->obj, name);
        if (map == nullptr)
            throw SystemError("find map", name, ENOENT);
        return duplicate(::bpf_map__fd(map), name);
    });
    return program;
}

} // namespace sluice
