// SPDX-License-Identifier: GPL-2.0-or-later
// The namespace is made once per process, by main(); each test begins with no ruleset but the
// probe table, which counts what comes out behind sluice's hook.
#include "support.hpp"

#include "kernel/errors.hpp"
#include "kernel/fd.hpp"

#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <vector>

namespace sluice::test {
namespace {

constexpr const char* probe_table =
    "table inet probe { counter behind { }; chain c { type filter hook prerouting priority -250; "
    "tcp flags & (syn|ack) == syn tcp dport { 25, 80, 465, 587 } counter name behind; }; }";

std::vector<Fd>& listeners() {
    static std::vector<Fd> list;
    return list;
}

void listen_on(std::uint16_t port) {
    Fd fd(check(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in6 local{};
    local.sin6_family = AF_INET6;
    local.sin6_port = htons(port);
    check(bind(fd.get(), reinterpret_cast<sockaddr*>(&local), sizeof local), "bind");
    check(listen(fd.get(), 4096), "listen");
    listeners().push_back(std::move(fd));
}

// Any address of the text's family.
socklen_t socket_address(const char* text, std::uint16_t port, sockaddr_storage& out) {
    out = {};
    if (std::strchr(text, ':') != nullptr) {
        auto& in6 = reinterpret_cast<sockaddr_in6&>(out);
        in6.sin6_family = AF_INET6;
        in6.sin6_port = htons(port);
        inet_pton(AF_INET6, text, &in6.sin6_addr);
        return sizeof in6;
    }
    auto& in4 = reinterpret_cast<sockaddr_in&>(out);
    in4.sin_family = AF_INET;
    in4.sin_port = htons(port);
    inet_pton(AF_INET, text, &in4.sin_addr);
    return sizeof in4;
}

std::uint32_t sum(const void* data, std::size_t size, std::uint32_t start = 0) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    for (std::size_t i = 0; i + 1 < size; i += 2)
        start += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    return start;
}

std::uint16_t folded(std::uint32_t value) {
    while (value >> 16)
        value = (value & 0xffff) + (value >> 16);
    return static_cast<std::uint16_t>(~value);
}

} // namespace

std::uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

Prefix prefix(const char* text) {
    return parse_prefix(text).prefix.value();
}
Address address(const char* text) {
    return parse_address(text).value();
}

std::string run(const std::string& command) {
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer{};
    for (std::size_t got; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        output.append(buffer.data(), got);
    const int status = pclose(pipe);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << ": " << output;
    return output;
}

std::string listing() {
    return run("nft list table inet sluice");
}

bool eventually(const std::function<bool()>& condition) {
    const std::uint64_t end = in(std::chrono::seconds(10));
    while (!condition()) {
        if (now_ns() > end)
            return false;
        poll(nullptr, 0, 1);
    }
    return true;
}

void NftTest::SetUp() {
    run("nft flush ruleset");
    run(std::string("nft '") + probe_table + "'");
}

void NftTest::TearDown() {
    run("nft flush ruleset");
}

NftDesign NftTest::design() {
    NftDesign design;
    design.interfaces = {"lo"};
    design.services = {{"smtp", {25}}, {"submission", {465, 587}}};
    design.classes = {"default", "customers"};
    design.prefixes4 = {120, 128};
    design.prefixes6 = {64, 128};
    design.log_prefix = "SMTP_IN: LIMIT EXCEEDED:: ";
    design.sample_secret = 0x12345678;
    design.capacity = 1000;
    return design;
}

NftContent NftTest::enforced() {
    NftContent content;
    content.gate.enforced = true;
    return content;
}

std::uint64_t NftTest::passed() {
    const std::string text = run("nft list counter inet probe behind");
    const auto at = text.find("packets ");
    return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 8, nullptr, 10);
}

Fate NftTest::connect_from(const char* source, std::uint16_t port) {
    sockaddr_storage local{};
    sockaddr_storage remote{};
    const bool v6 = std::strchr(source, ':') != nullptr;
    const socklen_t size = socket_address(source, 0, local);
    socket_address(v6 ? "::1" : "127.0.0.1", port, remote);
    const Fd fd(check(socket(local.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    check(bind(fd.get(), reinterpret_cast<sockaddr*>(&local), size), "bind", source);
    // The first SYN goes through the hooks inside connect(): the loopback is in no hurry, but a
    // connection that is not refused is there within moments.
    const std::uint64_t before = passed();
    connect(fd.get(), reinterpret_cast<sockaddr*>(&remote), size);
    pollfd waiting{fd.get(), POLLOUT, 0};
    while (poll(&waiting, 1, 100) == 0)
        if (passed() == before)
            return Fate::dropped;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    EXPECT_EQ(error, 0) << source << " to port " << port;
    const linger reset{1, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return Fate::connected;
}

void NftTest::send_segment(const char* source, std::uint16_t port, std::uint8_t flags,
                           std::uint32_t sequence) {
    thread_local const Fd fd(check(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), "raw socket"));
    struct {
        iphdr ip{};
        tcphdr tcp{};
    } packet;
    packet.ip.version = 4;
    packet.ip.ihl = 5;
    packet.ip.ttl = 64;
    packet.ip.protocol = IPPROTO_TCP;
    packet.ip.tot_len = htons(sizeof packet);
    inet_pton(AF_INET, source, &packet.ip.saddr);
    inet_pton(AF_INET, "127.0.0.1", &packet.ip.daddr);
    packet.tcp.source = htons(40'000);
    packet.tcp.dest = htons(port);
    packet.tcp.seq = htonl(sequence);
    packet.tcp.doff = 5;
    packet.tcp.th_flags = flags;
    packet.tcp.window = htons(1024);
    const std::uint32_t pseudo = sum(&packet.ip.saddr, 8, IPPROTO_TCP + sizeof packet.tcp);
    packet.tcp.check = htons(folded(sum(&packet.tcp, sizeof packet.tcp, pseudo)));
    sockaddr_storage remote{};
    const socklen_t size = socket_address("127.0.0.1", 0, remote);
    check(sendto(fd.get(), &packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&remote), size), "send");
}

} // namespace sluice::test

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests))
        return RUN_ALL_TESTS();
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) {
        std::puts("skipped: needs root for a network namespace of its own");
        return 77;
    }
    sluice::test::run(
        "ip link set lo up && ip addr add 192.0.2.66/32 dev lo && ip addr add 192.0.2.67/32 dev lo && "
        "ip addr add 198.51.100.7/32 dev lo && ip addr add 203.0.113.9/32 dev lo && "
        "ip -6 addr add 2001:db8:0:1::5/128 dev lo nodad && "
        "ip -6 addr add 2001:db8:0:1::6/128 dev lo nodad && "
        "ip -6 addr add 2001:db8:0:2::6/128 dev lo nodad");
    for (const int port : {25, 80, 465, 587})
        sluice::test::listen_on(static_cast<std::uint16_t>(port));
    const int status = RUN_ALL_TESTS();
    sluice::test::listeners().clear();
    return status;
}
