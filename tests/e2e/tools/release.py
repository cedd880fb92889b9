# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks release moments from outside: never early, and not late.

Every source makes a burst that puts it over its limit and goes quiet. Then each one tries once
more, at its own distance from its release moment, which is known from the times of the burst:
the `limit`-th latest attempt plus `per`. An attempt that left before that moment must find the
door closed, one that left `--late` after it must get in. Prints "quiet" when the bursts are over,
then a line of JSON for each source that was judged wrong (`--all`: for each) and a summary.
"""
import argparse
import json
import sys

from smtp_client import Attempt, Pool, addresses


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--burst", type=int, default=12)
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--per", type=float, default=5.0)
    parser.add_argument("--late", type=float, default=0.1)
    parser.add_argument("--offsets", default="-2,-0.7,-0.45,-0.2,-0.05,-0.02,0.15,0.3,0.8")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    offsets = [float(x) for x in options.offsets.split(",")]

    pool, bursts = Pool(), []
    for source in addresses(options.source):
        burst = [Attempt(source, options.to, options.port) for _ in range(options.burst)]
        for attempt in burst:
            pool.start(attempt)
        bursts.append(burst)
    pool.drain()
    print("quiet", flush=True)

    plan = []
    for i, burst in enumerate(bursts):
        slot = burst[-options.limit]
        plan.append((slot.before + options.per + offsets[i % len(offsets)], offsets[i % len(offsets)], burst))
    plan.sort(key=lambda entry: entry[0])
    probes = []
    for moment, offset, burst in plan:
        pool.wait(moment)
        probe = Attempt(burst[0].source, options.to, options.port)
        pool.start(probe)
        probes.append((probe, offset, burst))
    pool.drain()

    early = late = judged = 0
    for probe, offset, burst in probes:
        slot = burst[-options.limit]
        if probe.after < slot.before + options.per:
            expected = "silent"
        elif probe.before > slot.after + options.per + options.late:
            expected = "accepted"
        else:
            expected = None
        early += expected == "silent" and probe.outcome != "silent"
        late += expected == "accepted" and probe.outcome != "accepted"
        judged += expected is not None
        if expected in (None, probe.outcome) and not options.all:
            continue
        print(json.dumps({
            "source": probe.source, "offset": offset,
            "after_release": round(probe.before - slot.before - options.per, 4),
            "burst_accepted": sum(a.outcome == "accepted" for a in burst),
            "expected": expected, "outcome": probe.outcome}))
    print(json.dumps({"sources": len(probes), "judged": judged, "early": early, "late": late,
                      "let in during bursts": sum(a.outcome == "accepted" for b in bursts for a in b)}))
    sys.exit(bool(early or late or judged == 0))


main()
