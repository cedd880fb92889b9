// SPDX-License-Identifier: GPL-2.0-or-later
// Netlink is synchronous: when sendmsg returns, the transaction is decided and its replies are
// queued here. So a commit is one send, then reading until the queue is empty.
#include "kernel/nft_socket.hpp"

#include "kernel/errors.hpp"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>

namespace sluice {
namespace {

constexpr std::size_t receive_size = std::size_t{256} * 1024;
constexpr int dump_tries = 16;
constexpr int reply_wait_ms = 10'000;

// Best effort: without CAP_NET_ADMIN the plain option is bounded, and then send says so itself.
void set_buffer(int fd, int forced, int plain, std::size_t bytes) {
    const int size = static_cast<int>(std::min<std::size_t>(bytes, 1U << 29));
    if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

// errno of an error or end-of-dump message, positive; 0 is an acknowledgement.
int error_of(const nlmsghdr* message) {
    if (mnl_nlmsg_get_payload_len(message) < sizeof(int))
        return message->nlmsg_type == NLMSG_DONE ? 0 : EBADMSG;
    int error = 0;
    std::memcpy(&error, mnl_nlmsg_get_payload(message), sizeof error);
    return error < 0 ? -error : error;
}

// Bytes received, or -errno; EINTR is tried again, a message cut short is EMSGSIZE.
ssize_t receive(int fd, std::vector<std::uint8_t>& buffer, int flags) {
    for (;;) {
        const ssize_t got = recv(fd, buffer.data(), buffer.size(), flags | MSG_TRUNC);
        if (got >= 0)
            return static_cast<std::size_t>(got) > buffer.size() ? -EMSGSIZE : got;
        if (errno != EINTR)
            return -errno;
    }
}

template <typename Each>
void for_each_message(const std::vector<std::uint8_t>& buffer, ssize_t size, Each each) {
    int left = static_cast<int>(size);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left))
        each(message);
}

} // namespace

NftSocket::NftSocket()
    : fd_(check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), "socket",
                "netfilter netlink")),
      buffer_(receive_size) {
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    check(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), "bind",
          "netfilter netlink");
    socklen_t length = sizeof address;
    check(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length), "getsockname",
          "netfilter netlink");
    port_id_ = address.nl_pid;
    // Errors come without the whole message that caused them. Old kernels do without.
    const int on = 1;
    setsockopt(fd_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    set_buffer(fd_.get(), SO_RCVBUFFORCE, SO_RCVBUF, 4U << 20);
}

void NftSocket::send(std::span<const std::uint8_t> bytes) {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    for (;;) {
        const ssize_t sent = sendto(fd_.get(), bytes.data(), bytes.size(), 0,
                                    reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
        if (sent >= 0)
            return;
        if (errno != EINTR) {
            const int error = errno;
            throw SystemError("send", "nf_tables request", error);
        }
    }
}

void NftSocket::commit(NftBatch& batch) {
    const std::vector<NftRefusal> refused = try_commit(batch);
    if (!refused.empty())
        throw SystemError("nft", batch.describe(refused.front().sequence), refused.front().error);
}

std::vector<NftRefusal> NftSocket::try_commit(NftBatch& batch) {
    if (batch.commands() == 0)
        return {};
    const auto bytes = batch.finish();
    // The whole transaction is one datagram; each refusal that may come back costs about 1 KiB.
    set_buffer(fd_.get(), SO_SNDBUFFORCE, SO_SNDBUF, bytes.size() + std::size_t{64} * 1024);
    set_buffer(fd_.get(), SO_RCVBUFFORCE, SO_RCVBUF, (4U << 20) + std::size_t{1024} * batch.commands());
    while (receive(fd_.get(), buffer_, MSG_DONTWAIT) >= 0) { // leftovers of a request given up
    }
    send(bytes);
    return drain(batch.commands());
}

std::vector<NftRefusal> NftSocket::drain(std::uint32_t last_sequence) {
    std::vector<NftRefusal> refused;
    bool acknowledged = false;
    for (;;) {
        const ssize_t got = receive(fd_.get(), buffer_, MSG_DONTWAIT);
        if (got == -EAGAIN && (acknowledged || !refused.empty()))
            return refused;
        if (got == -EAGAIN) {
            pollfd waiting{fd_.get(), POLLIN, 0};
            if (poll(&waiting, 1, reply_wait_ms) == 0)
                throw SystemError("await", "nf_tables reply", ETIMEDOUT);
            continue;
        }
        // More refusals than the buffer holds: the transaction failed, and the first are known.
        if (got == -ENOBUFS && !refused.empty())
            continue;
        if (got < 0)
            throw SystemError("receive", "nf_tables reply", static_cast<int>(got));
        for_each_message(buffer_, got, [&](const nlmsghdr* message) {
            if (message->nlmsg_type != NLMSG_ERROR || message->nlmsg_pid != port_id_)
                return;
            if (const int error = error_of(message); error != 0)
                refused.push_back({message->nlmsg_seq, error});
            else if (message->nlmsg_seq == last_sequence)
                acknowledged = true;
        });
    }
}

bool NftSocket::request(std::uint16_t type, std::uint16_t flags, const char* what, const Build& build,
                        const std::function<void()>& restart,
                        const std::function<void(const nlmsghdr*)>& each) {
    int error = 0;
    for (int tries = 0; tries < dump_tries; ++tries) {
        restart();
        const std::uint32_t sequence = ++sequence_;
        std::vector<std::uint8_t> message(MNL_SOCKET_BUFFER_SIZE);
        nlmsghdr* header = nftnl_nlmsg_build_hdr(reinterpret_cast<char*>(message.data()), type, NFPROTO_INET,
                                                 static_cast<std::uint16_t>(flags | NLM_F_ACK), sequence);
        build(header);
        send({message.data(), header->nlmsg_len});
        bool interrupted = false;
        std::optional<int> done;
        while (!done) {
            const ssize_t got = receive(fd_.get(), buffer_, 0);
            if (got < 0) {
                done = static_cast<int>(-got);
                break;
            }
            for_each_message(buffer_, got, [&](const nlmsghdr* reply) {
                if (reply->nlmsg_seq != sequence || reply->nlmsg_pid != port_id_)
                    return;
                interrupted = interrupted || (reply->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
                if (reply->nlmsg_type == NLMSG_ERROR || reply->nlmsg_type == NLMSG_DONE)
                    done = error_of(reply);
                else if (reply->nlmsg_type >= NLMSG_MIN_TYPE)
                    each(reply);
            });
        }
        error = *done;
        if (interrupted || error == EINTR || error == EAGAIN || error == ENOBUFS) {
            error = error == 0 ? EINTR : error;
            continue;
        }
        if (error == ENOENT)
            return false;
        if (error == 0)
            return true;
        break;
    }
    throw SystemError("nft list", what, error);
}

std::uint32_t NftSocket::generation() {
    std::uint32_t generation = 0;
    request(
        NFT_MSG_GETGEN, 0, "generation", [](nlmsghdr*) {}, [] {},
        [&](const nlmsghdr* reply) {
            mnl_attr_parse(
                reply, sizeof(nfgenmsg),
                [](const nlattr* attribute, void* data) {
                    if (mnl_attr_get_type(attribute) == NFTA_GEN_ID)
                        *static_cast<std::uint32_t*>(data) = ntohl(mnl_attr_get_u32(attribute));
                    return MNL_CB_OK;
                },
                &generation);
        });
    return generation;
}

} // namespace sluice
