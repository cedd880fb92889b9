// SPDX-License-Identifier: GPL-2.0-or-later
// Plan first (parse, compile, resolve), then the kernel: what can be refused is refused before
// anything has changed.
#include "app/bring_up.hpp"

#include "app/config_source.hpp"
#include "core/refusal.hpp"
#include "core/table_sizes.hpp"
#include "kernel/clock.hpp"
#include "kernel/errors.hpp"
#include "kernel/pins.hpp"
#include "kernel/policy_loader.hpp"

#include <algorithm>

namespace sluice {

Config load_config_or_defaults(const std::string& path) {
    if (path == default_config_path && !config_is_written(path))
        return parse_config({}, [](const std::string&) { return std::string(); });
    return load_config(path);
}

PolicyImage plan_policy(const KernelMaps& maps, const Config& config) {
    return compile_policy(config, read_names(maps));
}

namespace {

// Whether the pinned table cannot hold what the configuration asks for, or is of another size. One with
// longer logs than needed stays: counts outweigh a little memory.
bool asks_for_other_table(const KernelMaps& maps, const TableSizes& wanted) {
    return wanted.log_capacity > maps.sources.log_capacity() || wanted.sources != maps.sources.capacity();
}

// Until when a source that is not in the new table may still matter by what the old one holds.
void begin_moving(KernelMaps& maps) {
    sluice_control control = maps.control.at(0);
    control.moving_until_ns = boottime_ns() + control.retention_ns;
    maps.control.put(0, control);
}

void replace_on_links(const std::string& pin_dir, int program) {
    const std::vector<Device> devices = list_devices();
    for (const Attachment& attachment : attachments(pin_dir))
        if (const auto device = find_device(devices, attachment.name))
            (void)attach_device(pin_dir, program, *device, XdpChoice::automatic);
}

} // namespace

Loaded load_program(const std::string& pin_dir, const Config& config) {
    const TableSizes wanted = table_sizes(config);
    bool moving = false;
    if (is_pinned(pin_dir)) {
        const KernelMaps maps = KernelMaps::open_pinned(pin_dir);
        check_identity(maps);
        moving = asks_for_other_table(maps, wanted);
        if (moving)
            set_table_aside(pin_dir);
        else if (wanted.larges > maps.sources.large_blocks())
            forget_larges(pin_dir);
    }
    Loaded loaded = [&] {
        try {
            return Loaded{
                Program::load(
                    {.sizes = wanted, .time_in_metadata = false, .watch_sockets = true, .pin_dir = pin_dir}),
                {}};
        } catch (...) {
            if (moving)
                put_table_back(pin_dir);
            throw;
        }
    }();
    write_identity(loaded.program.maps());
    if (moving) {
        // before any policy that only the new table can hold
        begin_moving(loaded.program.maps());
        replace_on_links(pin_dir, loaded.program.fd());
    }
    if (loaded.program.sockets_fd() >= 0)
        attach_sockets(pin_dir, loaded.program.sockets_fd());
    return loaded;
}

Loaded load_with_policy(const std::string& pin_dir, const Config& config) {
    Loaded loaded = load_program(pin_dir, config);
    loaded.image = plan_policy(loaded.program.maps(), config);
    load_policy(loaded.program.maps(), loaded.image, boottime_ns());
    return loaded;
}

bool needs_other_program(const KernelMaps& maps, const Config& config) {
    const TableSizes wanted = table_sizes(config);
    return asks_for_other_table(maps, wanted) || wanted.larges > maps.sources.large_blocks();
}

std::vector<Attachment> attach_all(const std::string& pin_dir, int program,
                                   const std::vector<Device>& devices, XdpChoice choice) {
    std::vector<Attachment> attached;
    try {
        for (const Device& device : devices)
            attached.push_back(attach_device(pin_dir, program, device, choice));
    } catch (...) {
        for (const Attachment& attachment : attached)
            if (attachment.fresh)
                detach_device(pin_dir, attachment);
        throw;
    }
    return attached;
}

std::string describe(const std::vector<Attachment>& attached) {
    std::string text;
    for (const Attachment& attachment : attached) {
        if (!text.empty())
            text += ", ";
        text += attachment.name + " (" + attachment.xdp +
                (attachment.xdp == "generic" ? ": slower than native" : "") + ")";
    }
    return text;
}

bool names_interface(const Config& config, const std::string& name) {
    return find_device(resolve_interfaces(config.interfaces), name).has_value();
}

std::vector<std::string> attached_names(const std::string& pin_dir) {
    std::vector<std::string> names;
    for (const Attachment& attachment : attachments(pin_dir))
        if (!attachment.name.empty())
            names.push_back(attachment.name);
    return names;
}

std::vector<std::string> arrival_names(const std::string& pin_dir) {
    const std::vector<Device> devices = list_devices();
    std::vector<std::string> names;
    for (const Attachment& attachment : attachments(pin_dir))
        for (const std::string& name : names_upwards(devices, attachment.index))
            if (std::find(names.begin(), names.end(), name) == names.end())
                names.push_back(name);
    return names;
}

} // namespace sluice
