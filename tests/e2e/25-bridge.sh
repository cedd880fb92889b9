#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The attached interface is a port of a bridge that carries the server's address, as on a hypervisor:
# nftables sees the packets under the bridge's name, and has to drop them all the same. Port and
# bridge together are refused, because each packet would be counted twice.
. "$(dirname "$0")/lib.sh"
world bot
in_ns mx ip link add br0 type bridge 2>/dev/null || skip "this kernel has no bridge devices"
in_ns mx ip addr flush dev eth0
in_ns mx ip link set eth0 master br0
in_ns mx ip link set br0 up
in_ns mx ip addr add "$MX4/24" dev br0
in_ns mx ip route add default via 10.25.0.1

for mode in nft xdp; do
    write_config "$mode"
    sluice_start
    expect "$mode: within the limit it gets in" gets_in bot --from 192.0.2.130
    accepted bot --from 192.0.2.131 --count 40 --parallel 20 >/dev/null
    [ "$mode" = xdp ] || expect "nft: the source is an element" wait_until 5 nft_has 192.0.2.131
    expect "$mode: a source over the limit is dropped" shut_out bot --from 192.0.2.131
    expect "$mode: its neighbour is not" gets_in bot --from 192.0.2.132
    sluice_stop
    sluice_cli detach >/dev/null
done

sed -i 's/^interfaces.*/interfaces = ["eth0", "br0"]/' "$CONFIG"
code=0
sluice_cli run >"$RUN_DIR/both" 2>&1 || code=$?
expect_equal "port and bridge together are refused" 1 "$code"
expect "and the reason is given" grep -q 'br0 stands on eth0: each packet would be counted on both' "$RUN_DIR/both"
