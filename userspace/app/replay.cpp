// SPDX-License-Identifier: GPL-2.0-or-later
// The command: which capture, which configuration, which way of writing the report down.
#include "app/replay.hpp"

#include "app/command.hpp"
#include "kernel/local_time.hpp"

#include <iostream>

namespace sluice {

namespace {

// Without a written [limit] the class "default" only observes, and a replay would say that
// nobody is ever over. Whoever has no configuration yet wants to see what a limit would do.
Config built_in_config() {
    return parse_config({{"built-in configuration", "[limit]\nconnections = 10\nper = \"60s\"\n"}}, {});
}

constexpr const char* description =
    "Replay a capture through the limiter: who would have been limited, when and how often.";

constexpr const char* footer =
    "The capture (pcap or pcapng, Ethernet) goes through the same kernel program as live packets, in its\n"
    "own time, under this configuration. No interface is needed, and nothing on this machine changes.\n"
    "Without a configuration the built-in limit of 10 attempts in 60s stands for everybody.\n"
    "Every attempt in the capture counts: capture what comes in only (-Q in), as the limiter does, or this\n"
    "host's own deliveries show up as a source.\n"
    "\n"
    "Examples:\n"
    "  tcpdump -i eth0 -Q in -w mail.pcap 'tcp[tcpflags] & tcp-syn != 0 or ip6'\n"
    "  sluice replay mail.pcap\n"
    "  zcat mail.pcap.gz | sluice replay --config ./sluice.toml --json -";

} // namespace

int run_replay(const ReplayOptions& options, std::ostream& out, std::ostream& err) {
    Capture capture(options.file);
    const bool written = options.config_required || config_is_written(options.config);
    const Config config = written ? load_config(options.config) : built_in_config();
    ReplayReport report = replay_capture(capture, config, options.mode);
    report.file = capture.name();
    report.configuration = written ? options.config : "";
    out << (options.json ? to_json(report) : to_text(report, to_local_time, options.all));
    for (const std::string& line : replay_warnings(report))
        err << "sluice: " << report.file << ": warning: " << line << '\n';
    return 0;
}

void add_replay(CLI::App& app, const GlobalOptions& global, Command& command) {
    CLI::App* replay = app.add_subcommand("replay", description);
    const auto options = std::make_shared<ReplayOptions>();
    replay->footer(footer);
    replay->add_option("FILE", options->file, "the capture; - for standard input")->required();
    replay
        ->add_option_function<std::string>(
            "--mode", [options](const std::string& word) { options->mode = parse_mode(word).value(); },
            "name the outcomes as this mode would have them (default: observe)")
        ->check(CLI::IsMember({"observe", "nft", "xdp"}));
    replay->add_flag("--json", options->json, "write JSON (sluice.replay/1)");
    replay->add_flag("--all", options->all, "list every source, also those that never were over");
    replay->callback([&app, &global, &command, options] {
        options->config = global.config;
        options->config_required = app.count("--config") != 0;
        command = [options] { return run_replay(*options, std::cout, std::cerr); };
    });
}

} // namespace sluice
