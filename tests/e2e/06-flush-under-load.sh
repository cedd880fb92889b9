#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody flushes nftables while a bot hammers: in mode xdp still exactly the limit gets in (a
# sample let through to be logged is no way in either), and the table comes back.
. "$(dirname "$0")/lib.sh"
world bot
write_config xdp
cat >>"$CONFIG" <<-TOML

	[log]
	every = "1s"
	max = "1000/s"
	TOML
sluice_start

spawn_in mx bash -c 'while :; do nft flush ruleset; done'
flusher=$SPAWNED
at_exit "stop_process $flusher"
expect_equal "accepted of 1000 while rules are flushed" 10 "$(accepted bot --count 1000 --parallel 100)"
stop_process "$flusher"
expect_equal "reached Postfix" 10 "$(reached 192.0.2.66)"

in_ns mx nft flush ruleset
table_there() { in_ns mx nft list table inet sluice 2>/dev/null | grep -q 'hook prerouting'; }
expect "the table comes back" wait_until 10 table_there
expect_equal "still nothing gets in" 0 "$(accepted bot --count 20)"
