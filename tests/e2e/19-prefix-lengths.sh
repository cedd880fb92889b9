#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A class counts by its own prefix lengths: addresses of one /24 share a count, the next /24 has
# another; IPv6 by /128 counts neighbours apart. In both modes that drop.
. "$(dirname "$0")/lib.sh"
world crowd bot6

for mode in xdp nft; do
    write_config "$mode"
    cat >>"$CONFIG" <<-TOML

	[class.shared]
	ranges = ["100.64.0.0/22", "2001:db8:0:bad::/64"]
	limit = { connections = 10, per = "60s", count = "syn" }
	prefix4 = 24
	prefix6 = 128
	TOML
    sluice_start
    n=$(accepted crowd --from 100.64.1.1-100.64.1.40 --count 40 --parallel 4)
    if [ "$mode" = xdp ]; then
        expect_equal "xdp: 40 addresses of one /24" 10 "$n"
    else
        expect_between "nft: 40 addresses of one /24" 10 39 "$n"
        expect "nft: the /24 is an element" wait_until 5 nft_has 100.64.1.0
    fi
    expect_equal "$mode: the source's name" "100.64.1.0/24" "$(stat_of '.sources_over[].source')"
    expect_equal "$mode: another address of it" 0 "$(accepted crowd --from 100.64.1.200 --count 3)"
    expect_equal "$mode: the next /24" 10 "$(accepted crowd --from 100.64.2.1-100.64.2.10 --count 10)"
    expect_equal "$mode: an address of no class" 10 "$(accepted crowd --from 192.0.2.20 --count 10)"
    expect_equal "$mode: IPv6 by /128: 40 addresses" 40 \
        "$(accepted bot6 --from 2001:db8:0:bad::100-2001:db8:0:bad::127 --count 40)"
    sluice_stop
    sluice_cli detach
done
