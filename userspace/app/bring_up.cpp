// SPDX-License-Identifier: GPL-2.0-or-later
// Plan first (parse, compile, resolve), then the kernel: what can be refused is refused before
// anything has changed.
#include "app/bring_up.hpp"

#include "app/config_source.hpp"
#include "core/refusal.hpp"
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
    PolicyImage image = compile_policy(config, read_names(maps));
    if (image.largest_limit > maps.sources.log_capacity())
        throw Refusal("the table was made for limits up to " + std::to_string(maps.sources.log_capacity()) +
                      ", the configuration asks for " + std::to_string(image.largest_limit) +
                      "; run `sluice detach` and start again (counts begin anew)");
    return image;
}

Loaded load_program(const std::string& pin_dir, const Config& config) {
    if (is_pinned(pin_dir))
        check_identity(KernelMaps::open_pinned(pin_dir));
    Loaded loaded{Program::load({.sources = config.table_sources,
                                 .log_capacity = SLUICE_MAX_LIMIT,
                                 .time_in_metadata = false,
                                 .pin_dir = pin_dir}),
                  {}};
    write_identity(loaded.program.maps());
    return loaded;
}

Loaded load_with_policy(const std::string& pin_dir, const Config& config) {
    Loaded loaded = load_program(pin_dir, config);
    loaded.image = plan_policy(loaded.program.maps(), config);
    load_policy(loaded.program.maps(), loaded.image);
    return loaded;
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
