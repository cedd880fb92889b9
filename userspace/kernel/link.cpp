// SPDX-License-Identifier: GPL-2.0-or-later
// bpf_link rather than netlink attach: nobody removes it by accident (`ip link set X xdp off` is
// refused), and its program is exchanged atomically.
#include "kernel/link.hpp"

#include "core/refusal.hpp"
#include "kernel/errors.hpp"
#include "kernel/fd.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <filesystem>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

namespace sluice {
namespace {

std::string link_path(const std::string& pin_dir, const std::string& pin) {
    return pin_dir + "/links/" + pin;
}

std::uint32_t link_device(int link) {
    bpf_link_info info{};
    std::uint32_t size = sizeof(info);
    if (::bpf_obj_get_info_by_fd(link, &info, &size) != 0)
        throw SystemError("read info of", "XDP link", errno);
    return info.xdp.ifindex;
}

std::string program_name(std::uint32_t id) {
    const Fd program(::bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    std::uint32_t size = sizeof(info);
    if (!program || ::bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0)
        return "id " + std::to_string(id);
    return "\"" + std::string(info.name) + "\" (id " + std::to_string(id) + ")";
}

std::uint32_t flags_of(XdpChoice choice) {
    return choice == XdpChoice::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

Fd create_link(int program, const Device& device, XdpChoice choice) {
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags_of(choice));
    return Fd(::bpf_link_create(program, static_cast<int>(device.index), BPF_XDP, &options));
}

[[noreturn]] void refuse(const Device& device, XdpChoice choice, int error) {
    if (error == EBUSY || error == EEXIST) {
        const auto now = find_device(list_devices(), device.name);
        throw Refusal(device.name + " carries another XDP program" +
                      (now && now->xdp_program != 0 ? " " + program_name(now->xdp_program) : "") +
                      "; sluice displaces none: remove it first (ip link set " + device.name +
                      " xdp off), or attach another interface");
    }
    throw SystemError(std::string("attach ") + (choice == XdpChoice::generic ? "generic" : "native") +
                          " XDP to",
                      device.name, error);
}

std::string attached_how(std::uint32_t index) {
    for (const Device& device : list_devices())
        if (device.index == index)
            return device.xdp;
    return "none";
}

void pin_link(int link, const std::string& pin_dir, const std::string& pin) {
    std::error_code error;
    std::filesystem::create_directories(pin_dir + "/links", error);
    if (error)
        throw SystemError("create directory", pin_dir + "/links", error.value());
    const std::string path = link_path(pin_dir, pin);
    if (::bpf_obj_pin(link, path.c_str()) != 0)
        throw SystemError("pin link", path, errno);
}

} // namespace

std::vector<Attachment> attachments(const std::string& pin_dir) {
    std::vector<Attachment> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(pin_dir + "/links", error)) {
        const Fd link(check(::bpf_obj_get(entry.path().c_str()), "open pin", entry.path().string()));
        Attachment attachment;
        attachment.pin = entry.path().filename().string();
        attachment.index = link_device(link.get());
        char name[IF_NAMESIZE]{};
        if (attachment.index != 0 && ::if_indextoname(attachment.index, name) != nullptr)
            attachment.name = name;
        attachment.xdp = attachment.name.empty() ? "none" : attached_how(attachment.index);
        found.push_back(attachment);
    }
    return found;
}

Attachment attach_device(const std::string& pin_dir, int program, const Device& device, XdpChoice choice) {
    Attachment result{device.name, device.index, "", device.name, false};
    for (const Attachment& old : attachments(pin_dir)) {
        if (old.name.empty()) {
            detach_device(pin_dir, old); // its device is gone
            continue;
        }
        if (old.index != device.index)
            continue;
        const std::string path = link_path(pin_dir, old.pin);
        const Fd link(check(::bpf_obj_get(path.c_str()), "open pin", path));
        if (::bpf_link_update(link.get(), program, nullptr) != 0)
            throw SystemError("replace program on", device.name, errno);
        result.pin = old.pin;
        result.xdp = old.xdp;
        return result;
    }
    Fd link = create_link(program, device, choice);
    if (!link && choice == XdpChoice::automatic && errno != EBUSY && errno != EEXIST)
        link = create_link(program, device, XdpChoice::generic);
    if (!link)
        refuse(device, choice, errno);
    pin_link(link.get(), pin_dir, result.pin);
    result.xdp = attached_how(device.index);
    result.fresh = true;
    return result;
}

void detach_device(const std::string& pin_dir, const Attachment& attachment) {
    const std::string path = link_path(pin_dir, attachment.pin);
    const Fd link(check(::bpf_obj_get(path.c_str()), "open pin", path));
    // first, because on old kernels the device is not free before the last reference has gone
    if (attachment.index != 0 && ::bpf_link_detach(link.get()) != 0)
        throw SystemError("detach from", attachment.name, errno);
    if (::unlink(path.c_str()) != 0)
        throw SystemError("remove pin", path, errno);
}

void attach_sockets(const std::string& pin_dir, int program) {
    const std::string path = pin_dir + "/sockets";
    const std::string fresh = path + "_new";
    const Fd link(check(::bpf_raw_tracepoint_open(nullptr, program), "attach program to",
                        "tracepoint inet_sock_set_state"));
    ::unlink(fresh.c_str());
    if (::bpf_obj_pin(link.get(), fresh.c_str()) != 0)
        throw SystemError("pin link", fresh, errno);
    // for a moment both see each handshake; the first to take its cell in map `elsewhere` counts it
    ::unlink(path.c_str());
    if (::rename(fresh.c_str(), path.c_str()) != 0)
        throw SystemError("rename pin", fresh, errno);
}

} // namespace sluice
