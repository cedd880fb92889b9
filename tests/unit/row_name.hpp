// SPDX-License-Identifier: GPL-2.0-or-later
// Names the cases of a table: each row has a `name`, which becomes the name of the test.
#pragma once

#include <string>

namespace sluice {

inline constexpr auto row_name = [](const auto& row) { return std::string(row.param.name); };

} // namespace sluice
