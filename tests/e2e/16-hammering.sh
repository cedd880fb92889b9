#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A source that never stops, mode xdp: with count_dropped it stays out, without it is clipped to
# exactly `connections` in any `per`, wherever the window starts.
. "$(dirname "$0")/lib.sh"
world bot
write_config xdp 2s
sluice_start
expect_equal "count_dropped = true: 7 s of hammering" 10 "$(accepted bot --rate 100 --seconds 7)"

sed -i '0,/connections = 10/s//connections = 10\ncount_dropped = false/' "$CONFIG"
sluice_cli reload
connect bot --from 192.0.2.140 --rate 100 --seconds 7 --attempts >"$RUN_DIR/clipped"
expect_between "count_dropped = false: 7 s of hammering" 35 40 "$(jq .accepted "$RUN_DIR/clipped")"
# A burst's kernel time lies between before and after; the strictest reading still has room.
expect_equal "windows with more than 10" 0 "$(jq '[.attempts[] | select(.outcome == "accepted")] as $a |
    [range(0; ($a | length) - 10) | select($a[. + 10].after - $a[.].before < 2 - 0.001)] | length' "$RUN_DIR/clipped")"
