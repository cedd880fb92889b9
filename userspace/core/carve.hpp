// SPDX-License-Identifier: GPL-2.0-or-later
// Which addresses are exempt, by longest prefix. nftables drops whole prefixes (limited
// sources, bans); what lies inside them and must pass all the same is carved out with the
// intervals computed here. Also answers for userspace what the kernel would say of an address.
#pragma once

#include "core/address.hpp"
#include "core/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace sluice {

// Both ends belong to it, and both are of one family.
struct AddressInterval {
    Address first;
    Address last;
    auto operator<=>(const AddressInterval&) const = default;
};

// What holds for one address. An allow does not change the class or its action; it exempts
// beside them.
struct AddressClass {
    std::uint16_t class_id = 0;
    std::optional<std::uint32_t> range_id; // of the longest range; none: the class is "default"
    Prefix source;                         // under which the address is counted
    Action action = Action::observe;       // of the class
    bool exempt_by_allow = false;          // an allow holds that is at least as long as the range

    [[nodiscard]] bool is_exempt() const { return exempt_by_allow || action == Action::exempt; }
};

// Prefixes that may nest, by which the longest one around an address is found.
class NestedPrefixes {
public:
    // Sorted by address and then length, none twice.
    explicit NestedPrefixes(std::vector<Prefix> sorted);

    // Position of the longest prefix that contains the address; O(log n + depth).
    [[nodiscard]] std::optional<std::size_t> longest(const Address& address) const;

    [[nodiscard]] const std::vector<Prefix>& prefixes() const { return prefixes_; }

private:
    static constexpr std::uint32_t none = UINT32_MAX;

    std::vector<Prefix> prefixes_;
    std::vector<std::uint32_t> parents_; // the next wider prefix around each
};

// Built once per configuration and set of allows; keeps nothing of its arguments.
class ExemptIndex {
public:
    explicit ExemptIndex(const PolicyImage& image, std::vector<Prefix> allows = {});

    // The addresses inside these prefixes that an exempt range or an allow protects even from a ban:
    // sorted, disjoint, as few intervals as possible. An exempt class "default" protects nobody so. O(log n +
    // answers) for each prefix.
    [[nodiscard]] std::vector<AddressInterval> exempt_within(std::span<const Prefix> dropped) const;

    // The addresses inside these sources that are counted elsewhere: a range longer than a
    // source is a source of its own (or exempt), and what the wider one did is not its fault.
    // Matters to nftables, which knows a source by its masked address alone; the answer is for
    // limits, not for bans. The sources are of one length and disjoint.
    [[nodiscard]] std::vector<AddressInterval> counted_elsewhere(std::span<const Prefix> sources) const;

    // The longest configured range around the address, as its range_id.
    [[nodiscard]] std::optional<std::uint32_t> range_of(const Address& address) const;

    [[nodiscard]] AddressClass effective_class(const Address& address) const;

private:
    struct ClassRules {
        Action action = Action::observe;
        std::uint8_t prefix4 = 0; // mapped
        std::uint8_t prefix6 = 0;
    };

    [[nodiscard]] std::vector<AddressInterval> exempt_intervals() const;

    std::vector<ClassRules> classes_;    // by class id
    NestedPrefixes ranges_;              // configured ranges ...
    std::vector<sluice_class_ref> refs_; // ... and what each stands for
    NestedPrefixes allows_;
    std::vector<AddressInterval> exempt_; // of the whole address space, ascending
};

} // namespace sluice
