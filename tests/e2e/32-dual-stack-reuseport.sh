#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completed handshakes are seen whatever kind of listener there is: IPv4 alone, IPv6 alone,
# dual-stack, bound to one address, several with SO_REUSEPORT; by request sockets and by SYN cookies.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
bare_world bot crowd
distance bot --hold-answers 40
write_config xdp
sluice_start

# exact WHAT SOURCE [CONNECT OPTION…]: of 40 connections at once 10 are established, the rest reset.
exact() {
    local what=$1 source=$2
    shift 2
    hold_again bot
    burst bot --count 40 "$@" >"$RUN_DIR/burst"
    expect_equal "$what: established of 40 at once" 10 "$(jq .established "$RUN_DIR/burst")"
    expect_equal "$what: reset" 30 "$(jq .reset "$RUN_DIR/burst")"
    expect_equal "$what: the source" "$source" "$(stat_of '[.sources_over[].source] | join(" ")')"
    expect "$what: nothing stays half open" wait_until 2 no_half_open
}

# each_of WHAT FAMILIES [LISTENER OPTION…]
each_of() {
    local what=$1 families=$2
    shift 2
    for cookies in 1 2; do
        netns_sysctl mx "net/ipv4/tcp_syncookies=$cookies"
        listener mx "$@"
        for family in $families; do
            if [ "$family" = 4 ]; then
                exact "$what, syncookies $cookies, IPv4" 192.0.2.66/32
            else
                exact "$what, syncookies $cookies, IPv6" 2001:db8:66::/64 --from 2001:db8:66::66
            fi
            forget 192.0.2.66 2001:db8:66::66
        done
        stop_process "$LISTENER_PID"
    done
}

each_of "IPv4 listener" 4 --host 0.0.0.0
each_of "IPv6 listener" 6 --host :: --only-v6
each_of "dual-stack listener" "4 6" --host ::
each_of "bound to one address" 4 --host "$MX4"
each_of "4 listeners with SO_REUSEPORT" "4 6" --host :: --sockets 4

# The negative twin: within the limit nobody is refused, through all of the listeners.
netns_sysctl mx net/ipv4/tcp_syncookies=1
listener mx --host :: --sockets 4
mark
expect_equal "6 sources with 10 connections each" 60 "$(accepted crowd --from 192.0.2.20-192.0.2.25 --each 10)"
expect_equal "counted" 60 "$(grew completed)"
expect_equal "nobody refused" 0 "$(grew refused)"
expect_equal "in all of this nobody was unverifiable" 0 "$(outcome unverifiable)"
