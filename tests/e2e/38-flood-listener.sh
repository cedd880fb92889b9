#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same flood against a real listener, Postfix, which answers every SYN with a cookie, at the rate
# that it sustains.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
. "$(dirname "$0")/flood.sh"
world bot crowd customer
distance bot
flood_prepare
netns_sysctl mx net/ipv4/tcp_syncookies=1

for count in syn handshake; do
    COUNT=$count write_config xdp 300s
    sluice_start
    accepted crowd --from 192.0.2.20 --count 30 >/dev/null
    expect_equal "$count: a source is limited before" true "$(over 192.0.2.20/32 smtp '.[0].limited')"
    cookies=$(tcp_counter mx SyncookiesSent)
    flood_start
    during_flood "$count"
    flood_stop "$count"
    flood_numbers "$count"
    expect "$count: SYN cookies were sent" test "$(tcp_counter mx SyncookiesSent)" -gt "$cookies"
    expect_equal "$count: over in the end: those two and nobody forged" "192.0.2.20/32 192.0.2.66/32" \
        "$(stat_of '[.sources_over[].source] | sort | join(" ")')"
    expect_equal "$count: nothing failed" 0 "$(counter failed)"
    sluice_stop
    sluice_cli detach
done
