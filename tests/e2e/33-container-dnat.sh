#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Ports published into a container: by DNAT the handshake happens in another network namespace, with
# the real peer, and is counted there. A user-space proxy's own second connection never counts.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
bare_world bot customer
CONTAINER=172.18.0.2

# The container: a namespace behind a bridge-like link of the mail host.
netns_add box
mx=$(netns_name mx)
box=$(netns_name box)
ip -n "$mx" link add to-box type veth peer name eth0 netns "$box"
ip -n "$mx" addr add 172.18.0.1/24 dev to-box
ip -n "$box" addr add "$CONTAINER/24" dev eth0
ip -n "$mx" link set to-box up
ip -n "$box" link set eth0 up
ip -n "$box" route add default via 172.18.0.1
netns_sysctl mx net/ipv4/ip_forward=1
publish() { # by DNAT, as container tools do
    in_ns mx nft -f - <<-NFT
	table ip published {
	    chain before { type nat hook prerouting priority dstnat
	        iifname "eth0" tcp dport 25 dnat to $CONTAINER:25
	    }
	    chain after { type nat hook postrouting priority srcnat
	        ip saddr 172.18.0.0/24 oifname "eth0" masquerade
	    }
	}
	NFT
}
listener box --host ::

# DNAT: nobody listens on the host, so its SYNs cannot be verified before they are counted there.
publish
write_config xdp
sluice_start
expect_equal "DNAT: 8 connections within the limit" 8 "$(accepted bot --count 8)"
expect_equal "DNAT: the container saw the real peer" 8 "$(connections_accepted 192.0.2.66)"
expect_equal "DNAT: each was counted" 8 "$(counter completed_elsewhere)"
expect_equal "DNAT: their SYNs met no listener here" 8 "$(outcome unverifiable)"
expect_equal "DNAT: not over yet" 0 "$(over 192.0.2.66/32 smtp length)"
# The handshake is over when it is counted, so the one that exceeds the limit is in.
expect_between "DNAT: of 30 more, one after the other" 2 3 "$(accepted bot --count 30 --parallel 1)"
expect_equal "DNAT: the source is limited" true "$(over 192.0.2.66/32 smtp '.[0].limited')"
expect "DNAT: its SYNs are dropped" test "$(stat_of '.outcomes | .dropped_limited + .sampled')" -ge 27
expect_equal "DNAT: a customer" 20 "$(accepted customer --count 20)"
# Forged SYNs count there as little as here.
syns bot --from 198.51.100.10 --count 50 >"$RUN_DIR/sent"
expect_equal "DNAT: forged SYNs make nobody over" 0 "$(over 198.51.100.10/32 smtp length)"
expect "DNAT: a customer whose address was forged" gets_in customer
sluice_stop
sluice_cli detach
in_ns mx nft delete table ip published

# Mode nft: the element does it.
publish
write_config nft
sluice_start
accepted bot --count 30 --parallel 1 >/dev/null
expect "DNAT, nft: the element is there" wait_until 5 nft_has 192.0.2.66
expect_equal "DNAT, nft: nothing gets in any more" 0 "$(accepted bot --count 10)"
expect "DNAT, nft: a customer does" gets_in customer
sluice_stop
sluice_cli detach
in_ns mx nft delete table ip published

# A proxy on the host: the client's handshake is here, the second one is the proxy's own.
spawn_in mx python3 "$TOOLS/proxy.py" --to "$CONTAINER" >"$RUN_DIR/proxy"
at_exit "stop_process $SPAWNED"
wait_until 5 grep -q listening "$RUN_DIR/proxy"
write_config xdp
sluice_start
before=$(connections_accepted 172.18.0.1)
expect_equal "proxy: 8 connections" 8 "$(accepted bot --count 8)"
expect_equal "proxy: the container saw the proxy" $((before + 8)) "$(connections_accepted 172.18.0.1)"
expect_equal "proxy: each was counted once" 8 "$(outcome completed)"
expect_equal "proxy: none of its own" 0 "$(counter completed_elsewhere)"
expect_equal "proxy: 2 more are within the limit" 2 "$(accepted bot --count 30)"
expect_equal "proxy: one source is over" 192.0.2.66/32 "$(stat_of '[.sources_over[].source] | join(" ")')"
expect "proxy: a customer" gets_in customer
# A second address of the container's network in no class: its own connections come in by no
# attached interface and are never counted.
expect_equal "proxy: the host's own connections to the container" 30 \
    "$(in_ns mx python3 "$TOOLS/connect.py" --to "$CONTAINER" --count 30 | jq .accepted)"
expect_equal "proxy: nothing more was counted" 0 "$(counter completed_elsewhere)"
