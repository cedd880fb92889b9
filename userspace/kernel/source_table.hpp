// SPDX-License-Identifier: GPL-2.0-or-later
// Readers' view of the map `sources`: who was seen, with the log of each. Userspace never writes
// an entry (an update would lose the attempts that arrive meanwhile); it only erases.
#pragma once

#include "abi.h"
#include "kernel/fd.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace sluice {

class SourceTable {
public:
    SourceTable() = default;
    SourceTable(Fd fd, std::string name);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::uint32_t capacity() const { return capacity_; }         // sources
    [[nodiscard]] std::uint32_t log_capacity() const { return log_capacity_; } // slots per source

    // Slots beyond log_capacity() are zero.
    [[nodiscard]] std::optional<sluice_source> find(const sluice_source_key& key) const;

    // Forgets the count. False: there was none.
    bool erase(const sluice_source_key& key);

    // Every entry once, or nearly: entries made or evicted during the walk may be missed.
    // Does not make entries younger in the eyes of the eviction.
    void for_each(const std::function<void(const sluice_source_key&, const sluice_source&)>& visit) const;

private:
    Fd fd_;
    std::string name_;
    std::uint32_t capacity_ = 0;
    std::uint32_t value_size_ = 0;
    std::uint32_t log_capacity_ = 0;
};

} // namespace sluice
