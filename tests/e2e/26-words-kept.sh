#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What an operator said holds, however commands, reloads and signals fall together: a mode chosen
# while a reload waits, a ban while its service goes, a release while the edge is still on its way,
# a switch without a controller, a detach from the wrong namespace.
. "$(dirname "$0")/lib.sh"
world bot
write_config nft
cat >>"$CONFIG" <<-TOML

	[service.smtp]
	ports = [25]

	[service.submission]
	ports = [465, 587]
TOML
sluice_start

# SIGHUP is delivered before the command's own signal when both wait
kill -STOP "$SLUICE_PID"
sluice_cli mode observe >/dev/null
kill -HUP "$SLUICE_PID"
kill -CONT "$SLUICE_PID"
expect "the controller has reloaded" wait_until 10 grep -q 'reloaded ' "$SLUICE_LOG"
expect_equal "a mode chosen during a reload stays" observe "$(sluice_cli mode --json | jq -r .mode)"
sluice_cli mode config >/dev/null
expect_equal "and the configuration's comes back by command" nft "$(sluice_cli mode --json | jq -r .mode)"

# released while its event is still in the ring
kill -STOP "$SLUICE_PID"
accepted bot --from 192.0.2.140 --count 15 --parallel 15 >/dev/null
sluice_cli release 192.0.2.140 >/dev/null
kill -CONT "$SLUICE_PID"
expect "another source is limited after that" eval 'accepted bot --from 192.0.2.141 --count 15 --parallel 15 >/dev/null; wait_until 5 nft_has 192.0.2.141'
expect "a released source is not limited by its old edge" gets_in bot --from 192.0.2.140

# over in a service that goes, and banned
accepted bot --from 192.0.2.142 --port 587 --count 15 --parallel 15 >/dev/null
expect "over in submission" wait_until 5 nft_has 192.0.2.142
sluice_cli ban 192.0.2.142 --for 10m >/dev/null
sed -i '/^\[service.submission\]/,$d' "$CONFIG"
sluice_cli reload >/dev/null
expect "the ban outlives the service" shut_out bot --from 192.0.2.142
expect "nobody else is dropped for it" gets_in bot --from 192.0.2.143

# with the controller dead, a switch brings the whole table along
sluice_cli mode xdp >/dev/null
sluice_stop KILL
accepted bot --from 192.0.2.144 --count 15 --parallel 15 >/dev/null
sluice_cli mode nft >/dev/null
expect "who was over in mode xdp is dropped in mode nft" shut_out bot --from 192.0.2.144

# the wrong namespace takes nothing away
code=0
in_ns bot "$SLUICE" --config "$CONFIG" --pin-dir "$PIN_DIR" detach >"$RUN_DIR/wrong" 2>&1 || code=$?
expect_equal "detach from another namespace is refused" 1 "$code"
expect "and both are named" grep -q 'net:\[[0-9]*\].*net:\[[0-9]*\]' "$RUN_DIR/wrong"
expect "the ban still holds" shut_out bot --from 192.0.2.142
expect "detach in the right one works" sluice_cli detach
expect_not "and the table is gone" in_ns mx nft list table inet sluice

# a command that finds nothing leaves nothing
expect_not "mode has nothing to switch" sluice_cli mode nft
expect_not "and makes no pins" test -e "$PIN_DIR"
