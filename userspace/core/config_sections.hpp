// SPDX-License-Identifier: GPL-2.0-or-later
// What the readers of the sections share. config_sections.cpp reads all but [class.*], which
// is in config_class.cpp.
#pragma once

#include "abi.h"
#include "core/config_draft.hpp"

#include <string>

namespace sluice {

// A section that may be written once was written again.
[[noreturn]] void refuse_second(const std::string& section, const Origin& here, const Origin& there);

[[nodiscard]] Limit read_limit(const Entry& entry, const std::string& section);

// One [class.NAME].
void read_class(Draft& draft, const Entry& entry);

} // namespace sluice
