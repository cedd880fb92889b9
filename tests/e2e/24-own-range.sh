#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A customer's address inside a stranger's /64 (and inside a /24 that is counted as one) is a source
# of its own: while the rest is limited it still gets in, up to its own limit. A ban of the /64 holds
# for the customer too, and spares who is exempt.
. "$(dirname "$0")/lib.sh"
world crowd bot6
customer6=2001:db8:0:bad::c:1
monitor6=2001:db8:0:bad::53
# nft_has would find the customer among what limits pass over.
own_element() { in_ns mx nft get element inet sluice limited_smtp_ip6_128 "{ $customer6 }" >/dev/null 2>&1; }

for mode in nft xdp; do
    write_config "$mode"
    cat >>"$CONFIG" <<-TOML

	[class.tenants]
	limit = { connections = 30, per = "60s", count = "syn" }
	ranges = ["$customer6/128", "100.64.1.77/32"]

	[class.shared]
	limit = { connections = 10, per = "60s", count = "syn" }
	ranges = ["100.64.0.0/22"]
	prefix4 = 24

	[class.monitoring]
	action = "exempt"
	ranges = ["$monitor6/128"]
	TOML
    sluice_start
    accepted bot6 --from 2001:db8:0:bad::100-2001:db8:0:bad::127 --count 40 >/dev/null
    accepted crowd --from 100.64.1.1-100.64.1.40 --count 40 >/dev/null
    if [ "$mode" = nft ]; then
        expect "nft: the /64 is an element" wait_until 5 nft_has 2001:db8:0:bad::
        expect "nft: the /24 is an element" wait_until 5 nft_has 100.64.1.0
    fi
    expect "$mode: a neighbour in the /64 is dropped" shut_out bot6 --from 2001:db8:0:bad::aaaa
    expect "$mode: a neighbour in the /24 is dropped" shut_out crowd --from 100.64.1.200
    expect_equal "$mode: the customer in the /64" 20 "$(accepted bot6 --from $customer6 --count 20)"
    expect_equal "$mode: the customer in the /24" 20 "$(accepted crowd --from 100.64.1.77 --count 20)"

    accepted bot6 --from $customer6 --count 20 >/dev/null
    [ "$mode" = xdp ] || expect "nft: the customer is over its own limit" wait_until 5 own_element
    expect "$mode: the customer is dropped by its own count" shut_out bot6 --from $customer6
    expect "$mode: the other customer is not" gets_in crowd --from 100.64.1.77
    sluice_cli release $customer6 >/dev/null
    expect "$mode: and released gets in" gets_in bot6 --from $customer6

    # The table is made anew from kernel state, by whoever does it.
    in_ns mx nft delete table inet sluice
    [ "$mode" = xdp ] || expect "nft: the table is back" wait_until 5 nft_has 2001:db8:0:bad::
    expect "$mode: the customer after a repair" gets_in bot6 --from $customer6
    expect "$mode: the neighbour after a repair" shut_out bot6 --from 2001:db8:0:bad::aaaa

    sluice_cli ban 2001:db8:0:bad::/64 --for 1h --reason range
    expect "$mode: a ban of the /64 holds for the customer" shut_out bot6 --from $customer6
    expect "$mode: and spares the exempt" gets_in bot6 --from $monitor6
    sluice_cli release 2001:db8:0:bad::/64 >/dev/null
    expect "$mode: the ban is lifted" gets_in bot6 --from $customer6
    sluice_stop
    sluice_cli detach
done
