#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nobody else's rules are touched, from the first start to detach; connections over lo and other
# interfaces are none of sluice's business.
. "$(dirname "$0")/lib.sh"
world bot
in_ns mx nft -f - <<-NFT
	table inet filter {
	    set mine { type ipv4_addr; elements = { 192.0.2.9 } }
	    chain input {
	        type filter hook input priority filter; policy accept;
	        ip saddr @mine counter drop
	    }
	}
	table ip sluice {
	    chain limited {
	    }
	}
	table inet sluice2 {
	    set limited { type ipv4_addr; }
	}
	NFT
foreign() {
    local table
    for table in "inet filter" "ip sluice" "inet sluice2"; do
        # shellcheck disable=SC2086 # family and name are two words
        in_ns mx nft -s list table $table
    done
}
foreign >"$RUN_DIR/before"

for mode in nft xdp; do
    write_config "$mode"
    sluice_start
    accepted bot --count 30 >/dev/null
    [ "$mode" = xdp ] || expect "$mode: the element is there" wait_until 5 nft_has 192.0.2.66
    sluice_cli ban 192.0.2.140 --for 1h --reason test
    expect_equal "$mode: 50 connections over lo" 50 "$(connect mx --count 50 --from 127.0.0.1 --to 127.0.0.1 | jq .accepted)"
    sluice_cli reload
    expect "$mode: others' tables are as before" diff "$RUN_DIR/before" <(foreign)
    sluice_stop
    sluice_cli detach
    expect "$mode: and after detach" diff "$RUN_DIR/before" <(foreign)
    expect_equal "$mode: no other table is left" 3 "$(in_ns mx nft list tables | wc -l)"
done
