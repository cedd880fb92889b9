#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGTERM: nothing is dropped any more, but counting goes on and the next start enforces again.
# run --keep leaves enforcement on. detach removes program, pins and table.
. "$(dirname "$0")/lib.sh"
world bot
attached() { ip -n "$(netns_name mx)" -d link show dev eth0 | grep -q 'prog/xdp'; }
has_table() { in_ns mx nft list tables | grep -q 'inet sluice'; }

for mode in xdp nft; do
    write_config "$mode"
    sluice_start
    expect "$mode: the program is attached" attached
    accepted bot --count 30 >/dev/null
    [ "$mode" = xdp ] || expect "$mode: the element is there" wait_until 5 nft_has 192.0.2.66
    expect "$mode: over the limit, shut out" shut_out bot
    sluice_stop TERM
    expect "$mode: systemd was told" notified STOPPING=1
    before=$(stat_of .counters.attempts)
    expect_equal "$mode: stopped: all get in" 15 "$(accepted bot --count 15)"
    expect_equal "$mode: stopped: counting goes on" $((before + 15)) "$(stat_of .counters.attempts)"
    sluice_start
    expect "$mode: started again, the count is still there" wait_until 3 shut_out bot
    sluice_stop TERM

    sluice_start --keep
    expect "$mode: --keep: enforces" wait_until 3 shut_out bot
    sluice_stop TERM
    expect "$mode: --keep: still enforces without a controller" shut_out bot

    sluice_cli detach
    expect_not "$mode: detach: no program" attached
    expect_not "$mode: detach: no pins" test -e "$PIN_DIR"
    expect_not "$mode: detach: no table" has_table
    expect_equal "$mode: detach: all get in" 15 "$(accepted bot --count 15)"
done

# Without a controller at all.
write_config xdp
sluice_cli attach eth0
expect "attach needs no controller" attached
n=$(accepted bot --from 192.0.2.140 --count 30)
printf 'measured: after attach alone, %s of 30 got in\n' "$n"
sluice_cli detach eth0
expect_not "detach by name" attached
