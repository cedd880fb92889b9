// SPDX-License-Identifier: GPL-2.0-or-later
// The flood: SYNs made by the BPF program `flood` out of recycled frames and sent into a veth pair
// on one processor, whose other end receives them on the same one. Timed in chunks and in CPU time,
// so that the median does not see when somebody else had the processor.
#include "cpu_clock.hpp"
#include "kernel/errors.hpp"
#include "kernel/handle.hpp"
#include "packet.hpp"
#include "plan.h"
#include "statistics.hpp"
#include "tool.hpp"

#include "bench.skel.h"

#include <algorithm>
#include <arpa/inet.h>
#include <bit>
#include <bpf/bpf.h>
#include <cstring>
#include <iostream>
#include <memory>
#include <net/if.h>
#include <netinet/ether.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

namespace sluice::bench {
namespace {

using Programs = Handle<bench_bpf, bench_bpf__destroy>;

struct Flood {
    std::string interface;
    std::string to_mac;
    std::string to = "10.25.0.25";
    std::string from = "172.16.0.0";
    std::uint32_t sources = 1;
    std::uint64_t frames = 1'000'000;
    std::uint64_t skip = 0;
    std::uint32_t chunk = 65536;
    std::uint32_t batch = 64;
    int cpu = 0;
};

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t ip_header = 20;

// What Linux sends: MSS, SACK permitted, timestamps, window scale.
const test::Bytes syn_options = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};

test::Bytes syn_frame(const Flood& flood) {
    test::Bytes frame = (test::Ethernet{} / test::IPv4{.saddr = "0.0.0.0", .daddr = flood.to} /
                         test::TCP{.sport = 0, .seq = 0, .options = syn_options})
                            .bytes();
    const ether_addr* mac = ::ether_aton(flood.to_mac.c_str());
    if (mac == nullptr)
        throw std::invalid_argument("no hardware address: " + flood.to_mac);
    std::memcpy(frame.data(), mac->ether_addr_octet, sizeof(mac->ether_addr_octet));
    if (frame.size() != BENCH_FRAME)
        throw std::logic_error("BENCH_FRAME is not the size of the frame");
    return frame;
}

// Sum of 16-bit words as they lie in memory.
std::uint32_t sum_of(const std::uint8_t* bytes, std::size_t length) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < length; i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, bytes + i, sizeof(word));
        sum += word;
    }
    return sum;
}

bench_plan plan_of(const Flood& flood, test::Bytes frame) {
    std::uint8_t* ip = frame.data() + ethernet_header;
    std::uint8_t* tcp = ip + ip_header;
    const std::size_t segment = frame.size() - ethernet_header - ip_header;
    std::memset(ip + 10, 0, 2);
    std::memset(tcp + 16, 0, 2);
    in_addr first{};
    if (::inet_pton(AF_INET, flood.from.c_str(), &first) != 1)
        throw std::invalid_argument("no address: " + flood.from);

    bench_plan plan{};
    plan.next = flood.skip;
    plan.base = ntohl(first.s_addr);
    plan.mask = flood.sources - 1;
    plan.shift = static_cast<std::uint32_t>(std::bit_width(plan.mask) + 1) / 2;
    plan.ip_sum = sum_of(ip, ip_header);
    plan.tcp_sum = sum_of(tcp, segment) + sum_of(ip + 16, 4) + htons(IPPROTO_TCP) +
                   htons(static_cast<std::uint16_t>(segment));
    std::memcpy(plan.frame, frame.data(), frame.size());
    return plan;
}

class Generator {
public:
    explicit Generator(const Flood& flood)
        : frame_(syn_frame(flood)), batch_(flood.batch), programs_(bench_bpf__open_and_load()) {
        if (programs_ == nullptr)
            throw SystemError("load", "generator", errno);
        programs_->bss->plan = plan_of(flood, frame_);
        context_.ingress_ifindex = ::if_nametoindex(flood.interface.c_str());
        if (context_.ingress_ifindex == 0)
            throw SystemError("find interface", flood.interface, errno);
        context_.data_end = static_cast<std::uint32_t>(frame_.size());
    }

