// SPDX-License-Identifier: GPL-2.0-or-later
// What the verbs of bench_tool share. Each prints its result on standard output, JSON or a number,
// which scripts/bench collects; what the system refuses is an exception and ends in main.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace sluice::bench {

using Verb = std::function<int()>;

void add_counter(CLI::App& app, Verb& verb);
void add_flood(CLI::App& app, Verb& verb);
void add_test_run(CLI::App& app, Verb& verb);
void add_watch(CLI::App& app, Verb& verb);

} // namespace sluice::bench
