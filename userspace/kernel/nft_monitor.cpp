// SPDX-License-Identifier: GPL-2.0-or-later
// Notifications to events. Every nf_tables message names its table in its first attribute and
// its set or chain in the second or third, which is all that is read of it.
#include "kernel/nft_monitor.hpp"

#include "kernel/errors.hpp"

#include <libmnl/libmnl.h>

#include <cerrno>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <optional>
#include <string_view>
#include <sys/socket.h>

namespace sluice {
namespace {

constexpr int buffer_bytes = 4 << 20;

struct Shape {
    NftEventKind kind;
    std::uint16_t table_attribute;
    std::uint16_t name_attribute;
};

std::optional<Shape> shape_of(std::uint8_t message) {
    using enum NftEventKind;
    switch (message) {
    case NFT_MSG_DELTABLE:
        return Shape{table_deleted, NFTA_TABLE_NAME, NFTA_TABLE_NAME};
    case NFT_MSG_DELSET:
        return Shape{set_deleted, NFTA_SET_TABLE, NFTA_SET_NAME};
    case NFT_MSG_DELCHAIN:
        return Shape{chain_deleted, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME};
    case NFT_MSG_DELRULE:
        return Shape{rule_deleted, NFTA_RULE_TABLE, NFTA_RULE_CHAIN};
    case NFT_MSG_DELSETELEM:
        return Shape{elements_deleted, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET};
    case NFT_MSG_NEWTABLE:
        return Shape{other, NFTA_TABLE_NAME, NFTA_TABLE_NAME};
    case NFT_MSG_NEWCHAIN:
        return Shape{other, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME};
    case NFT_MSG_NEWRULE:
        return Shape{other, NFTA_RULE_TABLE, NFTA_RULE_CHAIN};
    case NFT_MSG_NEWSET:
        return Shape{other, NFTA_SET_TABLE, NFTA_SET_NAME};
    case NFT_MSG_NEWSETELEM:
        return Shape{other, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET};
    case NFT_MSG_NEWOBJ:
    case NFT_MSG_DELOBJ:
        return Shape{other, NFTA_OBJ_TABLE, NFTA_OBJ_NAME};
    default: // the generation that closes every transaction, flow tables, traces
        return std::nullopt;
    }
}

std::string_view text_attribute(const nlmsghdr* message, std::uint16_t type) {
    struct Search {
        std::uint16_t type;
        std::string_view found;
    } search{type, {}};
    mnl_attr_parse(
        message, sizeof(nfgenmsg),
        [](const nlattr* attribute, void* data) {
            auto& wanted = *static_cast<Search*>(data);
            if (mnl_attr_get_type(attribute) == wanted.type &&
                mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
                wanted.found = mnl_attr_get_str(attribute);
            return MNL_CB_OK;
        },
        &search);
    return search.found;
}

// What one message tells about `table`, if anything.
std::optional<NftEvent> to_event(const nlmsghdr* message, std::string_view table) {
    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
        mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg))
        return std::nullopt;
    const auto* generic = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(message));
    const auto shape = shape_of(static_cast<std::uint8_t>(message->nlmsg_type & 0xff));
    if (!shape || generic->nfgen_family != NFPROTO_INET ||
        text_attribute(message, shape->table_attribute) != table)
        return std::nullopt;
    return NftEvent{shape->kind, std::string(text_attribute(message, shape->name_attribute)),
                    message->nlmsg_pid};
}

} // namespace

NftMonitor::NftMonitor(std::string table)
    : fd_(check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER), "socket",
                "nf_tables notifications")),
      table_(std::move(table)), buffer_(std::size_t{64} * 1024) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    check(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind",
          "nf_tables notifications");
    const int group = NFNLGRP_NFTABLES;
    check(setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group), "join",
          "nf_tables notifications");
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
}

std::vector<NftEvent> NftMonitor::read(std::uint32_t own) {
    std::vector<NftEvent> events;
    const auto tell = [&](NftEvent event) {
        if (events.empty() || events.back().kind != event.kind || events.back().object != event.object)
            events.push_back(std::move(event));
    };
    for (;;) {
        const ssize_t got = recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == ENOBUFS) {
            tell({NftEventKind::lost, "", 0});
            continue;
        }
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return events;
        check(got, "receive", "nf_tables notifications");
        int left = static_cast<int>(got);
        for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
             mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            auto event = to_event(message, table_);
            if (event && event->port_id != own)
                tell(std::move(*event));
        }
    }
}

} // namespace sluice
