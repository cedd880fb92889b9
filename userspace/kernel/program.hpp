// SPDX-License-Identifier: GPL-2.0-or-later
// The BPF program and its maps, loaded: fresh and private (replay, tests), or over the maps
// pinned in a directory, which are re-used with all they hold.
#pragma once

#include "kernel/fd.hpp"
#include "kernel/kernel_maps.hpp"

#include <cstdint>
#include <string>

namespace sluice {

struct ProgramOptions {
    TableSizes sizes;              // of tables that are not pinned already
    bool time_in_metadata = false; // each frame brings its own time (captures)
    bool watch_sockets = false;    // load the program for sockets of other network namespaces too
    std::string pin_dir;           // maps are pinned below, or re-used; empty: private
};

class Program {
public:
    // Opens, verifies and loads. What the verifier said is in the exception's text on refusal.
    static Program load(const ProgramOptions& options);

    [[nodiscard]] int fd() const { return program_.get(); }
    // The program that sees handshakes in other network namespaces; negative: it is not loaded, because
    // it was not asked for or this kernel has no type information (BTF).
    [[nodiscard]] int sockets_fd() const { return sockets_.get(); }
    [[nodiscard]] KernelMaps& maps() { return maps_; }
    [[nodiscard]] const KernelMaps& maps() const { return maps_; }

private:
    Fd program_;
    Fd sockets_;
    KernelMaps maps_;
};

// Makes room for a table of other sizes: the pinned one becomes the old one, in which the next program
// that is loaded finds who is not in the new one yet. The caller holds the WriterLock.
void set_table_aside(const std::string& pin_dir);
// Undoes that, if no new table has been made.
void put_table_back(const std::string& pin_dir);
// The next program that is loaded makes the windows of limits above 64 anew, in the sizes it wants.
void forget_larges(const std::string& pin_dir);
// The old table is needed no more; its memory is free when the programs that use it are replaced.
// False: there was none.
bool drop_old_table(const std::string& pin_dir);

} // namespace sluice
