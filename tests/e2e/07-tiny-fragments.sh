#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A SYN cut after 8 bytes of its TCP header hides its flags from a filter, and Linux accepts it.
# It does not get a limited source in, in modes nft and xdp.
. "$(dirname "$0")/lib.sh"
world bot crowd

# Without sluice: the trick works, or this test would show nothing.
expect_equal "accepted without sluice, cut" 3 "$(raw_syn bot --from 192.0.2.77 --count 3 --cut 8 | jq .accepted)"

for mode in nft xdp; do
    write_config "$mode"
    sluice_start
    expect_equal "$mode: whole SYNs within the limit" 10 "$(raw_syn bot --from 192.0.2.77 --count 10 | jq .accepted)"
    raw_syn bot --from 192.0.2.77 --count 1 >/dev/null
    [ "$mode" = xdp ] || expect "$mode: the element is there" wait_until 5 nft_has 192.0.2.77
    before=$(reached 192.0.2.77)
    expect_equal "$mode: whole SYNs over the limit" 0 "$(raw_syn bot --from 192.0.2.77 --count 3 | jq .accepted)"
    expect_equal "$mode: cut SYNs over the limit" 0 "$(raw_syn bot --from 192.0.2.77 --count 5 --cut 8 | jq .accepted)"
    expect_equal "$mode: nothing new at Postfix" "$before" "$(reached 192.0.2.77)"
    expect "$mode: a source within its limit" gets_in crowd --from 192.0.2.20
    sluice_stop
    sluice_cli detach
done

write_config observe
sluice_start
expect_equal "observe: cut SYNs pass" 3 "$(raw_syn bot --from 192.0.2.77 --count 3 --cut 8 | jq .accepted)"
