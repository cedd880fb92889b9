// SPDX-License-Identifier: GPL-2.0-or-later
// Which port belongs to which service, and that services count apart.
#include "data_plane.hpp"
#include "row_name.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace sluice::test {
namespace {

constexpr const char* policy = R"(
mode = "xdp"
[service.first]
ports = [1]
[service.mail]
ports = [25, "465", "8000-8100"]
[service.last]
ports = [65535]
[limit]
connections = 1
per = "60s"
count_dropped = false
)";

struct Row {
    const char* name;
    std::uint16_t port;
    bool is_protected;

    friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
};

class Ports : public testing::TestWithParam<Row> {
protected:
    static void SetUpTestSuite() {
        if (why_no_bpf().empty()) {
            plane_ = std::make_unique<DataPlane>();
            plane_->load(policy);
        }
    }
    static void TearDownTestSuite() { plane_.reset(); }
    void SetUp() override { SLUICE_NEEDS_BPF(); }

    static std::unique_ptr<DataPlane> plane_;
};

std::unique_ptr<DataPlane> Ports::plane_;

TEST_P(Ports, belong_to_their_service_alone) {
    const sluice_outcome expected = GetParam().is_protected ? SLUICE_PASSED : SLUICE_OTHER_PORT;
    const std::string name = std::to_string(GetParam().port % 250 + 1);
    // a source for each row, so that the limit of 1 is met by nobody
    EXPECT_EQ(
        plane_->send(Ethernet{} / IPv4{.saddr = "198.51.100." + name} / TCP{.dport = GetParam().port}, noon),
        Verdict::pass(expected));
    EXPECT_EQ(
        plane_->send(Ethernet{} / IPv6{.saddr = "2001:db8:" + name + "::1"} / TCP{.dport = GetParam().port},
                     noon),
        Verdict::pass(expected));
    // host order and network order agree about few ports
    EXPECT_EQ(plane_->send(Ethernet{} / IPv4{} / TCP{.dport = GetParam().port, .ack = true}, noon),
              Verdict::pass(GetParam().is_protected ? SLUICE_NOT_SYN : SLUICE_OTHER_PORT));
}

constexpr Row rows[] = {
    {"port_0", 0, false},
    {"port_1", 1, true},
    {"port_2", 2, false},
    {"port_24", 24, false},
    {"port_25", 25, true},
    {"port_26", 26, false},
    {"port_464", 464, false},
    {"port_465", 465, true},
    {"port_466", 466, false},
    {"port_7999", 7999, false},
    {"port_8000", 8000, true},
    {"port_8050", 8050, true},
    {"port_8100", 8100, true},
    {"port_8101", 8101, false},
    {"port_65534", 65534, false},
    {"port_65535", 65535, true},
    {"port_25_swapped", 6400, false},
    {"port_1_swapped", 256, false},
};
INSTANTIATE_TEST_SUITE_P(Of, Ports, testing::ValuesIn(rows), row_name);

TEST(PortsOfServices, count_apart_and_ports_of_one_service_together) {
    SLUICE_NEEDS_BPF();
    DataPlane plane;
    plane.load(policy);
    const auto to = [&](std::uint16_t port) {
        return plane.send(Ethernet{} / IPv4{} / TCP{.dport = port}, noon);
    };
    EXPECT_EQ(to(25), Verdict::pass(SLUICE_PASSED));
    EXPECT_EQ(to(465), Verdict::drop(SLUICE_DROPPED_LIMITED));
    EXPECT_EQ(to(8100), Verdict::drop(SLUICE_DROPPED_LIMITED));
    EXPECT_EQ(to(65535), Verdict::pass(SLUICE_PASSED));
    EXPECT_EQ(to(1), Verdict::pass(SLUICE_PASSED));
    EXPECT_EQ(to(1), Verdict::drop(SLUICE_DROPPED_LIMITED));
    EXPECT_EQ(plane.tally("default", "mail").attempts, 3U);
    EXPECT_EQ(plane.tally("default", "mail").dropped, 2U);
    EXPECT_EQ(plane.tally("default", "first").over, 1U);
    EXPECT_EQ(plane.tally("default", "last").over, 0U);
}

TEST(PortsOfServices, follow_a_reload) {
    SLUICE_NEEDS_BPF();
    DataPlane plane;
    plane.load("[service.smtp]\nports = [25]\n");
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{} / TCP{.dport = 2525}, noon), Verdict::pass(SLUICE_OTHER_PORT));
    plane.load("[service.smtp]\nports = [2525]\n");
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{} / TCP{.dport = 2525}, noon), Verdict::pass(SLUICE_PASSED));
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{} / TCP{.dport = 25}, noon), Verdict::pass(SLUICE_OTHER_PORT));
}

TEST(PortsOfServices, nothing_is_loaded_and_nothing_is_touched) {
    SLUICE_NEEDS_BPF();
    DataPlane plane;
    EXPECT_EQ(plane.send(Ethernet{} / IPv4{} / TCP{}, noon), Verdict::pass(SLUICE_OTHER_PORT));
}

} // namespace
} // namespace sluice::test
