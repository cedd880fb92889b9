#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 30 s of SYNs from sixteen million forged sources, at the rate one processor makes them, blind nobody:
# a bot is called over, limited sources stay limited, customers get in. The forged range is dropped
# behind sluice's chain, so only sluice has to bear the flood. With SYNs counted and with handshakes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
. "$(dirname "$0")/flood.sh"
world bot crowd customer
distance bot # 100 ms between a SYN and its ACK, with the flood in between
flood_prepare
in_ns mx nft -f - <<-NFT
	table inet behind {
	    chain after_sluice { type filter hook prerouting priority -290
	        ip saddr $FLOOD_RANGE drop
	    }
	}
NFT

for count in syn handshake; do
    COUNT=$count write_config xdp 300s
    sluice_start
    accepted crowd --from 192.0.2.20 --count 30 >/dev/null
    expect_equal "$count: a source is limited before" true "$(over 192.0.2.20/32 smtp '.[0].limited')"
    flood_start
    during_flood "$count"
    wait_until 40 flood_lasts 30
    expect "$count: the limited source after 30 s" shut_out crowd --from 192.0.2.20
    flood_stop "$count"
    flood_numbers "$count"
    expect_equal "$count: over in the end: those two and nobody forged" "192.0.2.20/32 192.0.2.66/32" \
        "$(stat_of '[.sources_over[].source] | sort | join(" ")')"
    if [ "$count" = syn ]; then
        expect "$count: the table is full" test "$(stat_of '.table.sources * 10 / .table.capacity | floor')" -ge 8
        expect "$count: newcomers without an entry are counted" test "$(counter sources_refused)" -gt 0
        expect "$count: and what became of their SYNs" test "$(outcome unlisted)" -gt 0
    else
        expect "$count: forged SYNs take no entry" test "$(stat_of .table.sources)" -lt 100
        expect_equal "$count: no live entry had to go" 0 "$(counter sources_evicted)"
    fi
    expect_equal "$count: nothing failed" 0 "$(counter failed)"
    sluice_stop
    sluice_cli detach
done
