// SPDX-License-Identifier: GPL-2.0-or-later
// Readers' view of the table of sources: who was seen, with the log of each. Userspace never writes
// an entry (that would lose the attempts that arrive meanwhile); it only frees it.
//
// Concurrency: entries are copied out of memory that packets write at the same time, so a copy may
// hold what was true a moment before beside what is true now; window.h says what readers make of it.
#pragma once

#include "abi.h"
#include "kernel/fd.hpp"
#include "kernel/mapping.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace sluice {

class SourceTable {
public:
    // Descriptors of the maps by their names.
    using Opener = std::function<Fd(const char* name)>;

    SourceTable() = default;
    // `moving`: a table from before a reload still holds entries that packets have not asked for again.
    SourceTable(const Opener& get, std::uint64_t hash_seed, bool moving);

    [[nodiscard]] int fd() const { return sources_fd_.get(); }
    [[nodiscard]] std::uint32_t capacity() const { return live_.sources.count(); }  // sources
    [[nodiscard]] std::uint32_t log_capacity() const { return live_.log_capacity; } // slots per source
    [[nodiscard]] std::uint32_t memory_blocks() const { return memories_.count(); }
    [[nodiscard]] std::uint32_t large_blocks() const { return larges_.count(); }

    // Slots beyond log_capacity() are zero.
    [[nodiscard]] std::optional<sluice_source> find(const sluice_source_key& key) const;

    // The window of a source with a limit above 64, if it has needed one.
    [[nodiscard]] std::optional<sluice_large> large_of(const sluice_source& entry) const;

    // Forgets the count. False: there was none.
    bool erase(const sluice_source_key& key);

    // Every entry once, or nearly: entries made or evicted during the walk may be missed.
    // Does not make entries younger in the eyes of the eviction.
    void for_each(const std::function<void(const sluice_source_key&, const sluice_source&)>& visit) const;

private:
    struct Part {
        Mapping sets;
        Mapping sources;
        std::uint32_t log_capacity = 0;
        std::size_t value_size = 0;
    };
    struct Found {
        std::uint32_t set = 0;
        std::uint32_t way = 0;
        sluice_source entry{};
    };

    static Part open_part(const Opener& get, const char* sets, const char* sources);
    [[nodiscard]] std::optional<Found> search(const Part& part, const sluice_source_key& key) const;
    [[nodiscard]] std::optional<sluice_source> copy(const Part& part, std::uint32_t index) const;
    bool erase_from(const Part& part, const sluice_source_key& key) const;

    Fd sources_fd_;
    Part live_;
    std::optional<Part> old_;
    Mapping memories_;
    Mapping larges_;
    std::uint64_t hash_seed_ = 0;
};

[[nodiscard]] sluice_source_key key_of(const sluice_source& entry);

} // namespace sluice
