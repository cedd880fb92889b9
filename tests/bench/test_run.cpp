// SPDX-License-Identifier: GPL-2.0-or-later
// What the attached program adds to packets that it lets through: repeated test runs of it and of
// a program that only counts and passes, in turn, and the median of the differences. Both have to
// be attached somewhere: the kernel calls an attached XDP program directly, and patches its code for
// milliseconds before the test run of one that is not.
#include "cpu_clock.hpp"
#include "kernel/errors.hpp"
#include "kernel/fd.hpp"
#include "packet.hpp"
#include "statistics.hpp"
#include "tool.hpp"

#include <bpf/bpf.h>
#include <iostream>
#include <linux/bpf.h>
#include <memory>
#include <net/if.h>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace sluice::bench {
namespace {

struct TestRun {
    std::string link;
    std::string base;
    std::string interface = "eth0";
    std::string to = "10.25.0.25";
    std::vector<std::string> acks; // NAME=ADDRESS:PORT:SEQUENCE:ACKNOWLEDGEMENT
    int repeat = 500'000;
    int samples = 15;
    int cpu = 0;
};

struct Row {
    std::string name;
    test::Bytes frame;
};

constexpr std::uint16_t smtp = 25;
constexpr std::uint16_t https = 443;
constexpr std::uint16_t ethertype_arp = 0x0806;
const test::Bytes payload(64, 'x');

// ADDRESS:PORT:SEQUENCE:ACKNOWLEDGEMENT of somebody's connection to port 25.
test::Bytes ack_of(const std::string& text, const std::string& to) {
    std::istringstream words(text);
    std::string address;
    std::string port;
    std::string sequence;
    std::string acknowledged;
    if (!std::getline(words, address, ':') || !std::getline(words, port, ':') ||
        !std::getline(words, sequence, ':') || !std::getline(words, acknowledged))
        throw std::invalid_argument("no ADDRESS:PORT:SEQUENCE:ACKNOWLEDGEMENT: " + text);
    const test::TCP tcp{.sport = static_cast<std::uint16_t>(std::stoul(port)),
                        .dport = smtp,
                        .seq = static_cast<std::uint32_t>(std::stoul(sequence)),
                        .ack_seq = static_cast<std::uint32_t>(std::stoul(acknowledged)),
                        .syn = false,
                        .ack = true};
    return (test::Ethernet{} / test::IPv4{.saddr = address, .daddr = to} / tcp).bytes();
}

std::vector<Row> rows_of(const TestRun& options) {
    using namespace test;
    const TCP data{.dport = https, .syn = false, .psh = true, .ack = true};
    const TCP ack{.dport = smtp, .syn = false, .ack = true};
    std::vector<Row> rows{
        {"other_port", (Ethernet{} / IPv4{} / data / Raw{payload}).bytes()},
        {"other_port_syn", (Ethernet{} / IPv4{} / TCP{.dport = https}).bytes()},
        {"ack", (Ethernet{} / IPv4{.daddr = options.to} / ack).bytes()},
        {"udp", (Ethernet{} / IPv4{} / UDP{.dport = 53} / Raw{payload}).bytes()},
        {"arp", (Ethernet{.type = ethertype_arp} / Raw{Bytes(46, 0)}).bytes()},
        {"ipv6_other_port", (Ethernet{} / IPv6{} / data / Raw{payload}).bytes()},
        {"ipv6_udp", (Ethernet{} / IPv6{} / UDP{.dport = 53} / Raw{payload}).bytes()},
    };
    for (const std::string& word : options.acks) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos)
            throw std::invalid_argument("no NAME=ADDRESS:PORT:SEQUENCE:ACKNOWLEDGEMENT: " + word);
        rows.push_back({word.substr(0, equals), ack_of(word.substr(equals + 1), options.to)});
    }
    return rows;
}

