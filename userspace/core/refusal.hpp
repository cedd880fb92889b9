// SPDX-License-Identifier: GPL-2.0-or-later
// What sluice itself refuses, in one line for the operator: what, and what to do.
#pragma once

#include <stdexcept>

namespace sluice {

// The state of the machine forbids it: exit code 1.
class Refusal : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The command was asked for wrongly: exit code 2.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

} // namespace sluice
