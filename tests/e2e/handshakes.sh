# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests about handshakes share, on top of lib.sh: distance between client and server,
# listeners of every kind, bursts, and what the kernel says about its queues meanwhile.

TOOLS=$E2E_DIR/tools
# What lib.sh's write_config counts, unless a test says otherwise.
export COUNT=handshake

# distance NAME [OPTION…]: from now on all that NAME and the mail server say to each other goes over
# tools/wire.py, 50 ms each way unless an option says otherwise. Called again: another wire.
distance() {
    local name=$1 net ns
    shift
    net=$(netns_name net)
    ns=$(netns_name "$name")
    if [ -n "${wires[$name]:-}" ]; then
        stop_process "${wires[$name]}"
    else
        ip -n "$ns" tuntap add wire mode tun
        ip -n "$net" tuntap add "far-$name" mode tun
        ip -n "$ns" link set wire txqueuelen 20000 up
        ip -n "$net" link set "far-$name" txqueuelen 20000 up
        lead_over_wire "$name" -4
        lead_over_wire "$name" -6
    fi
    spawn_in net python3 "$TOOLS/wire.py" --near "$ns:wire" --far "$net:far-$name" "$@" >"$RUN_DIR/wire-$name"
    wires[$name]=$SPAWNED
    at_exit "stop_process $SPAWNED"
    wait_until 10 grep -qs ready "$RUN_DIR/wire-$name" || fail "no wire to $name"
}
declare -A wires=()

# hold_again NAME: the wire keeps the answers to the next burst back too.
hold_again() { kill -USR1 "${wires[$1]}"; }

# lead_over_wire NAME -4|-6: the routes that client() laid, over the wire instead.
lead_over_wire() {
    local name=$1 family=$2 net ns address network
    net=$(netns_name net)
    ns=$(netns_name "$name")
    address=$(ip -n "$ns" "$family" -o addr show dev lo scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
    [ -n "$address" ] || return 0
    ip -n "$ns" "$family" route replace default dev wire src "$address"
    for network in $(ip -n "$net" "$family" route show dev "to-$name" | awk '$2 == "via" { print $1 }'); do
        ip -n "$net" "$family" route replace "$network" dev "far-$name"
    done
}

# listener NAME [OPTION…]: tools/listener.py in that namespace; its log is LISTENER_LOG.
listener() {
    local name=$1
    shift
    LISTENER_LOG=$RUN_DIR/listener-$name-$((++listeners))
    spawn_in "$name" python3 "$TOOLS/listener.py" "$@" >"$LISTENER_LOG"
    # shellcheck disable=SC2034 # read by tests
    LISTENER_PID=$SPAWNED
    at_exit "stop_process $SPAWNED"
    wait_until 10 grep -qs listening "$LISTENER_LOG" || fail "no listener in $name"
}
listeners=0

# connections_accepted [ADDRESS]: by the listener's own log.
connections_accepted() { grep -cE "^accepted ${1:-}" "$LISTENER_LOG" || true; }

# burst NAME [OPTION…]: tools/burst.py from there; prints its report.
burst() {
    local name=$1 to=$MX4
    shift
    [[ " $* " != *:* ]] || to=$MX6
    in_ns "$name" python3 "$TOOLS/burst.py" --to "$to" "$@"
}

# syns NAME ARGUMENT…: tools/syns.py from there.
syns() {
    local name=$1
    shift
    in_ns "$name" python3 "$TOOLS/syns.py" --to "$MX4" "$@"
}

# half_open [NAME]: request sockets that wait for their ACK.
half_open() { in_ns "${1:-mx}" ss -Htn state syn-recv | wc -l; }
no_half_open() { [ "$(half_open "$@")" -eq 0 ]; }

# tcp_counter NAME KEY: one of TcpExt (/proc/net/netstat) or Tcp (/proc/net/snmp).
tcp_counter() {
    in_ns "$1" cat /proc/net/netstat /proc/net/snmp | awk -v key="$2" '
        $1 in names { n = split(names[$1], name); for (i = 2; i <= n; i++) if (name[i] == key) print $i; next }
        { names[$1] = $0 }'
}

# outcome NAME / counter NAME: one number of the monitoring document, 0 if it has none.
outcome() { stat_of ".outcomes.$1 // 0"; }
counter() { stat_of ".counters.$1 // 0"; }

# mark, then grew NAME: what an outcome has grown by since.
mark() { sluice_cli stats --json >"$RUN_DIR/mark"; }
grew() { stat_of ".outcomes.$1 - $(jq ".outcomes.$1" "$RUN_DIR/mark")"; }

# forget ADDRESS…: lets a source begin anew.
forget() {
    local address
    for address in "$@"; do sluice_cli release "$address" >"$RUN_DIR/forgotten" 2>&1 || true; done
}
