// SPDX-License-Identifier: GPL-2.0-or-later
// The measuring instruments of scripts/bench, one verb each.
#include "tool.hpp"

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
    CLI::App app("Measuring instruments of scripts/bench.", "bench_tool");
    sluice::bench::Verb verb;
    app.require_subcommand(1);
    sluice::bench::add_counter(app, verb);
    sluice::bench::add_flood(app, verb);
    sluice::bench::add_test_run(app, verb);
    sluice::bench::add_watch(app, verb);
    try {
        app.parse(argc, argv);
        return verb();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        std::cerr << "bench_tool: " << error.what() << '\n';
        return 1;
    }
}
