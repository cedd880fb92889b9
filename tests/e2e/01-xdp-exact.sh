#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode xdp: of 1,000 connections from one source exactly `connections` reach Postfix, per service,
# over IPv4 and IPv6; the kernel log has one line about it and the numbers add up.
. "$(dirname "$0")/lib.sh"
world bot crowd
write_config xdp
kernel_log_from_namespaces || skip "this kernel cannot log from namespaces"
mark=$(kernel_log_mark)
sluice_start

expect_equal "accepted of 1000, seen by the client" 10 "$(accepted bot --count 1000 --parallel 200)"
expect_equal "connections that reached Postfix" 10 "$(reached 192.0.2.66 25)"
expect_equal "attempts of the source" 1000 "$(over 192.0.2.66/32 smtp '.[0].attempts')"
expect_equal "it is limited" true "$(over 192.0.2.66/32 smtp '.[0].limited')"
expect_equal "its class" default "$(over 192.0.2.66/32 smtp '.[0].class')"
expect_equal "attempts in all" 1000 "$(stat_of .counters.attempts)"
expect_equal "attempts over the limit" 990 "$(stat_of .counters.over)"
expect_equal "attempts dropped" 990 "$(stat_of '.counters.dropped_xdp + .counters.dropped_nft')"
expect_equal "attempts passed" 10 "$(stat_of .counters.passed)"

kernel_log_since "$mark" >"$RUN_DIR/kernel"
expect "the kernel log names the source" grep -q 'SMTP_IN: LIMIT EXCEEDED:: .*SRC=192\.0\.2\.66 ' "$RUN_DIR/kernel"
expect_equal "log lines about it in one log.every" 1 "$(grep -c 'SRC=192\.0\.2\.66 ' "$RUN_DIR/kernel")"

# Another service has a count of its own, shared by its ports.
expect_equal "465, first 8" 8 "$(accepted bot --port 465 --count 8)"
expect_equal "587, next 8" 2 "$(accepted bot --port 587 --count 8)"

expect_equal "IPv6: accepted of 300" 10 "$(accepted bot --from 2001:db8:66::66 --count 300)"
expect_equal "IPv6: reached Postfix" 10 "$(reached 2001:db8:66::66 25)"

# The negative twin: a neighbour within its limit.
expect_equal "another source" 10 "$(accepted crowd --from 192.0.2.20 --count 10)"
