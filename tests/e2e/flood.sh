# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A flood of SYNs with forged sources, made by a live-frames generator in the router's namespace as
# fast as one processor makes them; on top of lib.sh and handshakes.sh.

FLOOD_TOOL=${FLOOD_TOOL:-$SLUICE_BUILD/tests/bench/bench_tool}
FLOOD_RANGE=11.0.0.0/8 # so many that none of them is over by itself within the flood
FLOOD_FRAMES=200000000 # a bound; the flood is stopped long before

# flood_prepare: the answers to nobody end in the router.
flood_prepare() {
    [ -x "$FLOOD_TOOL" ] || skip "no generator at $FLOOD_TOOL"
    ip -n "$(netns_name net)" route add blackhole "$FLOOD_RANGE"
}

flood_start() {
    local mac
    mac=$(ip -n "$(netns_name mx)" -j link show dev eth0 | jq -r '.[0].address')
    spawn_in net nice "$FLOOD_TOOL" flood --interface to-mx --to-mac "$mac" --to "$MX4" \
        --from "${FLOOD_RANGE%/*}" --sources 16777216 --frames "$FLOOD_FRAMES" >"$RUN_DIR/flood" 2>&1
    FLOOD_PID=$SPAWNED
    at_exit "stop_process $FLOOD_PID"
    FLOOD_BEGAN=$(flood_seen)
    FLOOD_BEGAN_AT=$SECONDS
    if ! wait_until 10 flood_arrives; then
        cat "$RUN_DIR/flood" >&2
        skip "this kernel makes no live frames"
    fi
}
# SYNs by sluice's own count, whatever became of them.
flood_seen() { stat_of '.outcomes | .passed + .unlisted + .unverified + .over_observed + .retransmitted + .unverifiable'; }
flood_arrives() { [ "$(flood_seen)" -gt $((FLOOD_BEGAN + 10000)) ]; }
flood_goes_on() { ! zombie_or_gone "$FLOOD_PID"; }
flood_lasts() { [ $((SECONDS - FLOOD_BEGAN_AT)) -ge "$1" ]; }

flood_stop() {
    expect "$1: the flood went on until now" flood_goes_on
    stop_process "$FLOOD_PID"
    local took=$((SECONDS - FLOOD_BEGAN_AT)) seen
    seen=$(($(flood_seen) - FLOOD_BEGAN))
    printf 'measured: %s: %s SYNs in %s s, %s a second\n' "$1" "$seen" "$took" $((seen / took))
}

# during_flood WHAT: who is a bot is called over, who was limited stays so, who is honest gets in.
during_flood() {
    local what=$1
    expect "$what: who was limited before still is" shut_out crowd --from 192.0.2.20
    burst customer --count 10 --wait 20 >"$RUN_DIR/burst"
    expect_equal "$what: a customer's connections" 10 "$(jq .established "$RUN_DIR/burst")"
    connect bot --rate 2 --seconds 10 >"$RUN_DIR/bot"
    expect_equal "$what: the bot with 20 connections in 10 s is over" 1 "$(over 192.0.2.66/32 smtp length)"
    expect "$what: and limited" shut_out bot
    burst customer --from 198.51.100.11 --count 10 --wait 20 >"$RUN_DIR/burst"
    expect_equal "$what: another customer" 10 "$(jq .established "$RUN_DIR/burst")"
    expect "$what: who was limited before is so to the end" shut_out crowd --from 192.0.2.20
}

flood_numbers() {
    printf 'measured: %s: entries %s of %s, made %s, evicted %s, expired %s, refused %s\n' "$1" \
        "$(stat_of .table.sources)" "$(stat_of .table.capacity)" "$(counter sources_new)" \
        "$(counter sources_evicted)" "$(counter sources_expired)" "$(counter sources_refused)"
}
