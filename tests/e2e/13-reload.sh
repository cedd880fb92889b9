#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGHUP: the new configuration counts and no attempt is forgotten. A bad one is refused whole with
# its place, and the old one goes on.
. "$(dirname "$0")/lib.sh"
world bot customer
write_config xdp
sluice_start

expect_equal "8 of a limit of 10" 8 "$(accepted bot --count 8)"
sed -i '0,/connections = 10/s//connections = 12/' "$CONFIG"
kill -HUP "$SLUICE_PID"
expect "reload is announced" wait_until 10 notified RELOADING=1
expect "and done" wait_until 10 notified READY=1 2
expect_equal "4 more of the new limit of 12" 4 "$(accepted bot --count 10)"

# Raised: the source is within its limit again, at once.
sed -i '0,/connections = 12/s//connections = 40/' "$CONFIG"
sluice_cli reload
expect "a raised limit lets it in" gets_in bot

cp "$CONFIG" "$RUN_DIR/good.toml"
cat >>"$CONFIG" <<-TOML

	[class.broken]
	action = "exempt"
	ranges = ["192.0.2.1/24"]
	TOML
code=0
sluice_cli config check >"$RUN_DIR/check" 2>&1 || code=$?
expect_equal "config check: exit code" 2 "$code"
expect "config check: names the line" grep -qE 'sluice\.toml:[0-9]+' "$RUN_DIR/check"
code=0
sluice_cli reload >"$RUN_DIR/reload" 2>&1 || code=$?
[ "$code" -ne 0 ] || fail "a bad configuration was not refused"
expect "reload: names the line" grep -qE 'sluice\.toml:[0-9]+' "$RUN_DIR/reload"
kill -HUP "$SLUICE_PID"
expect "the log names the line" wait_until 10 grep -qE 'sluice\.toml:[0-9]+' "$SLUICE_LOG"
expect_not "the controller lives" zombie_or_gone "$SLUICE_PID"
expect_equal "the old limit holds" 40 "$(accepted bot --from 192.0.2.140 --count 60)"

cp "$RUN_DIR/good.toml" "$CONFIG"
expect "the good one is accepted again" sluice_cli reload

# Now exempt: whoever is limited gets in.
accepted bot --count 60 >/dev/null
expect "limited" shut_out bot
sed -i 's/"203.0.113.0\/24"/"203.0.113.0\/24", "192.0.2.66\/32"/' "$CONFIG"
sluice_cli reload
expect "exempt by reload" gets_in bot
