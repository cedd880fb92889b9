// SPDX-License-Identifier: GPL-2.0-or-later
// Small helpers for texts that people wrote: trimming, quoting in a message, and guessing
// which word was meant. Used by everything that reads addresses or configuration.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

// Without blanks, tabs and carriage returns at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

// In double quotes and fit for one line of a message: control characters become '?', and
// what is longer than 60 bytes is cut.
[[nodiscard]] std::string in_quotes(std::string_view text);

// "a, b, c"
[[nodiscard]] std::string joined(std::span<const std::string_view> words);

// The known word that `word` was probably meant to be; empty if none is close enough.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> known);

} // namespace sluice
