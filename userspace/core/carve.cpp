// SPDX-License-Identifier: GPL-2.0-or-later
// See carve.hpp. Nested prefixes are flattened once into the maximal exempt intervals of the
// whole address space; a question is then a binary search in them.
#include "core/carve.hpp"

#include "core/source_prefixes.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice {

namespace {

Address last_of(const Prefix& prefix) {
    Address last = prefix.address;
    for (std::size_t i = 0; i < last.bytes.size(); ++i) {
        const int kept = std::clamp(prefix.length - static_cast<int>(8 * i), 0, 8);
        last.bytes[i] = static_cast<std::uint8_t>(last.bytes[i] | (0xff >> kept));
    }
    return last;
}

// Empty behind the last address there is.
std::optional<Address> next_of(Address address) {
    for (std::size_t i = address.bytes.size(); i-- > 0;)
        if (++address.bytes[i] != 0)
            return address;
    return std::nullopt;
}

Address before(Address address) // never called for the first address there is
{
    for (std::size_t i = address.bytes.size(); i-- > 0;)
        if (address.bytes[i]-- != 0)
            break;
    return address;
}

// Collects exempt intervals in ascending order and joins those that touch. Never across the
// ends of the v4-mapped space, or nftables could not hold them in a set of one family.
class Intervals {
public:
    void add(const Address& first, const Address& last) {
        const bool touches = !intervals_.empty() && next_of(intervals_.back().last) == first &&
                             intervals_.back().last.is_v4() == first.is_v4();
        if (touches)
            intervals_.back().last = last;
        else
            intervals_.push_back({first, last});
    }

    [[nodiscard]] std::vector<AddressInterval> take() { return std::move(intervals_); }

private:
    std::vector<AddressInterval> intervals_;
};

// Walks prefixes in nesting order and tells apart the stretches between their ends: each
// belongs to the innermost prefix around it.
class Sweep {
public:
    void open(const Prefix& prefix, bool exempt) {
        close_before(prefix.address);
        if (at_ && *at_ < prefix.address)
            emit(before(prefix.address));
        at_ = prefix.address;
        open_.push_back({last_of(prefix), exempt});
    }

    [[nodiscard]] std::vector<AddressInterval> finish() {
        while (!open_.empty())
            close();
        return intervals_.take();
    }

private:
    struct Open {
        Address last;
        bool exempt;
    };

    void close_before(const Address& first) {
        while (!open_.empty() && open_.back().last < first)
            close();
    }

    void close() {
        if (at_ && *at_ <= open_.back().last) {
            const Address last = open_.back().last;
            emit(last);
            at_ = next_of(last);
        }
        open_.pop_back();
    }

    // From where we are up to `last`, in the innermost prefix that is open.
    void emit(const Address& last) {
        if (!open_.empty() && open_.back().exempt)
            intervals_.add(*at_, last);
    }

    std::vector<Open> open_;
    std::optional<Address> at_; // the first address not yet told; empty at either end of all
    Intervals intervals_;
};

std::vector<Prefix> prefixes_of(const std::vector<RangeEntry>& ranges) {
    std::vector<Prefix> result(ranges.size());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
        std::memcpy(result[i].address.bytes.data(), ranges[i].key.addr, sizeof ranges[i].key.addr);
        result[i].length = static_cast<std::uint8_t>(ranges[i].key.prefix_len);
    }
    return result;
}

std::vector<sluice_class_ref> refs_of(const std::vector<RangeEntry>& ranges) {
    std::vector<sluice_class_ref> result(ranges.size());
    std::transform(ranges.begin(), ranges.end(), result.begin(),
                   [](const RangeEntry& entry) { return entry.value; });
    return result;
}

std::vector<Prefix> sorted_once(std::vector<Prefix> prefixes) {
    std::sort(prefixes.begin(), prefixes.end());
    prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
    return prefixes;
}

} // namespace

NestedPrefixes::NestedPrefixes(std::vector<Prefix> sorted) : prefixes_(std::move(sorted)) {
    parents_.reserve(prefixes_.size());
    for (std::uint32_t i = 0; i < prefixes_.size(); ++i) {
        // The one before is around this one, or something around it is, or nothing.
        std::uint32_t parent = i == 0 ? none : i - 1;
        while (parent != none && !prefixes_[parent].contains(prefixes_[i]))
            parent = parents_[parent];
        parents_.push_back(parent);
    }
}

