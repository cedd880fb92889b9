#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A command run in another network namespace than the one sluice works in refuses and changes
# nothing; a second controller refuses too.
. "$(dirname "$0")/lib.sh"
world bot
write_config xdp
sluice_start

code=0
in_ns bot "$SLUICE" --config "$CONFIG" --pin-dir "$PIN_DIR" ban 192.0.2.140 --for 1h --reason test \
    >"$RUN_DIR/refused" 2>&1 || code=$?
expect_equal "exit code" 1 "$code"
expect "the refusal speaks of the namespace" grep -qi namespace "$RUN_DIR/refused"
expect_equal "no ban was made" 0 "$(stat_of '.bans | length')"
expect_equal "bot's namespace has no table" "" "$(in_ns bot nft list tables)"

code=0
in_ns mx timeout 10 "$SLUICE" --config "$CONFIG" --pin-dir "$PIN_DIR" run >"$RUN_DIR/second" 2>&1 || code=$?
expect_equal "a second controller: exit code" 1 "$code"
expect_not "the first one lives" zombie_or_gone "$SLUICE_PID"
expect_equal "and works" 10 "$(accepted bot --count 30)"
