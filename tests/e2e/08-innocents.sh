#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# While a bot is being dropped, 500 connections from an exempt address and 500 from customers within
# their own limit all reach Postfix; a customer over its own limit does not.
. "$(dirname "$0")/lib.sh"
world bot customer infra

for mode in nft xdp; do
    : >"$POSTFIX_LOG"
    write_config "$mode"
    sluice_start
    accepted bot --count 30 >/dev/null
    [ "$mode" = xdp ] || expect "$mode: the bot's element is there" wait_until 5 nft_has 192.0.2.66
    before=$(reached 192.0.2.66)

    # The bot goes on all the time.
    spawn_in bot python3 "$E2E_DIR/tools/connect.py" --to "$MX4" --count 2000 --parallel 200 >"$RUN_DIR/bot"
    bot=$SPAWNED
    expect_equal "$mode: exempt, one address, 500 connections" 500 "$(accepted infra --count 500 --parallel 50)"
    expect_equal "$mode: 25 customers, 20 connections each" 500 \
        "$(accepted customer --from 198.51.100.50-198.51.100.74 --count 500 --parallel 50)"
    wait "$bot"
    expect_equal "$mode: the bot meanwhile" 0 "$(jq .accepted "$RUN_DIR/bot")"
    expect_equal "$mode: exempt at Postfix" 500 "$(reached 203.0.113.5)"
    expect_equal "$mode: customers at Postfix" 500 "$(reached '198.51.100.[0-9]+')"
    expect_equal "$mode: bot at Postfix" "$before" "$(reached 192.0.2.66)"
    expect_equal "$mode: exempt attempts counted" 500 "$(stat_of .counters.exempt)"

    accepted customer --from 198.51.100.99 --count 31 >/dev/null
    [ "$mode" = xdp ] || expect "$mode: a customer over its limit" wait_until 5 nft_has 198.51.100.99
    expect_equal "$mode: the customer over its own limit" 0 "$(accepted customer --from 198.51.100.99 --count 5)"
    expect "$mode: the customer beside it" gets_in customer --from 198.51.100.98
    sluice_stop
    sluice_cli detach
done
