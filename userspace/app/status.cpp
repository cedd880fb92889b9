// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice status` and `sluice stats`: one snapshot of kernel state, written for a person or for a
// program. They differ in their default only.
#include "app/command.hpp"
#include "core/snapshot_json.hpp"
#include "core/snapshot_text.hpp"
#include "kernel/link.hpp"
#include "kernel/local_time.hpp"
#include "kernel/snapshot_reader.hpp"

#include <iostream>
#include <memory>

namespace sluice {
namespace {

int show(const GlobalOptions& global, bool json) {
    const KernelMaps maps = open_state(global.pin_dir);
    std::vector<SeenInterface> interfaces;
    for (const Attachment& attachment : attachments(global.pin_dir))
        interfaces.push_back({attachment.name, attachment.index, attachment.xdp});
    const Snapshot snapshot = read_snapshot(maps, std::move(interfaces));
    std::cout << (json ? to_json(snapshot) : to_text(snapshot, to_local_time));
    return 0;
}

void add_reader(CLI::App& app, const GlobalOptions& global, Command& command, const std::string& name,
                const std::string& what, const std::string& footer) {
    const auto json = std::make_shared<bool>(false);
    CLI::App* sub = app.add_subcommand(name, what);
    sub->add_flag("--json", *json, "the monitoring document, schema sluice.stats/1");
    sub->footer(footer);
    sub->callback([&global, &command, json] { command = [&global, json] { return show(global, *json); }; });
}

} // namespace

void add_status(CLI::App& app, const GlobalOptions& global, Command& command) {
    add_reader(app, global, command, "status", "one screen: who is dropped, what is wrong, limits, counters",
               "Works whether or not `sluice run` does. Moments are local time.\n\nExample: sluice status");
}

void add_stats(CLI::App& app, const GlobalOptions& global, Command& command) {
    add_reader(app, global, command, "stats", "all numbers, for monitoring",
               "Counters only grow while sluice is attached; docs/stats.schema.json describes the document.\n"
               "Without --json the same as `sluice status`.\n\n"
               "Example: sluice stats --json | jq .counters.dropped_xdp");
}

} // namespace sluice
