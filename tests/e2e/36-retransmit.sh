#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# count = "syn": the retransmission of a SYN that was let through is no attempt. What imitates one is:
# too soon, too often, another sequence number; and the most that imitation gains is 7 for 1.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
world bot crowd
STRANGER=192.0.2.77 # routed to bot, and nobody's: its kernel answers nothing

# fresh MODE CONNECTIONS
fresh() {
    [ -z "$SLUICE_PID" ] || sluice_stop
    [ ! -d "$PIN_DIR" ] || sluice_cli detach
    COUNT=syn write_config "$1"
    sed -i "s/^connections = 10$/connections = $2/" "$CONFIG"
    sluice_start
}
passed() { outcome passed; }
dropped() { stat_of '.outcomes | .dropped_limited + .sampled'; }
# repeats LABEL PASSED RETRANSMITTED DROPPED
repeats() {
    expect_equal "$1: attempts that passed" "$2" "$(outcome passed)"
    expect_equal "$1: retransmissions" "$3" "$(outcome retransmitted)"
    expect_equal "$1: dropped" "$4" "$(dropped)"
}

# A real client, and a server whose answers take their time: it repeats each SYN after 1 s and 3 s.
fresh xdp 5
distance bot --lose-synacks 2
burst bot --count 5 --wait 20 >"$RUN_DIR/burst"
expect_equal "slow server: 5 connections, limit 5" 5 "$(jq .established "$RUN_DIR/burst")"
expect_equal "slow server: attempts" 5 "$(stat_of .counters.attempts)"
expect "slow server: SYNs were repeated" test "$(outcome retransmitted)" -ge 5
expect_equal "slow server: dropped" 0 "$(dropped)"
expect_equal "slow server: not over" 0 "$(over 192.0.2.66/32 smtp length)"
# The negative twin: a sixth connection is one too many.
distance bot
expect_equal "slow server: a sixth connection" 0 "$(accepted bot --count 1)"
expect_equal "slow server: over" 1 "$(over 192.0.2.66/32 smtp length)"

# 10 pending, 100 dropped ones; then the first 10 again: as many are remembered as the limit.
fresh xdp 10
syns bot --from "$STRANGER" --count 10 --sport 5000 --isn 1000 >"$RUN_DIR/sent"
syns bot --from "$STRANGER" --count 100 --sport 6000 --isn 2000 >"$RUN_DIR/sent"
repeats "10 pending, 100 too many" 10 0 100
sleep 0.6
syns bot --from "$STRANGER" --count 10 --sport 5000 --isn 1000 >"$RUN_DIR/sent"
repeats "the first 10 again" 10 10 100
syns bot --from "$STRANGER" --count 100 --sport 6000 --isn 2000 >"$RUN_DIR/sent"
repeats "the dropped ones again" 10 10 200

# 16 at least are remembered, whatever the limit.
fresh xdp 3
syns bot --from "$STRANGER" --count 3 --sport 5000 --isn 1000 --at 0,0.6,1.2,1.8 >"$RUN_DIR/sent"
repeats "limit 3: each of 3, three times more" 3 9 0
fresh observe 3
syns bot --from "$STRANGER" --count 16 --sport 5000 --isn 1000 --at 0,0.6 >"$RUN_DIR/sent"
expect_equal "limit 3, observe: 16 pending are remembered" 16 "$(outcome retransmitted)"

# As TCP does it: 1, 3 and 7 s after the first.
fresh xdp 10
syns bot --from "$STRANGER" --at 0,1,3,7 >"$RUN_DIR/sent"
repeats "one SYN and three repetitions" 1 3 0

# Too soon, too often, another number, another port: new attempts, each of them.
fresh xdp 10
syns bot --from "$STRANGER" --sport 5000 --isn 1 --at 0,0.1,0.2 >"$RUN_DIR/sent"
repeats "sooner than 0.5 s" 3 0 0
fresh xdp 10
syns bot --from "$STRANGER" --sport 5000 --isn 1 --at 0,0.6,1.2,1.8,2.4,3.0,3.6,4.2 >"$RUN_DIR/sent"
repeats "the eighth" 2 6 0
fresh xdp 10
syns bot --from "$STRANGER" --sport 5000 --isn 1 >"$RUN_DIR/sent"
sleep 0.6
syns bot --from "$STRANGER" --sport 5000 --isn 2 >"$RUN_DIR/sent"
syns bot --from "$STRANGER" --sport 5001 --isn 1 >"$RUN_DIR/sent"
syns bot --from "$STRANGER" --sport 5000 --isn 1 --port 465 >"$RUN_DIR/sent"
repeats "another number, port or service" 4 0 0

# A bot that opens whole connections with one tuple and number, as often as it likes.
fresh xdp 1
raw_syn bot --from "$STRANGER" --count 12 --same --gap 0.7 >"$RUN_DIR/raw"
gained=$(jq .accepted "$RUN_DIR/raw")
expect_between "limit 1: connections of a bot that imitates retransmissions" 1 7 "$gained"
printf 'measured: %s connections for 1 by imitating retransmissions\n' "$gained"
# The negative twin: without the gap there is nothing to gain.
fresh xdp 2
raw_syn bot --from "$STRANGER" --count 12 --same >"$RUN_DIR/raw"
expect_between "limit 2: without waiting" 1 2 "$(jq .accepted "$RUN_DIR/raw")"
