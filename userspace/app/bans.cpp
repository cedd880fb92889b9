// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice bans`: who is banned, why, by whom, since and until when.
#include "app/command.hpp"
#include "core/snapshot_json.hpp"
#include "core/snapshot_text.hpp"
#include "kernel/local_time.hpp"
#include "kernel/snapshot_reader.hpp"

#include <iostream>
#include <memory>

namespace sluice {

void add_bans(CLI::App& app, const GlobalOptions& global, Command& command) {
    const auto json = std::make_shared<bool>(false);
    CLI::App* sub = app.add_subcommand("bans", "list who is banned, soonest end first");
    sub->add_flag("--json", *json, "for programs, schema sluice.bans/1");
    sub->footer("Example: sluice bans --json | jq -r '.bans[].source'");
    sub->callback([&global, &command, json] {
        command = [&global, json] {
            const Snapshot snapshot = read_ban_snapshot(open_state(global.pin_dir));
            std::cout << (*json ? bans_to_json(snapshot) : bans_to_text(snapshot, to_local_time));
            return 0;
        };
    });
}

} // namespace sluice
