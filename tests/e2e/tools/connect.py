# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes a number of SMTP connections and prints as JSON what became of them.

connect.py --to ADDRESS [--port 25] [--from ADDRESSES] [--count N | --each N | --rate N --seconds S]
With several source addresses every connection takes the next one; --each N makes N connections
from every address in a row, --rate makes N in a second, evenly. The attempts are listed with the times of their SYNs.
"""
import argparse
import json
import time

from smtp_client import Attempt, Pool, addresses


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--from", dest="source", default="")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--each", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--attempts", action="store_true", help="list every attempt")
    options = parser.parse_args()

    sources = addresses(options.source) if options.source else [""]
    if options.rate:
        options.count = int(options.rate * options.seconds)
    if options.each:
        plan = [source for source in sources for _ in range(options.each)]
    else:
        plan = [sources[i % len(sources)] for i in range(options.count)]
    pool, attempts = Pool(), []
    begin = time.monotonic()
    for i, source in enumerate(plan):
        if options.rate:
            pool.wait(begin + i / options.rate)
        while len(pool.running) >= options.parallel:
            pool.step(1.0)
        attempt = Attempt(source, options.to, options.port)
        attempts.append(attempt)
        pool.start(attempt)
    pool.drain()

    report = {"tried": len(attempts)}
    for outcome in ("accepted", "silent", "refused"):
        report[outcome] = sum(a.outcome == outcome for a in attempts)
    if options.attempts:
        report["attempts"] = [
            {"source": a.source, "outcome": a.outcome, "before": a.before, "after": a.after} for a in attempts
        ]
    print(json.dumps(report))


main()
