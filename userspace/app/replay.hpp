// SPDX-License-Identifier: GPL-2.0-or-later
// `sluice replay`: a capture through the very program that judges packets, under this
// configuration and in the capture's own time. Touches no interface, no pin and no live count.
#pragma once

#include "app/config_source.hpp"
#include "core/config.hpp"
#include "core/replay_report.hpp"
#include "kernel/capture.hpp"

#include <iosfwd>
#include <string>

namespace sluice {

struct ReplayOptions {
    std::string file; // "-": standard input
    std::string config = default_config_path;
    bool config_required = false; // named by the operator: it must be there
    Mode mode = Mode::observe;    // outcomes are named as this mode would have them
    bool json = false;
    bool all = false; // in text, every source
};

// The exit code. Throws CaptureError and ConfigError (2) and SystemError (1).
int run_replay(const ReplayOptions& options, std::ostream& out, std::ostream& err);

// Every frame of the capture, once, through a program of its own. The report's file and
// configuration are left to the caller.
[[nodiscard]] ReplayReport replay_capture(Capture& capture, const Config& config, Mode mode);

} // namespace sluice
