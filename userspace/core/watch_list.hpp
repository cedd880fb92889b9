// SPDX-License-Identifier: GPL-2.0-or-later
// The controller's memory of which sources nftables is dropping and when each has to be looked
// at again. A cache: everything in it can be read back from the kernel. Pure; `now` comes in.
#pragma once

#include "abi.h"

#include <compare>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace sluice {

struct SourceKeyLess {
    bool operator()(const sluice_source_key& a, const sluice_source_key& b) const {
        return std::memcmp(&a, &b, sizeof(a)) < 0;
    }
};

struct Watched {
    std::uint64_t until_ns = 0; // release moment as last written to nftables
    std::uint64_t since_ns = 0; // when it became over
    std::uint64_t look_ns = 0;  // when to read the entry again
    std::uint64_t pause_ns = 0; // between the last look and the next
    std::uint16_t class_id = 0;
    bool enforced = false; // has an element in nftables (its class limits, and it is not exempt)
};

// When an entry is read again. A source that hammers moves its release moment with every attempt,
// and nobody tells: so look soon after the edge, then ever more rarely, and then just before the
// moment that nftables knows, so that the element is prolonged in time or lapses when it should.
class WatchList {
public:
    static constexpr std::uint64_t first_pause_ns = 100'000'000;

    // A source became over, or was found over.
    void put(const sluice_source_key& key, const Watched& fresh, std::uint64_t now_ns);

    // It was looked at and is still over, until `until_ns`.
    void keep(const sluice_source_key& key, std::uint64_t until_ns, bool enforced, std::uint64_t now_ns);

    void erase(const sluice_source_key& key);
    void clear();

    [[nodiscard]] const Watched* find(const sluice_source_key& key) const;
    [[nodiscard]] const std::map<sluice_source_key, Watched, SourceKeyLess>& all() const { return sources_; }

    // Keys to be looked at now, at most `most`.
    [[nodiscard]] std::vector<sluice_source_key> due(std::uint64_t now_ns, std::size_t most) const;

    // When the next look is due; empty: nobody is watched.
    [[nodiscard]] std::optional<std::uint64_t> next_look() const;

private:
    void schedule(const sluice_source_key& key, Watched& watched, std::uint64_t now_ns);

    struct Later {
        bool operator()(const std::pair<std::uint64_t, sluice_source_key>& a,
                        const std::pair<std::uint64_t, sluice_source_key>& b) const {
            return a.first != b.first ? a.first < b.first : SourceKeyLess{}(a.second, b.second);
        }
    };
    std::map<sluice_source_key, Watched, SourceKeyLess> sources_;
    std::set<std::pair<std::uint64_t, sluice_source_key>, Later> by_look_;
};

} // namespace sluice
