// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of words -> aligned columns, for everything that prints tables on a terminal.
#pragma once

#include <string>
#include <vector>

namespace sluice {

// `alignment` has a letter for each column: 'l' or 'r'. Columns are two blanks apart; the last one
// carries no trailing blanks. Every row has as many cells as there are letters. Each line begins
// with `indent`.
[[nodiscard]] std::string to_table(const std::string& alignment,
                                   const std::vector<std::vector<std::string>>& rows,
                                   const std::string& indent = "");

// "1 source", "2 sources"
[[nodiscard]] std::string counted(unsigned long long count, const std::string& one, const std::string& many);

// Fit for a terminal: control characters become '?'.
[[nodiscard]] std::string printable(const std::string& text);

} // namespace sluice