    void send(std::uint32_t frames) {
        LIBBPF_OPTS(bpf_test_run_opts, options);
        options.data_in = frame_.data();
        options.data_size_in = context_.data_end;
        options.ctx_in = &context_;
        options.ctx_size_in = sizeof(context_);
        options.repeat = static_cast<int>(frames);
        options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
        options.batch_size = batch_;
        const int program = ::bpf_program__fd(programs_->progs.flood);
        if (const int error = ::bpf_prog_test_run_opts(program, &options); error != 0)
            throw SystemError("send live frames", "(Linux 5.18 or newer, XDP or GRO on the interface)",
                              error);
    }

private:
    test::Bytes frame_;
    std::uint32_t batch_;
    xdp_md context_{};
    Programs programs_;
};

// What each frame of a chunk took, by both clocks.
struct Chunks {
    std::vector<double> cpu;
    std::vector<double> wall;
    bool cpu_time_is_whole = true;
};

// A kernel may keep the time of packet reception out of a thread's CPU time. That shows in a chunk
// during which the thread never left its processor: both clocks have to agree there.
constexpr double agreement = 0.8;

Chunks send_all(const Flood& flood) {
    Generator generator(flood);
    const CpuClock clock(flood.cpu);
    Chunks chunks;
    for (std::uint64_t left = flood.frames; left > 0;) {
        const auto frames = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, flood.chunk));
        const std::uint64_t switches_before = switches();
        const std::uint64_t cpu_before = clock.ns();
        const std::uint64_t wall_before = wall_ns();
        generator.send(frames);
        const double wall = static_cast<double>(wall_ns() - wall_before) / frames;
        const double cpu = static_cast<double>(clock.ns() - cpu_before) / frames;
        left -= frames;
        // A short last chunk says more about the set-up of a run than about frames.
        if (frames != flood.chunk && !chunks.cpu.empty())
            continue;
        chunks.cpu.push_back(cpu);
        chunks.wall.push_back(wall);
        if (switches() == switches_before && cpu < agreement * wall)
            chunks.cpu_time_is_whole = false;
    }
    return chunks;
}

int run(const Flood& flood) {
    if (!std::has_single_bit(flood.sources))
        throw std::invalid_argument("--sources takes a power of two, not " + std::to_string(flood.sources));
    pin_to(flood.cpu);
    take_precedence();
    const std::uint64_t begin = wall_ns();
    const Chunks chunks = send_all(flood);
    const double seconds = static_cast<double>(wall_ns() - begin) / 1e9;
    const std::vector<double>& per_frame = chunks.cpu_time_is_whole ? chunks.cpu : chunks.wall;
    const nlohmann::json report = {
        {"frames", flood.frames},
        {"seconds", seconds},
        {"ns", at_share(per_frame, 0.5)},
        {"ns_low", at_share(per_frame, 0.1)},
        {"ns_high", at_share(per_frame, 0.9)},
        {"wall_ns", at_share(chunks.wall, 0.5)},
        {"cpu_time", chunks.cpu_time_is_whole},
    };
    std::cout << report << '\n';
    return 0;
}

} // namespace

void add_flood(CLI::App& app, Verb& verb) {
    auto options = std::make_shared<Flood>();
    CLI::App* command =
        app.add_subcommand("flood", "send SYNs to port 25 into a veth pair, as fast as it goes");
    command->add_option("--interface", options->interface, "sending end of the pair")->required();
    command->add_option("--to-mac", options->to_mac, "hardware address of the receiving end")->required();
    command->add_option("--to", options->to, "destination")->capture_default_str();
    command->add_option("--from", options->from, "first source address")->capture_default_str();
    command->add_option("--sources", options->sources, "how many, a power of two")->capture_default_str();
    command->add_option("--frames", options->frames, "how many SYNs")->capture_default_str();
    command->add_option("--skip", options->skip, "number of the first one")->capture_default_str();
    command->add_option("--chunk", options->chunk, "SYNs in one timed run")->capture_default_str();
    command->add_option("--batch", options->batch, "SYNs handed to the device at once")
        ->capture_default_str();
    command->add_option("--cpu", options->cpu, "processor of sender and receiver")->capture_default_str();
    command->footer("\nExample: bench_tool flood --interface out --to-mac 02:00:00:00:00:02 --sources 256");
    command->callback([options, &verb] { verb = [options] { return run(*options); }; });
}

} // namespace sluice::bench