Fd program_of(const std::string& pin) {
    const Fd link(check(::bpf_obj_get(pin.c_str()), "open link", pin));
    bpf_link_info info{};
    std::uint32_t size = sizeof(info);
    check(::bpf_obj_get_info_by_fd(link.get(), &info, &size), "ask link", pin);
    return Fd(check(::bpf_prog_get_fd_by_id(info.prog_id), "open program of", pin));
}

// One frame through one program, many times over.
class Course {
public:
    Course(const TestRun& options, test::Bytes frame) : frame_(std::move(frame)), repeat_(options.repeat) {
        context_.data_end = static_cast<std::uint32_t>(frame_.size());
        context_.ingress_ifindex = ::if_nametoindex(options.interface.c_str());
        if (context_.ingress_ifindex == 0)
            throw SystemError("find interface", options.interface, errno);
    }

    // Nanoseconds of one run; the clock of the kernel's own answer has whole ones only.
    [[nodiscard]] double ns(int program) {
        LIBBPF_OPTS(bpf_test_run_opts, options);
        options.data_in = frame_.data();
        options.data_size_in = context_.data_end;
        options.ctx_in = &context_;
        options.ctx_size_in = sizeof(context_);
        options.repeat = repeat_;
        const std::uint64_t begin = thread_cpu_ns();
        if (const int error = ::bpf_prog_test_run_opts(program, &options); error != 0)
            throw SystemError("test run", "XDP program", error);
        action_ = options.retval;
        return static_cast<double>(thread_cpu_ns() - begin) / repeat_;
    }
    [[nodiscard]] std::uint32_t action() const { return action_; }

private:
    test::Bytes frame_;
    int repeat_;
    xdp_md context_{};
    std::uint32_t action_ = 0;
};

nlohmann::json measure(const TestRun& options, const Row& row, int subject, int base) {
    Course course(options, row.frame);
    std::vector<double> alone;
    std::vector<double> whole;
    std::vector<double> added;
    for (int i = 0; i < options.samples; i++) {
        alone.push_back(course.ns(base));
        whole.push_back(course.ns(subject));
        added.push_back(whole.back() - alone.back());
    }
    return {{"row", row.name},
            {"passed", course.action() == XDP_PASS},
            {"count_pass", at_share(alone, 0.5)},
            {"program", at_share(whole, 0.5)},
            {"added", at_share(added, 0.5)},
            {"added_low", at_share(added, 0.1)},
            {"added_high", at_share(added, 0.9)}};
}

int run(const TestRun& options) {
    pin_to(options.cpu);
    take_precedence();
    const Fd subject = program_of(options.link);
    const Fd base(check(::bpf_obj_get(options.base.c_str()), "open program", options.base));
    nlohmann::json report = nlohmann::json::array();
    for (const Row& row : rows_of(options))
        report.push_back(measure(options, row, subject.get(), base.get()));
    std::cout << report << '\n';
    return 0;
}

} // namespace

void add_test_run(CLI::App& app, Verb& verb) {
    auto options = std::make_shared<TestRun>();
    CLI::App* command =
        app.add_subcommand("test-run", "what the attached program costs packets that it passes");
    command->add_option("--link", options->link, "pin of the link that holds the program")->required();
    command->add_option("--base", options->base, "pin of the program that counts and passes")->required();
    command->add_option("--interface", options->interface, "where it is attached")->capture_default_str();
    command->add_option("--to", options->to, "address of the server")->capture_default_str();
    command->add_option("--ack", options->acks,
                        "NAME=ADDRESS:PORT:SEQUENCE:ACKNOWLEDGEMENT, another row: an ACK of that connection");
    command->add_option("--repeat", options->repeat, "runs in one sample")->capture_default_str();
    command->add_option("--samples", options->samples, "of each program")->capture_default_str();
    command->add_option("--cpu", options->cpu, "processor")->capture_default_str();
    command->footer(
        "\nExample: bench_tool test-run --link /sys/fs/bpf/sluice/links/eth0 --base /sys/fs/bpf/count_pass");
    command->callback([options, &verb] { verb = [options] { return run(*options); }; });
}

} // namespace sluice::bench
