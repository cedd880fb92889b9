# shellcheck shell=bash
# shellcheck disable=SC2153 # FRAMES, RANGES and their like are options of scripts/bench
# SPDX-License-Identifier: GPL-2.0-or-later
# What is no flood: the cost of packets that are none of sluice's business, loading ranges, and
# putting many bans into nftables.

CONNECTION_FROM=10.25.0.77 # nobody answers for it
AFTERWARDS=3                # seconds to go on watching, when something big was freed

# costs_config COUNT_WORD RANGES
costs_config() {
    cat >"$CONFIG" <<-TOML
	interfaces = ["eth0"]
	xdp = "native"
	mode = "nft"

	[limit]
	connections = 10
	per = "60s"
	count = "$1"

	[class.listed]
	action = "exempt"
	files = ["$RUN_DIR/ranges-$2"]
	TOML
}

# What the command says goes into a log; its exit code stands in the report.
watched() { in_ns mx "$BENCH_TOOL" watch "$@" 2>>"$RUN_DIR/watched.log" || true; }
# watched_sluice SECONDS_AFTERWARDS ARGUMENT…
watched_sluice() {
    local after=$1
    shift
    watched --after "$after" -- "$SLUICE" --config "$CONFIG" --pin-dir "$PIN_DIR" "$@"
}

hold_connections() {
    local gen_mac
    gen_mac=$(ip -n "$(netns_name gen)" -j link show dev out | jq -r '.[0].address')
    ip -n "$(netns_name mx)" neigh replace "$CONNECTION_FROM" lladdr "$gen_mac" dev eth0
    hold mx listen 25
    hold gen connect "$MX4" 25
    ACKS=(--ack "ack_established=$HELD")
    hold gen half-open out "$MX_MAC" "$MX4" 25 "$CONNECTION_FROM"
    ACKS+=(--ack "ack_completing=$HELD")
}

test_run() {
    in_ns mx "$BENCH_TOOL" test-run --link "$PIN_DIR/links/eth0" --base "$BENCH_PINS/count_pass" --to "$MX4" --cpu "$BENCH_CPU" \
        --repeat "$REPEAT" "$@"
}

# packet_costs: sluice is attached, without controller; `reload` switches lists.
packet_costs() {
    local ranges
    for ranges in "${RANGES[@]}"; do
        say "packets that are none of its business, $ranges ranges"
        costs_config syn "$ranges"
        sluice_cli reload >/dev/null
        record kind=costs count=syn ranges="$ranges" rows="$(test_run)"
    done
}

handshake_costs() {
    local word
    say 'ACKs to a protected port, count = "handshake"'
    for word in syn handshake; do
        costs_config "$word" "${RANGES[0]}"
        if ! sluice_cli config check >/dev/null 2>"$RUN_DIR/refusal"; then
            record kind=no-handshake reason="$(first_line "$RUN_DIR/refusal")"
            break
        fi
        sluice_cli reload >/dev/null
        [ "$word" != syn ] || hold_connections
        record kind=acks count="$word" rows="$(test_run "${ACKS[@]}")"
    done
    let_go
}

# The longest list comes, is replaced by one like it, and goes; a look at the clock that came late
# tells how long a processor was away. `config check` reads the same files and loads nothing.
range_loading() {
    local most=${RANGES[-1]} few=${RANGES[0]}
    tail -n +2 "$RUN_DIR/ranges-$most" >"$RUN_DIR/ranges-changed"
    costs_config syn "$few"
    sluice_cli reload >/dev/null
    say "loading $most ranges"
    record kind=ranges step=idle ranges="$most" report="$(watched --after "$AFTERWARDS")"
    costs_config syn "$most"
    record kind=ranges step=check ranges="$most" report="$(watched_sluice 0 config check)"
    record kind=ranges step=load ranges="$most" report="$(watched_sluice "$AFTERWARDS" reload)"
    costs_config syn changed
    record kind=ranges step=replace ranges="$most" report="$(watched_sluice "$AFTERWARDS" reload)"
    costs_config syn "$few"
    record kind=ranges step=unload ranges="$most" report="$(watched_sluice "$AFTERWARDS" reload)"
}

# bans: in one go, with the controller running in mode nft; beside it what nft itself needs.
many_bans() {
    say "putting $BANS bans into nftables"
    awk -v n="$BANS" 'BEGIN { for (i = 0; i < n; i++) printf "198.%d.%d.%d\n", 18 + i / 65536, i / 256 % 256, i % 256 }' \
        >"$RUN_DIR/bans"
    costs_config syn "${RANGES[0]}"
    sluice_start
    record kind=bans by=sluice bans="$BANS" \
        report="$(watched_sluice 0 ban - --for 1h --reason benchmark <"$RUN_DIR/bans")" \
        listed="$(sluice_cli bans --json | jq '.bans | length')" in_nft="$(elements_of sluice)"
    sluice_stop
    {
        echo 'add table inet bench_bans'
        echo "add set inet bench_bans banned { type ipv4_addr; flags timeout; size 1048576; }"
        echo 'add element inet bench_bans banned {'
        sed 's/$/ timeout 1h,/' "$RUN_DIR/bans"
        echo '}'
    } >"$RUN_DIR/bans.nft"
    record kind=bans by=nft bans="$BANS" report="$(watched -- nft -f "$RUN_DIR/bans.nft")" \
        in_nft="$(elements_of bench_bans)"
    in_ns mx nft delete table inet bench_bans
}

# elements_of TABLE: addresses of the benchmark's bans in it.
elements_of() { in_ns mx nft list table inet "$1" | grep -oE '\b198\.(1[89]|2[0-9])\.[0-9]+\.[0-9]+\b' | sort -u | wc -l; }

tables() {
    local ranges
    say "making lists of ${RANGES[*]} ranges"
    for ranges in "${RANGES[@]}"; do
        python3 "$BENCH_DIR/make_ranges.py" "$ranges" >"$RUN_DIR/ranges-$ranges"
    done
    costs_config syn "${RANGES[0]}"
    sluice_cli attach eth0 >/dev/null
    in_ns gen bpftool net attach xdpdrv pinned "$BENCH_PINS/count_pass" dev out
    packet_costs
    handshake_costs
    in_ns gen bpftool net detach xdpdrv dev out
    range_loading
    many_bans
    sluice_cli detach >/dev/null
}
