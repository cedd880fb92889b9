// SPDX-License-Identifier: GPL-2.0-or-later
// See address_list.hpp.
#include "app/address_list.hpp"

#include "core/refusal.hpp"
#include "core/text.hpp"

namespace sluice {
namespace {

void read_line(AddressList& list, const std::string& line, unsigned number) {
    const std::string_view text = trimmed(std::string_view(line).substr(0, line.find_first_of("#;")));
    if (text.empty())
        return;
    const PrefixParse parsed = parse_prefix(text);
    if (!parsed.prefix)
        list.refused.push_back("standard input:" + std::to_string(number) + ": " + parsed.error);
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
        if (!parsed.prefix)
            throw UsageError(parsed.error);
        list.addresses.push_back({*parsed.prefix, parsed.bare, argument});
    }
    std::string line;
    for (unsigned number = 1; from_input && std::getline(input, line); number++)
        read_line(list, line, number);
    return list;
}

} // namespace sluice
