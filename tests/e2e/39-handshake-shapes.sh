#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A bot that makes its own packets gets no further with count = "handshake" by giving the segment that
# completes the handshake another shape: with data, with FIN, data right behind it, behind options,
# cut into fragments. Nor does a forger by data in the SYN, where a listener takes that.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/handshakes.sh"
bare_world bot crowd
STRANGER4=192.0.2.77 # routed to bot, and nobody's: its kernel answers nothing
STRANGER6=2001:db8:77::1
PROVIDER=192.0.2.20
ip -n "$(netns_name net)" -6 route add "$STRANGER6" via fe80::2 dev to-bot
listener mx --host ::

for mode in xdp observe; do
    for cookies in 1 2; do
        netns_sysctl mx "net/ipv4/tcp_syncookies=$cookies"
        write_config "$mode"
        sluice_start
        for way in "whole ack" "whole data" "whole fin" "whole both" "options ack" "8 ack" "16 ack" "16 data" "24 data"; do
            read -r shape finish <<<"$way"
            for stranger in "$STRANGER4" "$STRANGER6"; do
                # Linux takes no IPv6 fragment whose TCP header is not complete.
                [[ $stranger != *:* || $shape = whole || $shape = options || $shape = 24 ]] || continue
                what="$mode, syncookies $cookies, IPv$([[ $stranger == *:* ]] && echo 6 || echo 4), $finish $shape"
                to=$MX4
                [[ $stranger != *:* ]] || to=$MX6
                in_ns bot python3 "$TOOLS/raw_syn.py" --from "$stranger" --to "$to" --count 20 \
                    --cut-ack "$shape" --finish "$finish" --patience 0.3 >"$RUN_DIR/raw"
                if [ "$mode" = observe ]; then
                    expect_equal "$what: all get in" 20 "$(jq .accepted "$RUN_DIR/raw")"
                else
                    expect_between "$what: accepted of 20" 0 10 "$(jq .accepted "$RUN_DIR/raw")"
                fi
                sluice_cli release "$stranger" >"$RUN_DIR/released" 2>&1 || true
            done
        done
        sluice_stop
        sluice_cli detach
    done
done

# Fast Open without a cookie makes a socket of any SYN with data; an ACK with whatever number behind it
# proves nothing.
stop_process "$LISTENER_PID"
netns_sysctl mx net/ipv4/tcp_syncookies=1 net/ipv4/tcp_fastopen=515 # client, server, no cookie needed
listener mx --host :: --fastopen 256
write_config xdp
sluice_start
syns bot --from "$PROVIDER" --count 100 --sport 20000 --isn 7 --data 'NOOP' >"$RUN_DIR/sent"
syns bot --from "$PROVIDER" --count 100 --sport 20000 --isn 12 --flags ack >"$RUN_DIR/sent"
expect "SYNs with data made sockets" test "$(tcp_counter mx TCPFastOpenPassive)" -gt 0
expect_equal "forged SYNs with data and forged ACKs complete nothing" 0 "$(outcome completed)"
expect_equal "and make nobody over" 0 "$(over "$PROVIDER/32" smtp length)"
expect_equal "the provider's mail gets in" 10 "$(accepted crowd --from "$PROVIDER" --count 10)"
