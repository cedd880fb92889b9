#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ban, bans and release: bans act at once, for all services, end by themselves, are refused for
# what is exempt; release lifts limit and ban and forgets the count.
. "$(dirname "$0")/lib.sh"
world bot crowd infra bot6

for mode in nft xdp; do
    write_config "$mode"
    sluice_start
    expect "$mode: before" gets_in bot --from 192.0.2.140
    sluice_cli ban 192.0.2.140 --for 1h --reason "abuse desk 4711"
    expect "$mode: banned from 25" shut_out bot --from 192.0.2.140
    expect "$mode: banned from 587" shut_out bot --from 192.0.2.140 --port 587
    expect "$mode: its neighbour is not" gets_in bot --from 192.0.2.141
    expect_equal "$mode: in the document" "192.0.2.140/32 abuse desk 4711" \
        "$(stat_of '.bans[] | .source + " " + .reason')"
    expect "$mode: in the list" grep -q 'abuse desk 4711' <(sluice_cli bans)
    sluice_cli bans --json | jq -e . >/dev/null
    sluice_cli release 192.0.2.140
    expect "$mode: released" gets_in bot --from 192.0.2.140
    expect_equal "$mode: no ban left" 0 "$(stat_of '.bans | length')"

    accepted bot --count 30 >/dev/null
    [ "$mode" = xdp ] || expect "$mode: the element is there" wait_until 5 nft_has 192.0.2.66
    expect "$mode: limited" shut_out bot
    sluice_cli release 192.0.2.66
    expect_equal "$mode: released, with a new count" 10 "$(accepted bot --count 10)"

    sluice_cli ban 2001:db8:0:bad::/64 --for 1h --reason range
    expect "$mode: a banned /64" shut_out bot6 --from 2001:db8:0:bad::99
    sluice_cli release 2001:db8:0:bad::/64
    expect "$mode: and released" gets_in bot6 --from 2001:db8:0:bad::99

    sluice_cli ban 192.0.2.150 --for 2s --reason short
    expect "$mode: a short ban" shut_out bot --from 192.0.2.150
    expect "$mode: ends by itself" wait_until 6 gets_in bot --from 192.0.2.150

    code=0
    sluice_cli ban 203.0.113.5 --for 1h --reason mistake >"$RUN_DIR/refused" 2>&1 || code=$?
    [ "$code" -ne 0 ] || fail "$mode: banning an exempt address was not refused"
    expect "$mode: the refusal names the class" grep -q infrastructure "$RUN_DIR/refused"
    expect "$mode: and the line" grep -qE 'sluice\.toml:[0-9]+' "$RUN_DIR/refused"
    expect "$mode: exempt gets in" gets_in infra
    sluice_stop
    sluice_cli detach
done