std::optional<std::size_t> NestedPrefixes::longest(const Address& address) const {
    const auto behind = std::upper_bound(prefixes_.begin(), prefixes_.end(), Prefix{address, 128});
    if (behind == prefixes_.begin())
        return std::nullopt;
    auto candidate = static_cast<std::uint32_t>(behind - prefixes_.begin() - 1);
    while (candidate != none && !prefixes_[candidate].contains(address))
        candidate = parents_[candidate];
    return candidate == none ? std::nullopt : std::optional<std::size_t>(candidate);
}

ExemptIndex::ExemptIndex(const PolicyImage& image, std::vector<Prefix> allows)
    : ranges_(prefixes_of(image.ranges)), refs_(refs_of(image.ranges)),
      allows_(sorted_once(std::move(allows))) {
    for (std::uint32_t id = 0; id < SLUICE_MAX_CLASSES; ++id) {
        const sluice_policy& policy = image.policies.at(sluice_policy_index(0, id, 0));
        classes_.push_back({static_cast<Action>(policy.action), policy.prefix4, policy.prefix6});
    }
    exempt_ = exempt_intervals();
}

std::vector<AddressInterval> ExemptIndex::exempt_intervals() const {
    Sweep sweep;
    const std::vector<Prefix>& ranges = ranges_.prefixes();
    const std::vector<Prefix>& allows = allows_.prefixes();
    // The class "default" is nobody's range: exempt or not, a ban by hand holds there (DESIGN 4).
    sweep.open({Address{}, 0}, false);
    std::size_t allow = 0;
    for (std::size_t range = 0; range < ranges.size(); ++range) {
        // An allow of the same length as a range comes behind it and so is the inner one.
        for (; allow < allows.size() && allows[allow] < ranges[range]; ++allow)
            sweep.open(allows[allow], true);
        sweep.open(ranges[range], classes_[refs_[range].class_id].action == Action::exempt);
    }
    for (; allow < allows.size(); ++allow)
        sweep.open(allows[allow], true);
    return sweep.finish();
}

std::vector<AddressInterval> ExemptIndex::exempt_within(std::span<const Prefix> dropped) const {
    Intervals result;
    std::optional<Prefix> outer;
    for (const Prefix& prefix : sorted_once({dropped.begin(), dropped.end()})) {
        if (outer && outer->contains(prefix))
            continue;
        outer = prefix;
        const Address last = last_of(prefix);
        const auto ends_before = [](const AddressInterval& interval, const Address& address) {
            return interval.last < address;
        };
        auto interval = std::lower_bound(exempt_.begin(), exempt_.end(), prefix.address, ends_before);
        for (; interval != exempt_.end() && interval->first <= last; ++interval)
            result.add(std::max(interval->first, prefix.address), std::min(interval->last, last));
    }
    return result.take();
}

std::vector<AddressInterval> ExemptIndex::counted_elsewhere(std::span<const Prefix> sources) const {
    Intervals result;
    const std::vector<Prefix>& ranges = ranges_.prefixes();
    for (const Prefix& source : sorted_once({sources.begin(), sources.end()})) {
        std::optional<Prefix> outer;
        auto range = std::upper_bound(ranges.begin(), ranges.end(), source);
        for (; range != ranges.end() && source.contains(*range); ++range) {
            if (outer && outer->contains(*range))
                continue;
            outer = *range;
            result.add(range->address, last_of(*range));
        }
    }
    return result.take();
}

std::optional<std::uint32_t> ExemptIndex::range_of(const Address& address) const {
    const auto range = ranges_.longest(address);
    return range ? std::optional(refs_[*range].range_id) : std::nullopt;
}

AddressClass ExemptIndex::effective_class(const Address& address) const {
    AddressClass result;
    std::uint8_t range_length = 0;
    const auto range = ranges_.longest(address);
    if (range) {
        result.class_id = refs_[*range].class_id;
        result.range_id = refs_[*range].range_id;
        range_length = ranges_.prefixes()[*range].length;
    }
    const ClassRules& rules = classes_[result.class_id];
    result.action = rules.action;
    const std::uint8_t class_length = address.is_v4() ? rules.prefix4 : rules.prefix6;
    const std::uint8_t length = counted_length(address, class_length, range_length);
    result.source = {masked(address, length), length};
    const auto allow = allows_.longest(address);
    result.exempt_by_allow = allow && allows_.prefixes()[*allow].length >= range_length;
    return result;
}

} // namespace sluice
