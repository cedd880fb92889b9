#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A hundred addresses of one /64 are one source; the next /64 is untouched. In mode nft an exempt
# /128 inside the limited /64 still gets in.
. "$(dirname "$0")/lib.sh"
world bot6 next6
rotation=2001:db8:0:bad::100-2001:db8:0:bad::163

for mode in xdp nft; do
    : >"$POSTFIX_LOG"
    write_config "$mode"
    cat >>"$CONFIG" <<-TOML

	[class.monitoring]
	action = "exempt"
	ranges = ["2001:db8:0:bad::53/128"]
	TOML
    sluice_start
    n=$(accepted bot6 --from $rotation --count 100 --parallel 10)
    if [ "$mode" = xdp ]; then
        expect_equal "xdp: 100 connections from 100 addresses" 10 "$n"
    else
        expect_between "nft: 100 connections from 100 addresses" 10 99 "$n"
        expect "nft: the /64 is an element" wait_until 5 nft_has 2001:db8:0:bad::
    fi
    expect_equal "$mode: Postfix counts like the client" "$n" "$(reached '2001:db8:0:bad:[^]]*')"
    expect_equal "$mode: one source" "2001:db8:0:bad::/64" \
        "$(stat_of '[.sources_over[].source] | unique | join(" ")')"
    expect_equal "$mode: addresses not seen before" 0 \
        "$(accepted bot6 --from 2001:db8:0:bad::aaaa:1-2001:db8:0:bad::aaaa:14 --count 20)"
    expect_equal "$mode: the exempt address inside" 20 "$(accepted bot6 --from 2001:db8:0:bad::53 --count 20)"
    expect_equal "$mode: the next /64" 10 "$(accepted next6 --from 2001:db8:0:bae::1 --count 10)"
    sluice_stop
    sluice_cli detach
done
