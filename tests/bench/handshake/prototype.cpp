// SPDX-License-Identifier: GPL-2.0-or-later
// Loads one of the prototypes and says what it counted, or times what a packet costs it.
//
//   handshake_prototype run FAMILY IFACE LIMIT [CGROUP]   until SIGTERM; FAMILY: none, state, sockops,
//                                                         syn, drop, rst
//   handshake_prototype cost REPEAT                       frames on standard input: NAME HEX a line
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "prototype.h"
#include "prototype.skel.h"

namespace {

struct Destroy {
    void operator()(prototype_bpf* skeleton) const { prototype_bpf__destroy(skeleton); }
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Skeleton = std::unique_ptr<prototype_bpf, Destroy>;
using Link = std::unique_ptr<bpf_link, Destroy>;

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

std::uint32_t own_netns() {
    struct stat status {};
    if (stat("/proc/self/ns/net", &status) != 0) {
        throw_errno("look at the network namespace");
    }
    return static_cast<std::uint32_t>(status.st_ino);
}

std::uint64_t own_netns_cookie() {
    std::uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int error = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size);
    close(fd);
    if (error != 0) {
        throw_errno("read the network namespace's cookie");
    }
    return cookie;
}

Skeleton open_skeleton(const std::string& family, std::uint32_t limit) {
    Skeleton skeleton(prototype_bpf__open());
    if (!skeleton) {
        throw_errno("open the prototype");
    }
    skeleton->rodata->limit = limit;
    skeleton->rodata->own_netns = own_netns();
    skeleton->rodata->own_netns_cookie = own_netns_cookie();
    skeleton->rodata->refusal = family == "drop"  ? REFUSE_BY_DROP
                                : family == "rst" ? REFUSE_BY_RST
                                                  : REFUSE_BY_SYN;
    return skeleton;
}

void load(const Skeleton& skeleton) {
    if (prototype_bpf__load(skeleton.get()) != 0) {
        throw_errno("load the prototype");
    }
}

Link attach_xdp(bpf_program* program, const std::string& device) {
    const unsigned index = if_nametoindex(device.c_str());
    Link link(index != 0 ? bpf_program__attach_xdp(program, static_cast<int>(index)) : nullptr);
    if (!link) {
        throw_errno("attach to " + device);
    }
    return link;
}

std::vector<Link> attach(const Skeleton& skeleton, const std::string& family, const std::string& device,
                         const char* cgroup) {
    std::vector<Link> links;
    auto& programs = skeleton->progs;
    if (family == "state") {
        links.emplace_back(bpf_program__attach(programs.state_changed));
    } else if (family == "sockops") {
        const int fd = open(cgroup, O_RDONLY | O_CLOEXEC);
        links.emplace_back(bpf_program__attach_cgroup(programs.passive_established, fd));
        close(fd);
    }
    if (!links.empty() && !links.front()) {
        throw_errno("attach " + family);
    }
    if (family == "state" || family == "sockops") {
        links.push_back(attach_xdp(programs.drop_syns_of_over, device));
    } else if (family == "syn" || family == "drop" || family == "rst") {
        links.push_back(attach_xdp(programs.gate_at_ack, device));
    } else if (family != "none") {
        throw std::invalid_argument("no family called " + family);
    }
    return links;
}

void print_counters(const Skeleton& skeleton) {
    static constexpr std::array names{"syns_passed", "syns_dropped", "acks",
                                      "looked_up",   "completed",    "refused"};
    static_assert(names.size() == PROTO_COUNTERS);
    const int map = bpf_map__fd(skeleton->maps.counters);
    for (std::uint32_t i = 0; i < PROTO_COUNTERS; i++) {
        std::uint64_t value = 0;
        if (bpf_map_lookup_elem(map, &i, &value) != 0) {
            throw_errno("read the counters");
        }
        std::cout << (i == 0 ? "{\"" : ", \"") << names.at(i) << "\": " << value;
    }
    std::cout << ", \"programs\": {";
    const char* comma = "";
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton->obj) {
        bpf_prog_info info{};
        std::uint32_t size = sizeof(info);
        if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) != 0) {
            throw_errno("read a program's times");
        }
        if (info.run_cnt != 0) {
            std::cout << comma << '"' << bpf_program__name(program) << "\": {\"runs\": " << info.run_cnt
                      << ", \"ns\": " << info.run_time_ns / info.run_cnt << "}";
            comma = ", ";
        }
    }
    std::cout << "}}" << std::endl;
}

void run(const std::string& family, const std::string& device, std::uint32_t limit, const char* cgroup) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, nullptr);

    const Skeleton skeleton = open_skeleton(family, limit);
    load(skeleton);
    const int timing = bpf_enable_stats(BPF_STATS_RUN_TIME); // until this process ends
    if (timing < 0) {
        throw_errno("have programs timed");
    }
    const auto links = attach(skeleton, family, device, cgroup);
    std::cout << "ready" << std::endl;
    int signal = 0;
    sigwait(&ends, &signal);
    print_counters(skeleton);
}

std::vector<std::uint8_t> bytes_of(const std::string& hex) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

// Nanoseconds of one run: the kernel's own mean over `repeat`, the median of nine.
std::uint32_t cost(const bpf_program* program, std::vector<std::uint8_t> frame, int repeat) {
    std::array<std::uint32_t, 9> times{};
    for (auto& time : times) {
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                    .data_size_in = static_cast<std::uint32_t>(frame.size()), .repeat = repeat);
        if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) != 0) {
            throw_errno("test run");
        }
        time = options.duration;
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

void print_costs(int repeat) {
    const Skeleton filtered = open_skeleton("syn", 10);
    load(filtered);
    const Skeleton unfiltered = open_skeleton("syn", 10);
    unfiltered->rodata->only_recent_syns = 0;
    load(unfiltered);
    for (std::string name, hex; std::cin >> name >> hex;) {
        const auto frame = bytes_of(hex);
        std::cout << "{\"frame\": \"" << name
                  << "\", \"parse\": " << cost(filtered->progs.only_parse, frame, repeat)
                  << ", \"recent\": " << cost(filtered->progs.gate_at_ack, frame, repeat)
                  << ", \"always\": " << cost(unfiltered->progs.gate_at_ack, frame, repeat) << "}"
                  << std::endl;
    }
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    try {
        if (words.size() >= 4 && words[0] == "run") {
            run(words[1], words[2], static_cast<std::uint32_t>(std::stoul(words[3])),
                words.size() > 4 ? argv[5] : "/sys/fs/cgroup");
        } else if (words.size() == 2 && words[0] == "cost") {
            print_costs(std::stoi(words[1]));
        } else {
            std::cerr << "usage: handshake_prototype run FAMILY IFACE LIMIT [CGROUP] | cost REPEAT <FRAMES\n";
            return 2;
        }
    } catch (const std::exception& error) {
        std::cerr << "handshake_prototype: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
