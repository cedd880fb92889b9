// SPDX-License-Identifier: GPL-2.0-or-later
// libbpf calls back for each record; they are collected, so that the controller acts on a batch.
#include "kernel/event_ring.hpp"

#include "kernel/errors.hpp"

#include <cstring>
#include <utility>

namespace sluice {
namespace {

int collect(void* pending, void* data, std::size_t size) {
    if (size != sizeof(sluice_event))
        return 0;
    sluice_event event{};
    std::memcpy(&event, data, sizeof(event));
    static_cast<std::vector<sluice_event>*>(pending)->push_back(event);
    return 0;
}

} // namespace

EventRing::EventRing(int map) : ring_(::ring_buffer__new(map, collect, &pending_, nullptr)) {
    if (!ring_)
        throw SystemError("open", "ring buffer", errno);
}

int EventRing::fd() const {
    return ::ring_buffer__epoll_fd(ring_.get());
}

std::vector<sluice_event> EventRing::drain() {
    pending_.clear();
    if (const int result = ::ring_buffer__consume(ring_.get()); result < 0)
        throw SystemError("read", "ring buffer", result);
    return std::exchange(pending_, {});
}

} // namespace sluice
