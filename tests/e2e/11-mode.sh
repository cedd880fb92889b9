#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The mode is switched at once from the command line, with the controller alive and killed;
# observe means that nothing is dropped from this moment.
. "$(dirname "$0")/lib.sh"
world bot

for mode in nft xdp; do
    write_config "$mode"
    sluice_start
    expect_equal "$mode: as configured" "$mode" "$(stat_of .mode)"
    accepted bot --count 30 >/dev/null
    [ "$mode" = xdp ] || expect "$mode: the element is there" wait_until 5 nft_has 192.0.2.66
    expect "$mode: shut out" shut_out bot
    sluice_cli mode observe
    expect_equal "$mode: now observe" observe "$(stat_of .mode)"
    expect_equal "$mode: observe: all get in" 15 "$(accepted bot --count 15)"
    expect_equal "$mode: observe: shown, but not limited" false "$(over 192.0.2.66/32 smtp '.[0].limited')"
    expect_between "$mode: observe: what would be dropped is counted" 15 1000 "$(stat_of .counters.would_drop)"
    sluice_cli mode "$mode"
    expect "$mode: and back" wait_until 3 shut_out bot

    sluice_stop KILL
    expect "$mode, killed: still shut out" shut_out bot
    sluice_cli mode observe
    expect_equal "$mode, killed: observe: all get in" 15 "$(accepted bot --count 15)"
    sluice_cli mode xdp
    expect "$mode, killed: xdp: shut out" shut_out bot
    sluice_cli detach
done
