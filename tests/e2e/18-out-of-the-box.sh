#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# With nothing but an interface configured nobody is dropped or called over; with a limit, but the
# default mode, what would be dropped is shown and let in.
. "$(dirname "$0")/lib.sh"
world bot
printf 'interfaces = ["eth0"]\n' >"$CONFIG"
sluice_start
expect_equal "mode" observe "$(stat_of .mode)"
expect_equal "no limit written: 100 of 100" 100 "$(accepted bot --count 100)"
expect_equal "counted" 100 "$(stat_of .counters.attempts)"
expect_equal "nobody is over" 0 "$(stat_of '.sources_over | length')"

write_config observe
sluice_cli reload
expect_equal "limit and mode observe: 100 of 100" 100 "$(accepted bot --from 192.0.2.140 --count 100)"
expect_equal "would have been dropped" 90 "$(stat_of .counters.would_drop)"
expect_equal "shown, not limited" false "$(over 192.0.2.140/32 smtp '.[0].limited')"
expect_equal "dropped" 0 "$(stat_of '.counters.dropped_xdp + .counters.dropped_nft')"
