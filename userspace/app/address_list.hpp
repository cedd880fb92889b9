// SPDX-License-Identifier: GPL-2.0-or-later
// The ADDR... of ban and release -> prefixes: from the command line, or with "-" from standard
// input, one a line.
#pragma once

#include "core/address.hpp"

#include <istream>
#include <string>
#include <vector>

namespace sluice {

struct GivenAddress {
    Prefix prefix;
    bool bare = false; // without "/length": an address is meant, or the source it is counted under
    std::string text;  // as it was written
};

struct AddressList {
    std::vector<GivenAddress> addresses;
    std::vector<std::string> refused; // one line for each that is none
};

// An argument that is no address is bad usage (UsageError) and nothing is done; a bad line of
// `input` is refused alone. '#' and ';' begin comments there.
[[nodiscard]] AddressList read_addresses(const std::vector<std::string>& arguments, std::istream& input);

} // namespace sluice
