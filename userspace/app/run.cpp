// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice run`: the controller in the foreground; what the service starts.
#include "app/command.hpp"
#include "app/controller.hpp"

#include <memory>

namespace sluice {

void add_run(CLI::App& app, const GlobalOptions& global, Command& command) {
    CLI::App* sub = app.add_subcommand("run", "the controller, in the foreground; what the service starts");
    const auto keep = std::make_shared<bool>(false);
    sub->add_flag("--keep", *keep, "leave enforcement on when stopped");
    sub->footer("Example: sluice run --config /etc/sluice/sluice.toml");
    sub->callback([&global, &command, keep] {
        command = [&global, keep] {
            Controller({global.config, global.pin_dir, *keep}).run();
            return 0;
        };
    });
}

} // namespace sluice
