// SPDX-License-Identifier: GPL-2.0-or-later
// What others do to nf_tables while we run: a socket in the group that the kernel tells of every
// change. The controller waits on its fd and, told that its table was touched, reads and repairs.
#pragma once

#include "kernel/fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

enum class NftEventKind : std::uint8_t {
    table_deleted, // also by `nft flush ruleset`
    set_deleted,
    chain_deleted,
    rule_deleted,     // also by `nft flush chain`
    elements_deleted, // also by `nft flush set`; elements that lapse tell nothing
    other,            // added or changed
    lost,             // more happened than the socket could hold: look for yourself
};

struct NftEvent {
    NftEventKind kind = NftEventKind::other;
    std::string object;        // name of the table, set or chain
    std::uint32_t port_id = 0; // the socket that did it
};

class NftMonitor {
public:
    // Watches one table of family inet, in the calling thread's network namespace.
    explicit NftMonitor(std::string table);

    [[nodiscard]] int fd() const { return fd_.get(); } // readable when there is something
    // What happened since the last call, except by the socket `own` (NftSocket::port_id());
    // never waits. The same kind and object in a row is told once.
    [[nodiscard]] std::vector<NftEvent> read(std::uint32_t own);

private:
    Fd fd_;
    std::string table_;
    std::vector<std::uint8_t> buffer_;
};

} // namespace sluice
