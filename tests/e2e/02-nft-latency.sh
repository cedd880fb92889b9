#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mode nft: beyond the limit only those get in that arrive before the element is in place; how long
# that takes is measured over 200 sources, from before the crossing SYN is sent until the kernel
# tells that the element is live.
. "$(dirname "$0")/lib.sh"
world bot crowd
write_config nft
sluice_start
watch_nft

connect bot --count 1000 --parallel 200 --attempts >"$RUN_DIR/bot.json"
expect "an element for the source" wait_until 5 grep -q ' 192\.0\.2\.66 limited_' "$RUN_DIR/nft-watch"
in_all=$(jq .accepted "$RUN_DIR/bot.json")
expect_equal "Postfix counts like the client" "$in_all" "$(reached 192.0.2.66 25)"
expect_equal "nftables counts the rest" $((1000 - in_all)) "$(stat_of .counters.dropped_nft)"
printf 'measured: %s of 1000 got in, limit 10\n' "$in_all"
[ "$in_all" -ge 10 ] || fail "fewer than the limit got in: $in_all"

live=$(awk '$2 == "192.0.2.66" && $3 ~ /^limited_/ { print $1; exit }' "$RUN_DIR/nft-watch")
expect_equal "connections let in after the element was live" 0 \
    "$(jq --argjson live "$live" '[.attempts[] | select(.outcome == "accepted" and .before > $live)] | length' "$RUN_DIR/bot.json")"
sent=$(jq --argjson live "$live" '[.attempts[] | select(.before <= $live)] | length' "$RUN_DIR/bot.json")
[ "$in_all" -le $((sent > 10 ? sent : 10)) ] || fail "$in_all got in, but only $sent were sent by then"

connect crowd --from 100.64.1.1-100.64.1.200 --each 11 --parallel 50 --attempts >"$RUN_DIR/crowd.json"
all_live() { [ "$(grep -oE ' 100\.64\.1\.[0-9]+ limited_' "$RUN_DIR/nft-watch" | sort -u | wc -l)" -eq 200 ]; }
expect "an element for each of 200 sources" wait_until 5 all_live
python3 - "$RUN_DIR/crowd.json" "$RUN_DIR/nft-watch" <<'PYTHON'
import json, sys
crossing = {}
for attempt in json.load(open(sys.argv[1]))["attempts"]:
    crossing[attempt["source"]] = attempt["before"]  # the last one of each is the crossing one
live = {}
for line in open(sys.argv[2]):
    fields = line.split()
    if len(fields) == 3 and fields[2].startswith("limited_"):
        live.setdefault(fields[1], float(fields[0]))
times = sorted((live[s] - t) * 1000 for s, t in crossing.items())
at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
print(f"measured: SYN over the limit to live element, {len(times)} sources: "
      f"p50 {at(.5):.2f} ms, p99 {at(.99):.2f} ms, longest {times[-1]:.2f} ms")
sys.exit(at(.99) > 1000)
PYTHON
expect_equal "nothing of theirs gets in any more" 0 "$(accepted crowd --from 100.64.1.1-100.64.1.200 --count 200)"
expect "the neighbour does" gets_in crowd --from 192.0.2.20
