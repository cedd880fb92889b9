#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# count = "handshake", the default, mode xdp: of 1,000 connections that are all half open at the same moment
# exactly `connections` become established and usable. Every other client sees ECONNRESET, and no
# socket stays half open; with SYN cookies off, on demand and always. The real Postfix listens.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
world bot customer
distance bot --hold-answers 1000
distance customer --hold-answers 20

write_config xdp
sed -i '/^count = /d' "$CONFIG"
sluice_start
for cookies in 0 1 2; do
    netns_sysctl mx "net/ipv4/tcp_syncookies=$cookies"
    hold_again bot
    hold_again customer
    mark
    burst bot --count 1000 >"$RUN_DIR/burst"
    expect_equal "syncookies $cookies: established and usable" 10 "$(jq .established "$RUN_DIR/burst")"
    expect_equal "syncookies $cookies: saw ECONNRESET" 990 "$(jq .reset "$RUN_DIR/burst")"
    expect "syncookies $cookies: nothing stays half open" wait_until 2 no_half_open
    expect_equal "syncookies $cookies: reached Postfix" $((10 * (cookies + 1))) "$(reached 192.0.2.66 25)"
    expect_equal "syncookies $cookies: SYNs passed, not counted" 1000 "$(grew unverified)"
    expect_equal "syncookies $cookies: handshakes completed" 10 "$(grew completed)"
    expect_equal "syncookies $cookies: and refused" 990 "$(grew refused)"
    expect_equal "syncookies $cookies: the source is limited" true "$(over 192.0.2.66/32 smtp '.[0].limited')"
    longest=$(jq .failure_s.longest "$RUN_DIR/burst")
    printf 'measured: refused clients knew after %s s at most\n' "$longest"

    # From now on its SYNs are dropped, so no socket of the server is ever touched.
    expect_equal "syncookies $cookies: later connections" 0 "$(accepted bot --count 20)"
    expect_equal "syncookies $cookies: their SYNs" 20 $(($(grew dropped_limited) + $(grew sampled)))

    # The negative twin: as many at once as its class may.
    burst customer --count 20 >"$RUN_DIR/burst"
    expect_equal "syncookies $cookies: a customer within its limit" 20 "$(jq .established "$RUN_DIR/burst")"
    expect_equal "syncookies $cookies: nobody else is refused" 990 "$(grew refused)"
    forget 192.0.2.66 198.51.100.10
done
sluice_stop
sluice_cli detach

# Mode nft cannot refuse what is half open already: it counts, and then the element drops SYNs.
write_config nft
sluice_start
distance bot --hold-answers 30
burst bot --count 30 >"$RUN_DIR/burst"
expect_equal "nft: a burst gets in" 30 "$(jq .established "$RUN_DIR/burst")"
expect_equal "nft: nobody is reset" 0 "$(outcome refused)"
expect "nft: then the element is there" wait_until 5 nft_has 192.0.2.66
expect_equal "nft: later connections" 0 "$(accepted bot --count 20)"
sluice_stop
sluice_cli detach

# Mode observe does nothing but count.
write_config observe
sluice_start
hold_again bot
burst bot --count 30 >"$RUN_DIR/burst"
expect_equal "observe: all of a burst get in" 30 "$(jq .established "$RUN_DIR/burst")"
expect_equal "observe: nobody is reset" 0 "$(outcome refused)"
expect_equal "observe: it would be limited" false "$(over 192.0.2.66/32 smtp '.[0].limited')"
