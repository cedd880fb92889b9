#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# status, stats, bans and config: before anything is attached, in every mode, with the controller
# dead, without root, with a broken configuration. They never change anything.
. "$(dirname "$0")/lib.sh"
world bot infra

SCHEMA=$E2E_DIR/../../docs/stats.schema.json
in_schema() { sluice_cli stats --json | python3 "$E2E_DIR/tools/schema.py" "$SCHEMA"; }
says() { # says TEXT COMMAND…: somewhere in its output, whatever its exit code
    local text=$1
    shift
    "$@" >"$RUN_DIR/said" 2>&1 || true
    grep -qF -- "$text" "$RUN_DIR/said"
}
exits() { # exits CODE COMMAND…
    local code=0 wanted=$1
    shift
    "$@" >/dev/null 2>&1 || code=$?
    [ "$code" = "$wanted" ]
}
adds_up() {
    sluice_cli stats --json | jq -e '.counters.attempts == (.counters | .exempt + .passed + .over_observed
        + .would_drop + .left_to_nft + .dropped_xdp + .failed) and .counters.packets == (.outcomes | add)
        and .counters.attempts == ([.classes[].attempts] | add)' >/dev/null
}

write_config nft
for command in status stats bans "ban 192.0.2.66" "release 192.0.2.66"; do
    # shellcheck disable=SC2086 # words
    expect "detached: $command exits 1" exits 1 sluice_cli $command
    # shellcheck disable=SC2086
    expect "detached: $command says so" says "sluice is not attached" sluice_cli $command
done
expect "detached: nothing was made" test ! -e "$PIN_DIR"

for mode in nft xdp; do
    write_config "$mode"
    sluice_start
    expect "$mode: calm" says "Dropping nobody now (mode $mode)" sluice_cli status
    accepted bot --count 30 >/dev/null
    accepted infra --count 5 >/dev/null
    sluice_cli ban 192.0.2.140 --for 1h --reason "abuse desk 4711"
    expect "$mode: the document is in its schema" in_schema
    expect "$mode: its sums agree" adds_up
    expect "$mode: the first line says who is dropped" says \
        "DROPPING NOW (mode $mode): 1 limited source, 1 ban." sluice_cli status
    expect "$mode: the source" says "192.0.2.66/32" sluice_cli status
    expect "$mode: the reason" says "abuse desk 4711" sluice_cli status
    expect_not "$mode: nothing to warn of" says '!!' sluice_cli status
    kill -KILL "$(stat_of .controller.pid)"
    wait_until 5 zombie_or_gone "$SLUICE_PID"
    expect "$mode: a dead controller is said loudly" says "HAS DIED" sluice_cli status
    expect_equal "$mode: and in the document" false "$(stat_of .controller.running)"
    expect "$mode: in its schema all the same" in_schema
    in_ns mx nft flush ruleset
    expect "$mode: so is a missing table" says "table is missing" sluice_cli status
    expect "$mode: with a broken configuration too" says "mode $mode" \
        in_ns mx "$SLUICE" --config /nonexistent --pin-dir "$PIN_DIR" status
    expect "$mode: not without root" exits 1 in_ns mx setpriv --reuid 65534 --regid 65534 --clear-groups \
        --inh-caps=-all "$SLUICE" --pin-dir "$PIN_DIR" status
    expect "$mode: which is said" says "as root" in_ns mx setpriv --reuid 65534 --regid 65534 --clear-groups \
        --inh-caps=-all "$SLUICE" --pin-dir "$PIN_DIR" status
    SLUICE_PID=
    sluice_cli detach
done

expect "config check" says "ok: $CONFIG, mode xdp" sluice_cli config check
sluice_cli config show --json | jq -e '.mode == "xdp"' >/dev/null || fail "config show --json"
sluice_cli config show >"$RUN_DIR/shown.toml"
expect "what is shown is a configuration" exits 0 "$SLUICE" --config "$RUN_DIR/shown.toml" config check
echo 'mode = "drop"' >"$RUN_DIR/bad.toml"
expect "a bad one exits 2" exits 2 "$SLUICE" --config "$RUN_DIR/bad.toml" config check
expect "and names the line" says "bad.toml:1" "$SLUICE" --config "$RUN_DIR/bad.toml" config check
