// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice config check` and `config show`: the configuration alone, no kernel state is looked at
// or changed.
#include "app/bring_up.hpp"
#include "app/command.hpp"
#include "core/policy.hpp"
#include "core/table_sizes.hpp"
#include "core/text_table.hpp"
#include "kernel/counters.hpp"

#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>

namespace sluice {
namespace {

std::string mebibytes(std::uint64_t bytes) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << static_cast<double>(bytes) / (1024.0 * 1024.0) << " MiB";
    return text.str();
}

int check(const std::string& path) {
    const Config config = load_config_or_defaults(path);
    const PolicyImage image = compile_policy(config, Names{});
    std::size_t ports = 0;
    for (const Service& service : config.services)
        ports += service.ports.size();
    const TableSizes sizes = table_sizes(config);
    std::cout << "ok: " << (config_is_written(path) ? path : "nothing is written, the defaults hold")
              << ", mode " << to_string(config.mode) << '\n'
              << "    " << counted(config.files.size(), "file", "files") << ", "
              << counted(config.classes.size(), "class", "classes") << ", "
              << counted(image.ranges.size(), "range", "ranges") << ", "
              << counted(config.services.size(), "service", "services") << " on "
              << counted(ports, "port", "ports") << '\n'
              << "    table of " << config.table_sources << " sources: " << mebibytes(table_bytes(sizes))
              << "; with all that is kept beside it " << mebibytes(kernel_bytes(sizes, possible_cpus()))
              << " of kernel memory\n";
    return 0;
}

int show(const std::string& path, bool json, bool expand) {
    const Config config = load_config_or_defaults(path);
    std::cout << (json ? to_json(config) : to_toml(config, expand));
    return 0;
}

} // namespace

void add_config(CLI::App& app, const GlobalOptions& global, Command& command) {
    CLI::App* sub = app.add_subcommand("config", "validate or print the configuration");
    sub->require_subcommand(1);
    sub->footer("Example: sluice config check");

    CLI::App* checking = sub->add_subcommand("check", "is it valid? Exit code 2 with file:line if not");
    checking->footer("A service should run it before every start.\n\n"
                     "Example: sluice --config /tmp/new.toml config check");
    checking->callback([&global, &command] { command = [&global] { return check(global.config); }; });

    const auto json = std::make_shared<bool>(false);
    const auto expand = std::make_shared<bool>(false);
    CLI::App* showing = sub->add_subcommand("show", "print it with all defaults filled in");
    showing->add_flag("--json", *json, "for programs");
    showing->add_flag("--ranges", *expand, "write out the ranges of range files too");
    showing->footer("What is printed is a configuration itself.\n\nExample: sluice config show");
    showing->callback([&global, &command, json, expand] {
        command = [&global, json, expand] { return show(global.config, *json, *expand); };
    });
}

} // namespace sluice
