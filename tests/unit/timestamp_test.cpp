// SPDX-License-Identifier: GPL-2.0-or-later
// RFC 3339 against moments whose dates are known.
#include "core/timestamp.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

TEST(Timestamp, IsRfc3339InUtc) {
    EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(to_rfc3339(951'782'399 * second), "2000-02-28T23:59:59Z");
    EXPECT_EQ(to_rfc3339(951'782'400 * second), "2000-02-29T00:00:00Z");
    EXPECT_EQ(to_rfc3339(1'700'000'000 * second), "2023-11-14T22:13:20Z");
    EXPECT_EQ(to_rfc3339(4'294'967'295 * second), "2106-02-07T06:28:15Z");
}

TEST(Timestamp, RoundsFractionsDown) {
    const std::uint64_t moment = 1'700'000'000 * second + 9'876'543;
    EXPECT_EQ(to_rfc3339(moment), "2023-11-14T22:13:20Z");
    EXPECT_EQ(to_rfc3339(moment, Fraction::milliseconds), "2023-11-14T22:13:20.009Z");
    EXPECT_EQ(to_rfc3339(moment, Fraction::microseconds), "2023-11-14T22:13:20.009876Z");
    EXPECT_EQ(to_rfc3339(second - 1, Fraction::milliseconds), "1970-01-01T00:00:00.999Z");
}

} // namespace
} // namespace sluice
