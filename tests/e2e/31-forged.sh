#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Anyone can send SYNs with somebody else's address. With count = "handshake" they never make that
# address over, never keep it over, never lead to a ban; they are shown as unverified. The provider
# whose address is forged is a machine of its own; the attacker sees none of the answers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
world bot crowd
PROVIDER=192.0.2.20 # of crowd: a kernel that answers our SYN-ACKs with RST
NOBODY=198.18.7.7 # routed nowhere: our SYN-ACKs get lost
ip -n "$(netns_name net)" route add blackhole 198.18.7.0/24
is_over() { [ "$(over "$1/32" smtp 'length')" != 0 ]; }

for mode in nft xdp; do
    write_config "$mode"
    sluice_start
    for cookies in 1 2; do
        what="$mode, syncookies $cookies"
        netns_sysctl mx "net/ipv4/tcp_syncookies=$cookies"
        mark
        syns bot --from "$PROVIDER" --count 11 >"$RUN_DIR/sent"
        expect_not "$what: eleven forged SYNs make nobody over" is_over "$PROVIDER"
        syns bot --from "$PROVIDER" --count 500 --sport 20000 --isn 7 >"$RUN_DIR/sent"
        syns bot --from "$NOBODY" --count 500 --sport 20000 --isn 7 >"$RUN_DIR/sent"
        # The ACKs behind them: a blind forger cannot know our sequence number.
        for _ in 1 2 3 4; do
            syns bot --from "$PROVIDER" --count 500 --sport 20000 --isn 8 --flags ack >"$RUN_DIR/sent"
            syns bot --from "$NOBODY" --count 500 --sport 20000 --isn 8 --flags ack >"$RUN_DIR/sent"
        done
        expect_not "$what: nor do hundreds with ACKs behind them" is_over "$PROVIDER"
        expect_not "$what: not of an address that never answers either" is_over "$NOBODY"
        expect_equal "$what: they are shown as unverified" 1011 "$(grew unverified)"
        expect_equal "$what: nothing was completed" 0 "$(grew completed)"
        expect_equal "$what: nobody is banned" 0 "$(stat_of '.bans | length')"
        expect_not "$what: nftables knows nothing of it" nft_has "$PROVIDER"
        expect_equal "$what: the provider's mail gets in" 10 "$(accepted crowd --from "$PROVIDER" --count 10)"
        forget "$PROVIDER"
    done
    sluice_stop
    sluice_cli detach
done

# Somebody is over by his own doing: forged SYNs do not keep him so. A limit with a short time.
netns_sysctl mx net/ipv4/tcp_syncookies=1
write_config xdp 6s
sluice_start
accepted crowd --from "$PROVIDER" --count 30 >/dev/null
expect "over by its own doing" is_over "$PROVIDER"
until=$(over "$PROVIDER/32" smtp '.[0].until')
spawn_in bot python3 "$TOOLS/syns.py" --to "$MX4" --from "$PROVIDER" --count 200 --gap 0.05 >"$RUN_DIR/sent"
forger=$SPAWNED
sleep 2
expect_equal "forged SYNs do not move the release moment" "$until" "$(over "$PROVIDER/32" smtp '.[0].until')"
expect "it is released while they go on" wait_until 6 gets_in crowd --from "$PROVIDER"
expect_not "they still do" process_gone "$forger"
wait "$forger"
sluice_stop
sluice_cli detach

# The negative twin: a limit that counts SYNs is what can be forged.
for mode in nft xdp; do
    COUNT=syn write_config "$mode"
    sluice_start
    syns bot --from "$PROVIDER" --count 11 >"$RUN_DIR/sent"
    expect "count = syn, $mode: eleven forged SYNs make the provider over" is_over "$PROVIDER"
    [ "$mode" = xdp ] || expect "count = syn, $mode: the element is there" wait_until 5 nft_has "$PROVIDER"
    expect "count = syn, $mode: and shut it out" shut_out crowd --from "$PROVIDER"
    expect_equal "count = syn, $mode: nothing is unverified" 0 "$(outcome unverified)"
    sluice_stop
    sluice_cli detach
done
