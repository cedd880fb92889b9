# SPDX-License-Identifier: GPL-2.0-or-later
"""Times what an ACK costs the prototypes, in the network namespace of a listener on --to, port 25.

cost.py --prototype PROGRAM --to ADDRESS --half-open ADDRESS:PORT [--repeat N]
Makes a connection of its own over lo, takes a request socket that somebody left half open, and
builds one frame for each thing that an ACK to the port can meet. Prints one JSON object a line.
"""
import argparse
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../e2e/tools"))
from segments import ACK, ipv4, tcp_segment  # noqa: E402


def frame(source, sport, to, dport):
    segment = tcp_segment(source, to, sport, dport, 1000, 2000, ACK)
    return bytes(12) + b"\x08\x00" + ipv4(source, to, segment)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prototype", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--half-open", required=True)
    parser.add_argument("--repeat", type=int, default=1000000)
    options = parser.parse_args()

    to = socket.inet_aton(options.to)
    half_open, half_open_port = options.half_open.split(":")
    with socket.create_connection((options.to, 25)) as mine:
        own_address, own_port = mine.getsockname()
        frames = {
            "another port": frame(socket.inet_aton("192.0.2.1"), 4000, to, 80),
            "established connection": frame(socket.inet_aton(own_address), own_port, to, 25),
            "half-open connection, wrong number": frame(socket.inet_aton(half_open), int(half_open_port), to, 25),
            "no connection, listener only": frame(socket.inet_aton("192.0.2.1"), 4000, to, 25),
        }
        lines = "".join(f"{name.replace(' ', '_')} {data.hex()}\n" for name, data in frames.items())
        subprocess.run([options.prototype, "cost", str(options.repeat)], input=lines, text=True, check=True)


main()
