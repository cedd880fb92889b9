// SPDX-License-Identifier: GPL-2.0-or-later
// Edges from the kernel: one sluice_event each time a source becomes over.
#pragma once

#include "abi.h"
#include "kernel/handle.hpp"

#include <bpf/libbpf.h>
#include <vector>

namespace sluice {

class EventRing {
public:
    // `map`: descriptor of the ring buffer, which must outlive this. One reader at a time.
    explicit EventRing(int map);
    EventRing(const EventRing&) = delete; // libbpf holds the address of pending_
    EventRing& operator=(const EventRing&) = delete;

    [[nodiscard]] int fd() const; // readable when there are events (for epoll)

    // All that are there now, oldest first; never waits. Records of another size than
    // sluice_event are skipped: only another version could have written them.
    [[nodiscard]] std::vector<sluice_event> drain();

private:
    std::vector<sluice_event> pending_;
    Handle<ring_buffer, ring_buffer__free> ring_;
};

} // namespace sluice
