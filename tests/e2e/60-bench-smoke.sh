#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# scripts/bench, with tiny counts: every row is there, the contestants stop what they should and let
# pass what they should (counts, never times), and one that cannot run here is said to be so.
. "$(dirname "$0")/lib.sh"
[ -x "$SLUICE_BUILD/tests/bench/bench_tool" ] || fail "no bench_tool in $SLUICE_BUILD; build it first"
make_run_dir
OUT=$RUN_DIR/out

bench() {
    "$SLUICE_ROOT/scripts/bench" --no-build --quick --rounds 1 --frames 16384 --newcomers 8192 --sources "1 4096" \
        --ranges "10 100 1000" --bans 500 --repeat 2000 --output "$OUT" "$@" >"$RUN_DIR/log" 2>&1 ||
        { tail -n 40 "$RUN_DIR/log" >&2; fail "scripts/bench ended with an error"; }
}
found() { jq -r "$1" "$OUT/benchmarks.json"; }
# flood CONTESTANT COLUMN FILTER
flood() { found ".floods[\"$1\"][\"$2\"] | $3"; }

bench
for contestant in floor nftdrop recent hashlimit nftset sluice-observe sluice-nft sluice-xdp sluice-handshake; do
    if [ "$(found ".absent[\"$contestant\"]")" != null ]; then
        expect "$contestant cannot run here, and the table says why" \
            grep -q 'cannot run here: .' "$OUT/benchmarks.md"
        continue
    fi
    expect_equal "$contestant: columns" "1 4096 newcomers" \
        "$(found ".floods[\"$contestant\"] | keys_unsorted | map(select(. != \"newcomers\")) + [\"newcomers\"] | join(\" \")")"
    for column in 1 4096; do
        expect_equal "$contestant, $column: all arrived" 16384 "$(flood $contestant $column .arrived)"
        case $contestant-$column in
        # it remembers 100 addresses; it watches; nobody has completed a handshake
        recent-4096 | sluice-observe-* | sluice-handshake-*) wanted=(0 200) ;;
        hashlimit-* | nftset-*) wanted=(16220 16384) ;; # a slow machine gives tokens back
        *) wanted=(16384 16384) ;;
        esac
        expect_between "$contestant, $column: stopped" "${wanted[@]}" "$(flood $contestant $column .stopped)"
        expect_equal "$contestant, $column: its own count agrees" "$(flood $contestant $column .stopped)" \
            "$(flood $contestant $column .stopped_own)"
    done
    [[ $contestant != floor && $contestant != nftdrop ]] || continue
    expect_equal "$contestant: newcomers stopped" 0 "$(flood $contestant newcomers .stopped)"
done

expect_equal "kinds of packets that are none of its business, with 3 lists, all passed" "7 7 7" \
    "$(found '[.costs[] | [.rows[] | select(.passed)] | length] | join(" ")')"
expect_equal "ACKs, counting SYNs" "ack ack_completing ack_established" \
    "$(found '[.acks.syn[] | .row | select(startswith("ack"))] | sort | join(" ")')"
expect "ACKs, counting handshakes: measured, or said not to be there" \
    test "$(found '(.acks.handshake | length) + (.no_handshake | length)')" -gt 0
expect_equal "steps of loading ranges, all done" "0 0 0 0 0" "$(found '[.ranges[].exit] | join(" ")')"
expect_equal "bans: said, listed, in nftables" "0 500 500" "$(found '.bans.sluice | [.report.exit, .listed, .in_nft] | join(" ")')"
expect_equal "bans by nft itself" 500 "$(found .bans.nft.in_nft)"
expect_equal "lines in the picture" "$(found '.floods | length')" "$(grep -c '<polyline' "$OUT/benchmarks.svg")"
expect "the picture is XML" python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$OUT/benchmarks.svg"

# The negative twin: without its tool a contestant is left out, with the reason, and the rest goes on.
mkdir "$RUN_DIR/bin"
printf '#!/bin/sh\necho "iptables: no such table here" >&2\nexit 3\n' >"$RUN_DIR/bin/iptables-legacy"
chmod +x "$RUN_DIR/bin/iptables-legacy"
mv "$OUT/benchmarks.json" "$RUN_DIR/before.json"
PATH=$RUN_DIR/bin:$PATH bench --only "floor hashlimit" --before "$RUN_DIR/before.json" --floods-only
expect_equal "without its table hashlimit is not measured" null "$(found .floods.hashlimit)"
expect "the page says why" grep -q 'hashlimit.* cannot run here: iptables: no such table here' "$OUT/benchmarks.md"
expect_equal "the floor is" 16384 "$(flood floor 4096 .stopped)"
expect "an earlier run stands beside it" grep -q '^## Before' "$OUT/benchmarks.md"
expect_equal "usage errors end with" 2 "$("$SLUICE_ROOT/scripts/bench" --rounds some >/dev/null 2>&1 || echo $?)"
