# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends segments that open no connection: forged ones, and repetitions of chosen ones.

syns.py --to ADDRESS --from ADDRESSES [--port 25] [--count N] [--gap S] [--sport P] [--isn I]
        [--at S,S,…] [--flags syn|ack] [--data TEXT]
N segments in turn from the addresses, --gap seconds apart, each with a source port and a sequence
number of its own: random, or counting up from --sport and --isn. --at sends each of them at these
times (seconds from the start; the first is usually 0), as a client repeats a SYN that nobody
answers. --flags ack sends ACKs with a random acknowledgement number, as a blind forger would.
Prints as JSON how many were sent.
"""
import argparse
import json
import random
import time

from segments import ACK, SYN, Sender, packed, tcp_segment
from smtp_client import addresses


def plan(options):
    """What to send: (seconds from the start, source, port, sequence number), in order of time."""
    sources, steps = addresses(options.source), []
    for i in range(options.count):
        sport = options.sport + i if options.sport else random.randrange(1024, 65536)
        isn = options.isn + i if options.isn is not None else random.randrange(1 << 32)
        for at in options.at:
            steps.append((at + i * options.gap, packed(sources[i % len(sources)]), sport, isn))
    return sorted(steps, key=lambda step: step[0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--gap", type=float, default=0.0)
    parser.add_argument("--sport", type=int, default=0)
    parser.add_argument("--isn", type=int)
    parser.add_argument("--at", type=lambda text: [float(x) for x in text.split(",")], default=[0.0])
    parser.add_argument("--flags", choices=("syn", "ack"), default="syn")
    parser.add_argument("--data", default="", help="sent along")
    options = parser.parse_args()

    sender, to, sent = Sender(), packed(options.to), 0
    begin = time.monotonic()
    for when, source, sport, isn in plan(options):
        time.sleep(max(0.0, begin + when - time.monotonic()))
        ack = random.randrange(1 << 32) if options.flags == "ack" else 0
        flags = ACK if options.flags == "ack" else SYN
        segment = tcp_segment(source, to, sport, options.port, isn, ack, flags, options.data.encode())
        sender.send(source, to, segment)
        sent += 1
    print(json.dumps({"sent": sent}))


main()
