// SPDX-License-Identifier: GPL-2.0-or-later
// The C library knows the zones.
#include "kernel/local_time.hpp"

#include <array>
#include <ctime>

namespace sluice {

std::string to_local_time(std::uint64_t wall_ns) {
    const auto second = static_cast<std::time_t>(wall_ns / 1'000'000'000);
    std::tm local{};
    ::tzset();
    ::localtime_r(&second, &local);
    std::array<char, 64> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %Z", &local);
    return text.data();
}

} // namespace sluice
