#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One connection counts once, however often its ACK, its data or the SYN-ACK comes again: behind a
# full accept queue, TCP_DEFER_ACCEPT, Fast Open, and on a wire that repeats segments.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
bare_world bot
# Mostly without cookies: with them a full accept queue forgets clients, limiter or not.
netns_sysctl mx net/ipv4/tcp_syncookies=0 net/ipv4/tcp_fastopen=3
netns_sysctl bot net/ipv4/tcp_fastopen=1

# begin [LISTENER OPTION…] / end
begin() {
    listener mx --host :: "$@"
    mark
}
end() {
    stop_process "$LISTENER_PID"
    forget 192.0.2.66
}

# eight_and_ten WHAT [BURST OPTION…]: 8 connections at once are 8 handshakes and nobody is over; 2
# more are within the limit of 10, and what comes then is not.
eight_and_ten() {
    local what=$1
    shift
    burst bot --count 8 --wait 20 "$@" >"$RUN_DIR/burst"
    expect_equal "$what: established of 8" 8 "$(jq .established "$RUN_DIR/burst")"
    expect_equal "$what: counted" 8 "$(grew completed)"
    expect_equal "$what: refused" 0 "$(grew refused)"
    expect_equal "$what: not over" 0 "$(over 192.0.2.66/32 smtp length)"
    burst bot --count 8 --wait 20 --syn-retries 1 "$@" >"$RUN_DIR/burst"
    expect_equal "$what: established of 8 more" 2 "$(jq .established "$RUN_DIR/burst")"
    expect_equal "$what: counted then" 10 "$(grew completed)"
    expect "$what: the source is over" test "$(over 192.0.2.66/32 smtp length)" = 1
}

write_config xdp
sluice_start
for cookies in 0 1 2; do
    netns_sysctl mx "net/ipv4/tcp_syncookies=$cookies"
    distance bot --copies-of-acks 3 --copies-of-data 3 --copies-of-synacks 3
    begin
    eight_and_ten "every segment three times, syncookies $cookies"
    end
    distance bot --copies-of-acks 2
    begin
    eight_and_ten "data right behind the ACK, syncookies $cookies" --speak
    end
done
netns_sysctl mx net/ipv4/tcp_syncookies=0

# SYN-ACKs that get lost: the client repeats its SYN, the server its SYN-ACK.
distance bot --lose-synacks 2
begin
eight_and_ten "the first two SYN-ACKs lost"
end

distance bot --copies-of-acks 2
begin --defer-accept 2
eight_and_ten "TCP_DEFER_ACCEPT, the client waits"
end
begin --defer-accept 5
eight_and_ten "TCP_DEFER_ACCEPT, the client speaks" --speak
end

# Fast Open: data in the SYN would make a connection without any ACK, so the option is taken out.
begin --fastopen 64
burst bot --count 1 --fastopen >"$RUN_DIR/burst" # would fetch the cookie
forget 192.0.2.66
mark
burst bot --count 8 --fastopen >"$RUN_DIR/burst"
expect_equal "Fast Open: established of 8" 8 "$(jq .established "$RUN_DIR/burst")"
expect_equal "Fast Open: each by an ordinary handshake" 8 "$(grew completed)"
expect_equal "Fast Open: none by its cookie" 0 "$(tcp_counter mx TCPFastOpenPassive)"
burst bot --count 8 --fastopen --syn-retries 1 >"$RUN_DIR/burst"
expect_equal "Fast Open: established of 8 more" 2 "$(jq .established "$RUN_DIR/burst")"
end

# A full accept queue: the kernel forgets the ACK, and the SYN-ACK and its ACK come again and again.
distance bot
for mode in xdp observe; do
    sluice_cli mode "$mode"
    begin --backlog 3 --asleep
    spawn_in bot python3 "$TOOLS/burst.py" --to "$MX4" --count 8 --wait 30 >"$RUN_DIR/burst"
    caller=$SPAWNED
    overflowed() { [ "$(tcp_counter mx ListenOverflows)" -gt "${overflows:-0}" ]; }
    expect "full accept queue, $mode: it overflows" wait_until 10 overflowed
    overflows=$(tcp_counter mx ListenOverflows)
    expect "full accept queue, $mode: and again" wait_until 10 overflowed
    kill -USR1 "$LISTENER_PID"
    wait "$caller"
    overflows=$(tcp_counter mx ListenOverflows)
    expect_equal "full accept queue, $mode: established of 8 in the end" 8 "$(jq .established "$RUN_DIR/burst")"
    expect_equal "full accept queue, $mode: counted" 8 "$(grew completed)"
    expect_equal "full accept queue, $mode: not over" 0 "$(over 192.0.2.66/32 smtp length)"
    end
done
sluice_cli mode xdp

# Refused once, refused for good, data and repeated ACKs included.
for cookies in 0 1 2; do
    netns_sysctl mx "net/ipv4/tcp_syncookies=$cookies"
    distance bot --hold-answers 30 --copies-of-acks 3 --copies-of-data 3
    begin
    burst bot --count 30 --speak >"$RUN_DIR/burst"
    expect_equal "refused for good, syncookies $cookies: established" 10 "$(jq .established "$RUN_DIR/burst")"
    expect_equal "refused for good, syncookies $cookies: reset" 20 "$(jq .reset "$RUN_DIR/burst")"
    expect_equal "refused for good, syncookies $cookies: accepted by the server" 10 "$(connections_accepted 192.0.2.66)"
    expect "refused for good, syncookies $cookies: nothing stays half open" wait_until 2 no_half_open
    end
done
sluice_stop
sluice_cli detach

# The negative twin: without sluice Fast Open works, so the test can fail.
netns_sysctl mx net/ipv4/tcp_syncookies=0
in_ns bot ip tcp_metrics flush all >/dev/null # the client remembers that it got no cookie
listener mx --host :: --fastopen 64
burst bot --count 1 --fastopen >"$RUN_DIR/burst"
burst bot --count 8 --fastopen >"$RUN_DIR/burst"
if [ "$(tcp_counter mx TCPFastOpenPassive)" -ge 8 ]; then
    echo "ok: Fast Open is used without sluice"
else
    echo "not shown here: Fast Open without sluice (this client does not use it)"
fi
stop_process "$LISTENER_PID"
