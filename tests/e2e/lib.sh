# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What every end-to-end test starts from: the world of scripts/lib (namespaces, Postfix, sluice),
# a configuration, clients, and checks that say what was expected.
# A test exits with 77 and a reason when this machine cannot run it.

E2E_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib/load.sh
. "$E2E_DIR/../../scripts/lib/load.sh"

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

[ "$(id -u)" -eq 0 ] || skip "needs root for network namespaces and BPF"
for program in ip nft nsenter jq python3; do
    command -v "$program" >/dev/null || skip "needs $program (scripts/test installs it)"
done
[ -x "$SLUICE" ] || fail "no program at $SLUICE"

# world CLIENT…: the mail server and the clients a test needs. bot is a machine of the world,
# customer and infra are known to the configuration, bot6 has an IPv6 /64 and next6 the one beside.
world() {
    postfix_fetch
    bare_world "$@"
    postfix_start
}

# bare_world CLIENT…: the same without a mail server, for tests that bring a listener of their own.
bare_world() {
    local name
    make_run_dir
    at_exit show_evidence_on_failure
    topology
    for name in "$@"; do
        case $name in
        bot) client bot 192.0.2.66/32 192.0.2.128/25 routed:192.0.2.77/32 2001:db8:66::66/64 ;;
        crowd) client crowd 192.0.2.0/26 100.64.0.0/22 ;;
        customer) client customer 198.51.100.10/24 2001:db8:c::10/64 ;;
        infra) client infra 203.0.113.5/24 2001:db8:1::5/64 ;;
        bot6) client bot6 2001:db8:0:bad::1/64 ;;
        next6) client next6 2001:db8:0:bae::1/64 ;;
        *) fail "no client called $name" ;;
        esac
    done
    sluice_prepare
}

show_evidence_on_failure() {
    [ "$status" -ne 0 ] || return 0
    {
        echo '--- log of sluice run'
        tail -n 40 "$SLUICE_LOG"
        echo '--- nftables'
        in_ns mx nft list ruleset | head -n 80
        echo '--- sluice stats --json'
        [ ! -d "$PIN_DIR" ] || sluice_cli stats --json | head -c 6000
    } >&2 2>/dev/null
}

# write_config MODE [PER]: the configuration that all tests start from; some append to $CONFIG. It
# counts SYNs, or what COUNT says.
write_config() {
    cat >"$CONFIG" <<-TOML
	interfaces = ["eth0"]
	mode = "$1"

	[limit]
	connections = 10
	per = "${2:-60s}"
	count = "${COUNT:-syn}"

	[class.infrastructure]
	action = "exempt"
	ranges = ["203.0.113.0/24", "2001:db8:1::/64"]

	[class.customers]
	limit = { connections = 30, per = "60s", count = "${COUNT:-syn}" }
	ranges = ["198.51.100.0/24", "2001:db8:c::/64"]
	TOML
}

# connect CLIENT ARGUMENT…: SMTP connections, see tools/connect.py; prints its report.
connect() {
    local name=$1 to=$MX4
    shift
    [[ " $* " != *:* ]] || to=$MX6
    in_ns "$name" python3 "$E2E_DIR/tools/connect.py" --to "$to" "$@"
}

# accepted CLIENT ARGUMENT…: how many of these connections got in.
accepted() { connect "$@" | jq .accepted; }

# gets_in CLIENT ARGUMENT…: one connection does.
gets_in() { [ "$(accepted "$@" --count 1)" = 1 ]; }
shut_out() { ! gets_in "$@"; }

raw_syn() {
    local name=$1
    shift
    in_ns "$name" python3 "$E2E_DIR/tools/raw_syn.py" --to "$MX4" "$@"
}

# start_release NAME ARGUMENT…: tools/release.py in the background; its sources are quiet when
# this returns. finish_release NAME shows and judges what it found.
start_release() {
    local client=$1
    shift
    spawn_in "$client" python3 "$E2E_DIR/tools/release.py" --to "$MX4" "$@" >"$RUN_DIR/release" 2>&1
    RELEASE_PID=$SPAWNED
    wait_until 20 grep -q quiet "$RUN_DIR/release" || fail "the bursts did not end"
}
finish_release() {
    local code=0
    wait "$RELEASE_PID" || code=$?
    grep -v quiet "$RUN_DIR/release"
    [ "$code" -eq 0 ] || fail "$1: early or late, see above"
    printf 'ok: %s\n' "$1"
}

watch_nft() {
    spawn_in mx python3 "$E2E_DIR/tools/nft_watch.py" >"$RUN_DIR/nft-watch"
    at_exit "stop_process $SPAWNED"
    wait_until 5 grep -q listening "$RUN_DIR/nft-watch"
}

# over SOURCE SERVICE FILTER: something of a source in sources_over.
over() {
    sluice_cli stats --json | jq -r --arg source "$1" --arg service "$2" \
        "[.sources_over[] | select(.source == \$source and .service == \$service)] | $3"
}

expect_equal() {
    [ "$2" = "$3" ] || fail "$1: expected $2, found $3"
    printf 'ok: %s: %s\n' "$1" "$3"
}
expect_between() {
    { [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; } 2>/dev/null || fail "$1: expected $2 to $3, found $4"
    printf 'ok: %s: %s\n' "$1" "$4"
}
expect() {
    local what=$1
    shift
    "$@" || fail "$what"
    printf 'ok: %s\n' "$what"
}
expect_not() {
    local what=$1
    shift
    ! "$@" || fail "$what"
    printf 'ok: %s\n' "$what"
}

# reached ADDRESS [PORT]: settled count of connections that Postfix logged.
reached() {
    postfix_sync
    postfix_connects "$@"
}
