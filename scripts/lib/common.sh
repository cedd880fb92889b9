# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the demo and the end-to-end tests share: strict mode, a list of things to undo at exit
# that runs on success, error and interrupt alike, and waiting for a state instead of a time.
set -euo pipefail

SLUICE_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SLUICE_BUILD=${SLUICE_BUILD:-$SLUICE_ROOT/build}
SLUICE=${SLUICE:-$SLUICE_BUILD/userspace/sluice}
RUN_ID=$$
RUN_DIR=
# shellcheck disable=SC2034 # RUN_ID names what the other helpers make
readonly SLUICE_ROOT RUN_ID
export SLUICE

# Daemons of the system live in sbin, which is not on everybody's path.
PATH=$PATH:/usr/sbin:/sbin

undo_list=()

# at_exit CODE: CODE is run when the script ends, the latest first.
at_exit() { undo_list+=("$1"); }

undo_all() {
    status=$?
    local i
    trap '' INT TERM HUP
    trap - EXIT
    set +e
    for ((i = ${#undo_list[@]} - 1; i >= 0; i--)); do
        eval "${undo_list[i]}"
    done
    exit "$status"
}
trap undo_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

require_root() {
    [ "$(id -u)" -eq 0 ] || fail "$(basename "$0") needs root: it makes network namespaces and loads a BPF program"
}

# A folder of this run. In /tmp whatever TMPDIR says, and open to be traversed, because Postfix's
# daemons give up root and its settings cannot hold a path with spaces.
make_run_dir() {
    RUN_DIR=$(mktemp -d /tmp/sluice-run.XXXXXX)
    chmod 755 "$RUN_DIR"
    # shellcheck disable=SC2016 # expanded when it runs
    at_exit 'rm -rf "$RUN_DIR"'
}

# wait_until SECONDS COMMAND…: polls until COMMAND succeeds; 1 when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

process_gone() { ! kill -0 "$1" 2>/dev/null; }

# stop_process PID [SIGNAL]: ends a process we started and waits until it is gone. A process
# that is not a child of this shell cannot be waited for, so its absence is polled too.
stop_process() {
    local pid=$1 signal=${2:-TERM}
    kill "-$signal" "$pid" 2>/dev/null || return 0
    if ! wait_until 5 zombie_or_gone "$pid"; then
        kill -KILL "$pid" 2>/dev/null || true
        wait_until 5 zombie_or_gone "$pid" || true
    fi
    wait "$pid" 2>/dev/null || true
}

zombie_or_gone() {
    local state
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 0
    [ -z "$state" ] || [ "$state" = Z ]
}
