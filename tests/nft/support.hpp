// SPDX-License-Identifier: GPL-2.0-or-later
// For tests of the nft table against the real kernel: a network namespace of our own, packets
// through its loopback, and nft's own view of what was built. Waits for states, never for time.
#pragma once

#include "kernel/nft_table.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace sluice::test {

[[nodiscard]] std::uint64_t now_ns(); // CLOCK_BOOTTIME
inline std::uint64_t in(std::chrono::milliseconds time) {
    return now_ns() + static_cast<std::uint64_t>(time.count()) * 1'000'000;
}
[[nodiscard]] Prefix prefix(const char* text);
[[nodiscard]] Address address(const char* text);

// Output of a shell command, both streams; fails the test if its exit status is not 0.
std::string run(const std::string& command);

[[nodiscard]] std::string listing(); // `nft list table inet sluice`
[[nodiscard]] inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Asks until it is true; false after ten seconds.
bool eventually(const std::function<bool()>& condition);

enum class Fate { connected, dropped };

class NftTest : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    // lo attached, smtp = 25, submission = 465 and 587, /32, /24, /64 and /128, gate shut.
    [[nodiscard]] static NftDesign design();
    [[nodiscard]] static NftContent enforced();

    // One connection over lo from a local address; the destination is in the source's family.
    // Dropped means that the packets behind sluice's hook have not seen its SYN.
    [[nodiscard]] Fate connect_from(const char* source, std::uint16_t port);
    // A bare TCP segment by raw socket, no answer expected.
    static void send_segment(const char* source, std::uint16_t port, std::uint8_t flags,
                             std::uint32_t sequence);
    // Segments that passed sluice's hook: counted by a table of our own behind it.
    [[nodiscard]] std::uint64_t passed();

    std::uint64_t dropped(const std::string& class_name) {
        return table_.counters().value().dropped[class_name];
    }

    NftSocket socket_;
    NftTable table_{socket_};
};

} // namespace sluice::test
