# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Network namespaces around one mail server: `mx` with a single interface eth0, a router `net`
# behind it, and one namespace per client behind the router, so that everybody arrives at eth0.
# Nothing is created outside namespaces but their names; all of it goes at exit.

MX4=10.25.0.25
MX6=2001:db8:25::25
readonly MX4 MX6
client_count=0

netns_name() { printf 'sluice-%s-%s' "$1" "$RUN_ID"; }

# in_ns NAME COMMAND…: not `ip netns exec`, which hides bpffs behind a mount namespace of its own.
in_ns() {
    local name=$1
    shift
    nsenter --net="/run/netns/$(netns_name "$name")" "$@"
}

# spawn_in NAME COMMAND…: the same in the background; SPAWNED is its process. A function followed
# by & would be a shell of its own, and a signal would reach that instead of the command.
spawn_in() {
    local name=$1
    shift
    nsenter --net="/run/netns/$(netns_name "$name")" "$@" </dev/null &
    # shellcheck disable=SC2034 # read by callers
    SPAWNED=$!
}

netns_add() {
    local ns
    ns=$(netns_name "$1")
    if ! mountpoint -q /run/netns || other_runs; then
        at_exit netns_forget_mount
    fi
    ip netns add "$ns"
    at_exit "netns_delete $1"
    ip -n "$ns" link set lo up
    # DAD would keep an IPv6 address unusable for its first second.
    netns_sysctl "$1" net/ipv6/conf/all/accept_dad=0 net/ipv6/conf/default/accept_dad=0 \
        net/ipv6/conf/default/accept_ra=0 net/ipv6/conf/default/router_solicitations=0 \
        net/ipv4/conf/all/rp_filter=0 net/ipv4/conf/default/rp_filter=0
}

# netns_sysctl NAME path/of/key=value…
netns_sysctl() {
    local name=$1
    shift
    # shellcheck disable=SC2016 # expanded in the namespace
    in_ns "$name" sh -c 'for pair; do echo "${pair#*=}" > "/proc/sys/${pair%%=*}"; done' sh "$@"
}

# Everything in a namespace of ours is ours, so its processes can be ended by what the kernel lists.
netns_empty() { [ -z "$(ip netns pids "$(netns_name "$1")" 2>/dev/null)" ]; }

netns_kill() {
    local pid
    for pid in $(ip netns pids "$(netns_name "$1")" 2>/dev/null); do
        kill "-$2" "$pid" 2>/dev/null
    done
}

netns_delete() {
    netns_kill "$1" TERM
    if ! wait_until 3 netns_empty "$1"; then
        netns_kill "$1" KILL
        wait_until 3 netns_empty "$1"
    fi
    ip netns del "$(netns_name "$1")"
}

# Is another demo or test going on? What such runs share on the host is undone by the last one.
other_runs() { ip netns list | grep -v -- "-$RUN_ID\b" | grep -q '^sluice-mx-'; }

# The first `ip netns add` on a machine mounts /run/netns; if it was ours, it goes again.
netns_forget_mount() {
    if [ -d /run/netns ] && [ -z "$(ls -A /run/netns)" ]; then
        umount /run/netns && rmdir /run/netns
    fi
}

# topology: the mail server and the router.
topology() {
    netns_add net
    netns_sysctl net net/ipv4/ip_forward=1 net/ipv6/conf/all/forwarding=1
    netns_add mx
    local net mx
    net=$(netns_name net)
    mx=$(netns_name mx)
    ip -n "$net" link add to-mx type veth peer name eth0 netns "$mx"
    ip -n "$net" link set to-mx up
    ip -n "$mx" link set eth0 up
    ip -n "$net" addr add 10.25.0.1/24 dev to-mx
    ip -n "$net" addr add 2001:db8:25::1/64 dev to-mx nodad
    ip -n "$mx" addr add "$MX4/24" dev eth0
    ip -n "$mx" addr add "$MX6/64" dev eth0 nodad
    ip -n "$mx" route add default via 10.25.0.1
    ip -n "$mx" route add default via 2001:db8:25::1
    # A SYN flood from one address is this exercise; SYN cookies would hide refusals.
    netns_sysctl mx net/core/somaxconn=4096 net/ipv4/tcp_max_syn_backlog=4096
}

# client NAME PREFIX…: a namespace that owns every address of the prefixes. The first address of
# the first prefix of each family (or the address before a slash that is no network address) is
# the one it speaks from unless a program binds another. A prefix written `routed:PREFIX` only
# arrives there and belongs to nobody, for programs that make their own packets.
client() {
    local name=$1 prefix address network routed ns net link n v4='' v6=''
    shift
    netns_add "$name"
    ns=$(netns_name "$name")
    net=$(netns_name net)
    n=$((++client_count))
    link="to-$name"
    ip -n "$net" link add "$link" type veth peer name eth0 netns "$ns"
    ip -n "$net" addr add "169.254.$n.1/30" dev "$link"
    ip -n "$ns" addr add "169.254.$n.2/30" dev eth0
    ip -n "$net" addr add fe80::1/64 dev "$link" nodad
    ip -n "$ns" addr add fe80::2/64 dev eth0 nodad
    ip -n "$net" link set "$link" up
    ip -n "$ns" link set eth0 up
    netns_sysctl "$name" net/ipv6/ip_nonlocal_bind=1 net/ipv4/ip_local_port_range='2000 65000'
    for prefix in "$@"; do
        routed=
        [[ $prefix != routed:* ]] || routed=yes
        prefix=${prefix#routed:}
        address=${prefix%/*}
        network=$(network_of "$prefix")
        if [[ $prefix == *:* ]]; then
            ip -n "$net" -6 route add "$network" via fe80::2 dev "$link"
            [ -z "$routed" ] || continue
            ip -n "$ns" -6 route add local "$network" dev lo
            [ -n "$v6" ] || v6=$address
        else
            ip -n "$net" route add "$network" via "169.254.$n.2" dev "$link"
            [ -z "$routed" ] || continue
            ip -n "$ns" route add local "$network" dev lo
            [ -n "$v4" ] || v4=$address
        fi
    done
    if [ -n "$v4" ]; then
        ip -n "$ns" addr add "$v4/32" dev lo
        ip -n "$ns" route add default via "169.254.$n.1" dev eth0 src "$v4"
    else
        ip -n "$ns" route add default via "169.254.$n.1" dev eth0
    fi
    if [ -n "$v6" ]; then
        ip -n "$ns" addr add "$v6/128" dev lo nodad
        ip -n "$ns" -6 route add default via fe80::1 dev eth0 src "$v6"
    else
        ip -n "$ns" -6 route add default via fe80::1 dev eth0
    fi
}

network_of() {
    python3 -c 'import ipaddress, sys; print(ipaddress.ip_network(sys.argv[1], strict=False))' "$1"
}

# source_address NAME ADDRESS: from now on this client speaks from another of its IPv6 addresses.
source_address() {
    local ns
    ns=$(netns_name "$1")
    ip -n "$ns" addr replace "$2/128" dev lo nodad
    ip -n "$ns" -6 route replace default via fe80::1 dev eth0 src "$2"
}
