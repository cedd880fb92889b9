#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A SYN to a port on which nobody listens here cannot be verified: it passes, is counted as
# unverifiable, and status says why. As soon as somebody listens, it can.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
bare_world bot crowd
write_config xdp
listener mx --host :: --port 25
sluice_start
says() { # says TEXT COMMAND…
    local text=$1
    shift
    "$@" >"$RUN_DIR/said" 2>&1 || true
    grep -qiE -- "$text" "$RUN_DIR/said"
}

expect_not "status is calm before" says 'unverifiable' sluice_cli status
burst bot --port 587 --count 30 >"$RUN_DIR/burst"
expect_equal "refused by the kernel, as without sluice" 30 "$(jq .refused "$RUN_DIR/burst")"
expect_equal "unverifiable" 30 "$(outcome unverifiable)"
expect_equal "none of them counts as unverified" 0 "$(outcome unverified)"
expect_equal "nobody is over" 0 "$(stat_of '.sources_over | length')"
expect "status shows them" says 'unverifiable' sluice_cli status
expect "and why" says 'listen' sluice_cli status

# The negative twin: the other port has a listener.
expect_equal "port 25: connections" 10 "$(accepted bot --count 10)"
expect_equal "port 25: verified" 10 "$(outcome completed)"
expect_equal "port 25: nothing more is unverifiable" 30 "$(outcome unverifiable)"

# A listener that comes later is found without a reload.
listener mx --host :: --port 587
expect_equal "a listener came: 10 of 30" 10 "$(accepted bot --port 587 --count 30 --parallel 1)"
expect_equal "a listener came: verified" 20 "$(outcome completed)"
expect_equal "a listener came: nothing more is unverifiable" 30 "$(outcome unverifiable)"
stop_process "$LISTENER_PID"
burst crowd --from 192.0.2.20 --port 587 --count 5 >"$RUN_DIR/burst"
expect_equal "it went: unverifiable again" 35 "$(outcome unverifiable)"

# With count = "syn" nothing needs to be verified.
sluice_stop
sluice_cli detach
COUNT=syn write_config xdp
sluice_start
burst bot --port 587 --count 30 --wait 2 --syn-retries 1 >"$RUN_DIR/burst"
expect_equal "count = syn: nothing is unverifiable" 0 "$(outcome unverifiable)"
expect_equal "count = syn: 10 passed" 10 "$(jq .refused "$RUN_DIR/burst")"
