// SPDX-License-Identifier: GPL-2.0-or-later
// See address_list.hpp.
#include "app/address_list.hpp"

#include "core/refusal.hpp"
#include "core/text.hpp"

namespace sluice {
namespace {

// In the kernel IPv4 is a part of the IPv6 space: such a prefix would mean all of IPv4 as well.
bool swallows_ipv4(const Prefix& prefix) {
    Address any_v4;
    any_v4.bytes[10] = any_v4.bytes[11] = 0xff;
    return prefix.length < 96 && prefix.contains(any_v4);
}

std::string problem(const PrefixParse& parsed) {
    if (!parsed.prefix)
        return parsed.error;
    if (swallows_ipv4(*parsed.prefix))
        return to_string(*parsed.prefix) + " is too wide; write the part that is meant, such as 2000::/3";
    return {};
}

void read_line(AddressList& list, const std::string& line, unsigned number) {
    const std::string_view text = trimmed(std::string_view(line).substr(0, line.find_first_of("#;")));
    if (text.empty())
        return;
    const PrefixParse parsed = parse_prefix(text);
    if (const std::string wrong = problem(parsed); !wrong.empty())
        list.refused.push_back("standard input:" + std::to_string(number) + ": " + wrong);
    else
        list.addresses.push_back({*parsed.prefix, parsed.bare, std::string(text)});
}

} // namespace

AddressList read_addresses(const std::vector<std::string>& arguments, std::istream& input) {
    AddressList list;
    bool from_input = false;
    for (const std::string& argument : arguments) {
        if (argument == "-") {
            from_input = true;
            continue;
        }
        const PrefixParse parsed = parse_prefix(argument);
        if (const std::string wrong = problem(parsed); !wrong.empty())
            throw UsageError(wrong);
        list.addresses.push_back({*parsed.prefix, parsed.bare, argument});
    }
    std::string line;
    for (unsigned number = 1; from_input && std::getline(input, line); number++)
        read_line(list, line, number);
    return list;
}

} // namespace sluice
