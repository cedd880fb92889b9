// SPDX-License-Identifier: GPL-2.0-or-later
// One row for each outcome and counter of bpf/abi.h; a row that is missing or out of order does
// not compile.
#include "core/outcome.hpp"

#include <array>

namespace sluice {

namespace {

enum class Kind { other, attempt, failure, counter };

struct Row {
    unsigned number;
    Kind kind;
    std::string_view name;
    std::string_view explanation;
};

constexpr auto rows = std::to_array<Row>({
    {SLUICE_NOT_TCP, Kind::other, "not_tcp", "Neither TCP over IPv4 nor over IPv6; passed."},
    {SLUICE_OTHER_PORT, Kind::other, "other_port", "TCP to a port that no service protects; passed."},
    {SLUICE_NOT_SYN, Kind::other, "not_syn",
     "TCP to a protected port that opens no connection (data, acknowledgements, resets); passed."},
    {SLUICE_EXEMPT, Kind::attempt, "exempt", "Attempt from an exempt or allowed address; passed."},
    {SLUICE_PASSED, Kind::attempt, "passed",
     "Attempt within its limit, or from a source that nothing limits; passed."},
    {SLUICE_OVER_OBSERVED, Kind::attempt, "over_observed",
     "Attempt over the limit of a class that is only observed; passed."},
    {SLUICE_WOULD_DROP, Kind::attempt, "would_drop",
     "Attempt of a limited or banned source in mode observe; passed, the other modes would drop it."},
    {SLUICE_LEFT_TO_NFT, Kind::attempt, "left_to_nft",
     "Attempt of a limited or banned source in mode nft; passed on to nftables, which drops and logs it."},
    {SLUICE_DROPPED_LIMITED, Kind::attempt, "dropped_limited",
     "Attempt of a source over its limit in mode xdp; dropped."},
    {SLUICE_DROPPED_BANNED, Kind::attempt, "dropped_banned",
     "Attempt of a banned source in mode xdp; dropped."},
    {SLUICE_SAMPLED, Kind::attempt, "sampled",
     "Attempt of a limited or banned source in mode xdp, made harmless and passed on to nftables to be "
     "logged and dropped there."},
    {SLUICE_RETRANSMITTED, Kind::other, "retransmitted",
     "A SYN that was let through and comes again because no answer reached its sender; passed, not counted."},
    {SLUICE_UNLISTED, Kind::attempt, "unlisted",
     "Attempt of a newcomer for whom a table full of others had no room; passed, counted only if it "
     "completes its handshake."},
    {SLUICE_UNVERIFIED, Kind::attempt, "unverified",
     "Attempt of a class that counts handshakes; its address may be forged, so it counts only when its "
     "handshake is completed; passed."},
    {SLUICE_UNVERIFIABLE, Kind::attempt, "unverifiable",
     "The same to a port on which nobody listens in this network namespace, so the handshake cannot be "
     "seen by its packets; passed."},
    {SLUICE_COMPLETED, Kind::other, "completed",
     "The packet that completes a handshake; counted and passed."},
    {SLUICE_REFUSED, Kind::other, "refused",
     "The packet that completes a handshake over the limit, mode xdp; made to reset the connection."},
    {SLUICE_MALFORMED, Kind::other, "malformed",
     "Headers cut short or contradicting themselves; passed, no TCP stack accepts it."},
    {SLUICE_FRAGMENT, Kind::other, "fragment",
     "Later fragment of an IP packet, which shows no TCP header; passed."},
    {SLUICE_TINY_FRAGMENT, Kind::other, "tiny_fragment",
     "First fragment that ends before TCP's flags; passed (mode observe, or an exempt source)."},
    {SLUICE_TINY_FRAGMENT_DROPPED, Kind::other, "tiny_fragment_dropped",
     "First fragment that ends before TCP's flags, which no honest sender makes; dropped."},
    {SLUICE_OVERLAP_FRAGMENT, Kind::other, "overlap_fragment",
     "TCP fragment that would overwrite the flags (RFC 1858, RFC 3128); passed (mode observe, or an exempt "
     "source)."},
    {SLUICE_OVERLAP_FRAGMENT_DROPPED, Kind::other, "overlap_fragment_dropped",
     "TCP fragment that would overwrite the flags (RFC 1858, RFC 3128), which no honest sender makes; "
     "dropped."},
    {SLUICE_LONG_CHAIN, Kind::other, "long_chain",
     "More headers than any honest sender stacks: over 8 IPv6 extension headers or VLAN tags; passed (mode "
     "observe, or extension headers from an exempt source)."},
    {SLUICE_LONG_CHAIN_DROPPED, Kind::other, "long_chain_dropped",
     "More headers than any honest sender stacks: over 8 IPv6 extension headers or VLAN tags; dropped."},
    {SLUICE_FAILED_CONTROL, Kind::failure, "failed_control",
     "Not judged: sluice's settings are missing in the kernel; passed."},
    {SLUICE_FAILED_CLASS, Kind::failure, "failed_class",
     "Not judged: no list of ranges is loaded in the kernel; passed."},
    {SLUICE_FAILED_ENTRY, Kind::failure, "failed_entry",
     "Attempt not counted: its entry could not be made at this moment; passed."},
    {SLUICE_FAILED_RECYCLED, Kind::failure, "failed_recycled",
     "Attempt not counted: its source was evicted from the table in the same moment; passed."},
    {SLUICE_EVENTS_LOST, Kind::counter, "events_lost",
     "Events for the controller that found the ring buffer full; a walk of the table makes up for them."},
    {SLUICE_SOURCES_NEW, Kind::counter, "sources_new", "Sources entered into the table."},
    {SLUICE_SAMPLES_SUPPRESSED, Kind::counter, "samples_suppressed",
     "Samples for the log that were not taken because of log.max."},
    {SLUICE_CONTENDED, Kind::counter, "contended",
     "Attempts that met so many others of the same source in the same instant that they were treated as "
     "over."},
    {SLUICE_SOURCES_EVICTED, Kind::counter, "sources_evicted",
     "Entries of sources that were still of interest and had to make room for others."},
    {SLUICE_SOURCES_EXPIRED, Kind::counter, "sources_expired",
     "Entries of sources idle for longer than any limit looks back, used again for others."},
    {SLUICE_SOURCES_REFUSED, Kind::counter, "sources_refused",
     "Newcomers that got no entry because all the room was taken by others still of interest."},
    {SLUICE_SOURCES_MOVED, Kind::counter, "sources_moved",
     "Entries taken over from the table before a reload that needed larger ones."},
    {SLUICE_MEMORY_REFUSED, Kind::counter, "memory_refused",
     "Times that there was no room to remember more pending connections of a source."},
    {SLUICE_LARGE_REFUSED, Kind::counter, "large_refused",
     "Attempts that found no room for the window of a limit above 64; passed."},
    {SLUICE_COMPLETED_ELSEWHERE, Kind::counter, "completed_elsewhere",
     "Handshakes completed in other network namespaces, as of ports published into containers; counted."},
    {SLUICE_WARNED, Kind::counter, "warned",
     "Times that a source reached the warning threshold of its limit."},
});

constexpr bool in_order() {
    for (unsigned i = 0; i < rows.size(); ++i)
        if (rows[i].number != i)
            return false;
    return rows.size() == SLUICE_COUNTERS;
}
static_assert(in_order(), "one row for each number in bpf/abi.h, in its order");

bool is(unsigned number, Kind kind) {
    return number < rows.size() && rows[number].kind == kind;
}

} // namespace

std::string_view outcome_name(unsigned outcome_or_counter) {
    return outcome_or_counter < rows.size() ? rows[outcome_or_counter].name : "unknown";
}

std::string_view outcome_explanation(unsigned outcome_or_counter) {
    return outcome_or_counter < rows.size() ? rows[outcome_or_counter].explanation
                                            : "Made by another version of sluice.";
}

bool is_attempt(unsigned outcome) {
    return is(outcome, Kind::attempt);
}

bool is_failure(unsigned outcome) {
    return is(outcome, Kind::failure);
}

} // namespace sluice
