// SPDX-License-Identifier: GPL-2.0-or-later
// Two dumps (links, routes) and what follows from them.
#include "kernel/devices.hpp"

#include "core/refusal.hpp"
#include "kernel/errors.hpp"
#include "kernel/handle.hpp"

#include <algorithm>
#include <fnmatch.h>
#include <functional>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace sluice {
namespace {

using MnlSocket = Handle<mnl_socket, mnl_socket_close>;
using Each = std::function<void(const nlmsghdr*)>;

int deliver(const nlmsghdr* message, void* each) {
    (*static_cast<const Each*>(each))(message);
    return MNL_CB_OK;
}

using EachAttribute = std::function<void(const nlattr*)>;

int deliver_attribute(const nlattr* attribute, void* each) {
    (*static_cast<const EachAttribute*>(each))(attribute);
    return MNL_CB_OK;
}

void for_attributes(const nlmsghdr* message, unsigned int offset, const EachAttribute& each) {
    (void)::mnl_attr_parse(message, offset, deliver_attribute, const_cast<EachAttribute*>(&each));
}

void for_nested(const nlattr* nest, const EachAttribute& each) {
    (void)::mnl_attr_parse_nested(nest, deliver_attribute, const_cast<EachAttribute*>(&each));
}

template <typename Header>
void dump(std::uint16_t type, unsigned char family, const char* what, const Each& each) {
    const MnlSocket socket(::mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!socket || ::mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        throw SystemError("open", "rtnetlink socket", errno);
    alignas(nlmsghdr) char buffer[32768];
    nlmsghdr* request = ::mnl_nlmsg_put_header(buffer);
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = 1;
    auto* header = static_cast<Header*>(::mnl_nlmsg_put_extra_header(request, sizeof(Header)));
    reinterpret_cast<unsigned char&>(*header) = family; // the first byte of each of them
    if (::mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0)
        throw SystemError("dump", what, errno);
    int result = MNL_CB_OK;
    while (result > MNL_CB_STOP) {
        const ssize_t size = ::mnl_socket_recvfrom(socket.get(), buffer, sizeof(buffer));
        if (size < 0)
            throw SystemError("dump", what, errno);
        result = ::mnl_cb_run(buffer, static_cast<std::size_t>(size), 1,
                              ::mnl_socket_get_portid(socket.get()), deliver, const_cast<Each*>(&each));
        if (result < 0)
            throw SystemError("dump", what, errno);
    }
}

void read_xdp(const nlattr* nest, Device& device) {
    for_nested(nest, [&](const nlattr* attribute) {
        if (::mnl_attr_get_type(attribute) == IFLA_XDP_PROG_ID)
            device.xdp_program = ::mnl_attr_get_u32(attribute);
        if (::mnl_attr_get_type(attribute) != IFLA_XDP_ATTACHED)
            return;
        switch (::mnl_attr_get_u8(attribute)) {
        case XDP_ATTACHED_DRV:
            device.xdp = "native";
            break;
        case XDP_ATTACHED_SKB:
            device.xdp = "generic";
            break;
        case XDP_ATTACHED_HW:
            device.xdp = "offloaded";
            break;
        default:
            break;
        }
    });
}

Device read_device(const nlmsghdr* message) {
    const auto* header = static_cast<const ifinfomsg*>(::mnl_nlmsg_get_payload(message));
    Device device;
    device.index = static_cast<std::uint32_t>(header->ifi_index);
    device.up = (header->ifi_flags & IFF_UP) != 0;
    device.ethernet = header->ifi_type == ARPHRD_ETHER || header->ifi_type == ARPHRD_LOOPBACK;
    device.xdp = "none";
    bool other_namespace = false; // then IFLA_LINK is an index over there (a veth's peer)
    std::uint32_t link = 0;
    for_attributes(message, sizeof(*header), [&](const nlattr* attribute) {
        switch (::mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
            device.name = ::mnl_attr_get_str(attribute);
            break;
        case IFLA_LINK:
            link = ::mnl_attr_get_u32(attribute);
            break;
        case IFLA_LINK_NETNSID:
            other_namespace = true;
            break;
        case IFLA_MASTER:
            device.upper = ::mnl_attr_get_u32(attribute);
            break;
        case IFLA_XDP:
            read_xdp(attribute, device);
            break;
        default:
            break;
        }
    });
    if (!other_namespace && link != device.index)
        device.lower = link;
    return device;
}

// The chain of devices that a packet on `device` climbs, itself first.
std::vector<std::uint32_t> above(const std::vector<Device>& devices, std::uint32_t index) {
    std::vector<std::uint32_t> chain{index};
    for (std::size_t i = 0; i < chain.size(); i++) {
        const auto add = [&](std::uint32_t next) {
            if (next != 0 && std::find(chain.begin(), chain.end(), next) == chain.end())
                chain.push_back(next);
        };
        for (const Device& device : devices) {
            if (device.index == chain[i])
                add(device.upper);
            // a veth names its peer as its link, and the peer names it: no stack
            const bool peer = std::any_of(devices.begin(), devices.end(), [&](const Device& other) {
                return other.index == device.lower && other.lower == device.index;
            });
            if (device.lower == chain[i] && !peer)
                add(device.index);
        }
    }
    return chain;
}

void refuse_stacks(const std::vector<Device>& all, const std::vector<Device>& chosen) {
    for (const Device& low : chosen) {
        const std::vector<std::uint32_t> chain = above(all, low.index);
        for (const Device& high : chosen) {
            if (high.index != low.index && std::find(chain.begin(), chain.end(), high.index) != chain.end())
                throw Refusal(high.name + " stands on " + low.name +
                              ": each packet would be counted on both; name one of the two");
        }
    }
}

} // namespace

std::vector<Device> list_devices() {
    std::vector<Device> devices;
    dump<ifinfomsg>(RTM_GETLINK, AF_UNSPEC, "network devices",
                    [&](const nlmsghdr* message) { devices.push_back(read_device(message)); });
    return devices;
}

std::vector<std::uint32_t> default_route_devices() {
    std::vector<std::uint32_t> indices;
    const auto read = [&](const nlmsghdr* message) {
        const auto* header = static_cast<const rtmsg*>(::mnl_nlmsg_get_payload(message));
        if (header->rtm_dst_len != 0 || header->rtm_type != RTN_UNICAST || header->rtm_table != RT_TABLE_MAIN)
            return;
        for_attributes(message, sizeof(*header), [&](const nlattr* attribute) {
            if (::mnl_attr_get_type(attribute) != RTA_OIF)
                return;
            const std::uint32_t index = ::mnl_attr_get_u32(attribute);
            if (std::find(indices.begin(), indices.end(), index) == indices.end())
                indices.push_back(index);
        });
    };
    dump<rtmsg>(RTM_GETROUTE, AF_INET, "routes", read);
    dump<rtmsg>(RTM_GETROUTE, AF_INET6, "routes", read);
    return indices;
}

std::optional<Device> find_device(const std::vector<Device>& devices, const std::string& name) {
    const auto found = std::find_if(devices.begin(), devices.end(),
                                    [&](const Device& device) { return device.name == name; });
    return found == devices.end() ? std::nullopt : std::optional<Device>(*found);
}

std::vector<std::string> names_upwards(const std::vector<Device>& devices, std::uint32_t index) {
    std::vector<std::string> names;
    for (const std::uint32_t each : above(devices, index))
        for (const Device& device : devices)
            if (device.index == each)
                names.push_back(device.name);
    return names;
}

std::vector<Device> resolve_interfaces(const std::vector<std::string>& wanted) {
    const std::vector<Device> all = list_devices();
    std::vector<Device> chosen;
    const auto choose = [&](const Device& device) {
        if (!device.ethernet)
            throw Refusal(device.name +
                          " has no Ethernet header (PPP, tunnel): XDP cannot read its packets; attach "
                          "the device below it");
        if (!find_device(chosen, device.name))
            chosen.push_back(device);
    };
    for (const std::string& want : wanted) {
        if (want == "auto") {
            const std::vector<std::uint32_t> routes = default_route_devices();
            if (routes.empty())
                throw Refusal("interfaces = \"auto\" finds no default route; name the interface");
            for (const Device& device : all)
                if (std::find(routes.begin(), routes.end(), device.index) != routes.end())
                    choose(device);
            continue;
        }
        const bool glob = want.find_first_of("*?[") != std::string::npos;
        bool matched = false;
        for (const Device& device : all) {
            // a glob means real links: lo is never meant by "*"
            if (glob ? device.name != "lo" && ::fnmatch(want.c_str(), device.name.c_str(), 0) == 0
                     : device.name == want) {
                choose(device);
                matched = true;
            }
        }
        if (!matched && !glob)
            throw Refusal("there is no interface " + want + "; `ip link` lists them");
    }
    refuse_stacks(all, chosen);
    return chosen;
}

} // namespace sluice
