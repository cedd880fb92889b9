// SPDX-License-Identifier: GPL-2.0-or-later
// See source_prefixes.hpp. Run when the configuration is read, so that `config check` says
// what a reload would say, and again when it is compiled.
#include "core/source_prefixes.hpp"

#include "abi.h"

#include <algorithm>
#include <bitset>

namespace sluice {

namespace {

constexpr std::size_t most_lengths = 4;
constexpr std::uint8_t whole = 128;

// Behind both stand addresses of many people who share nothing.
constexpr Prefix nat64{{{0x00, 0x64, 0xff, 0x9b}}, 96};
constexpr Prefix link_local{{{0xfe, 0x80}}, 10};

class Lengths {
public:
    Lengths(std::string_view family, unsigned offset) : family_(family), offset_(offset) {}

    // `subject` completes "... counts by": built only when it is needed for a message.
    template <typename Subject>
    void add(unsigned length, const Origin& where, const Subject& subject) {
        if (used_[length])
            return;
        if (used_.count() == most_lengths)
            throw ConfigError(where, subject() + " would count " + family_ + " sources by /" +
                                         std::to_string(length - offset_) + " beside " + listed() +
                                         "; at most four lengths can be in use");
        used_.set(length);
    }

    [[nodiscard]] std::vector<std::uint8_t> ascending() const {
        std::vector<std::uint8_t> result;
        for (unsigned length = 0; length < used_.size(); ++length)
            if (used_[length])
                result.push_back(static_cast<std::uint8_t>(length));
        return result;
    }

private:
    [[nodiscard]] std::string listed() const {
        std::string result;
        for (const std::uint8_t length : ascending())
            result += (result.empty() ? "/" : ", /") + std::to_string(length - offset_);
        return result;
    }

    std::string family_;
    unsigned offset_; // between lengths as written and mapped
    std::bitset<whole + 1> used_;
};

void add_class(Lengths& v4, Lengths& v6, const ClassConfig& of_class) {
    const auto subject = [&] { return "[class." + of_class.name + ']'; };
    v4.add(of_class.prefix4 + unsigned{SLUICE_V4_BITS}, of_class.origin, subject);
    v6.add(of_class.prefix6, of_class.origin, subject);
}

void add_ranges(Lengths& v4, Lengths& v6, const ClassConfig& of_class) {
    for (const Range& range : of_class.ranges) {
        const bool is_v4 = range.prefix.is_v4();
        const unsigned own = is_v4 ? of_class.prefix4 + unsigned{SLUICE_V4_BITS} : of_class.prefix6;
        if (range.prefix.length > own)
            (is_v4 ? v4 : v6)
                .add(counted_length(range.prefix.address, 0, range.prefix.length), range.origin,
                     [&] { return "range " + to_string(range.prefix) + " of class " + of_class.name; });
    }
}

} // namespace

SourcePrefixes source_prefixes(const Config& config) {
    Lengths v4("IPv4", SLUICE_V4_BITS);
    Lengths v6("IPv6", 0);
    v6.add(whole, Origin{}, [] { return std::string("NAT64"); });
    // Classes first: whoever wrote a prefix meant it, a range only happens to be long.
    for (const ClassConfig& of_class : config.classes)
        if (of_class.action != Action::exempt)
            add_class(v4, v6, of_class);
    for (const ClassConfig& of_class : config.classes)
        if (of_class.action != Action::exempt)
            add_ranges(v4, v6, of_class);
    return {v4.ascending(), v6.ascending()};
}

std::uint8_t counted_length(const Address& address, std::uint8_t class_length, std::uint8_t range_length) {
    if (nat64.contains(address) || link_local.contains(address))
        return whole;
    return std::max(class_length, range_length);
}

} // namespace sluice
