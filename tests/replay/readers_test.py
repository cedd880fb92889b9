# SPDX-License-Identifier: GPL-2.0-or-later
# Real captures, counted by independent readers. tshark sees every attempt (tags, IPv6, first
# fragments), so it is compared with in number, per source and, by a plain list of times, in who
# is over and when; tcpdump wherever its filter can see, which is IPv4 without tags.
# SLUICE_PCAPS names the folder of captures; they are no part of the project.
import collections
import datetime
import functools
import glob
import ipaddress
import os
import shutil
import subprocess
import sys
import unittest

from support import SKIPPED, ReplayCase, main

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PCAPS = os.environ.get("SLUICE_PCAPS") or os.path.join(os.path.dirname(PROJECT), "shared", "pcaps")
FILES = sorted(glob.glob(os.path.join(PCAPS, "*.pcap")))

PORT_LISTS = {"mail": (25, 465, 587), "all": ()}

# frames inside MPLS, tunnels and ICMP errors are no attempts; tshark looks into them
ATTEMPTS = ("tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.flags.reset == 0 && tcp.flags.fin == 0 && "
            "tcp.dstport != 0 && !mpls && !icmp && !icmpv6 && !gre && !(ip.proto in {4, 41}) && "
            "!(ipv6.nxt in {4, 41})")
# tcpdump's tcp[] cannot see behind tags, nor into IPv6
TCPDUMP_BLIND = {"vlan", "ipv6", "pppoes"}

Attempt = collections.namedtuple("Attempt", "ns source port hidden")


def reader(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@functools.cache
def read_by_tshark(path):
    attempts = []
    for line in reader("tshark", "-n", "-r", path, "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE",
                       "-Y", ATTEMPTS, "-T", "fields", "-e", "frame.time_epoch", "-e", "ip.src", "-e", "ipv6.src",
                       "-e", "tcp.dstport", "-e", "frame.protocols"):
        when, source4, source6, port, protocols = line.split("\t")
        seconds, fraction = when.split(".")
        attempts.append(Attempt(int(seconds) * 10**9 + int(fraction.ljust(9, "0")), source4 or source6, int(port),
                                bool(TCPDUMP_BLIND & set(protocols.split(":")))))
    return attempts


def tshark(path, ports):
    return [attempt for attempt in read_by_tshark(path) if not ports or attempt.port in ports]


def tcpdump(path, ports):
    """How many attempts its filter finds."""
    of_port = " or ".join(f"tcp dst port {port}" for port in ports) or "tcp dst portrange 1-65535"
    return len(reader("tcpdump", "-n", "-r", path, "ip and tcp[tcpflags] & (tcp-syn|tcp-ack|tcp-rst|tcp-fin) == "
                      f"tcp-syn and ({of_port})"))


def over_by_list(attempts, connections, per_ns):
    """Per source: the moments of attempts that were over, by a plain list of all times."""
    now, logged, over = 0, collections.defaultdict(list), collections.defaultdict(list)
    for attempt in attempts:
        now = max(now, attempt.ns)
        if sum(1 for earlier in logged[attempt.source] if earlier > now - per_ns) >= connections:
            over[attempt.source].append(now)
        logged[attempt.source].append(now)
    return over


def by_address(report):
    return {str(ipaddress.ip_network(source["source"]).network_address): source for source in report["sources"]}


def moment(ns):
    return datetime.datetime.fromtimestamp(ns // 10**9, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%S") + f".{ns % 10**9 // 1000:06}Z"


@unittest.skipUnless(FILES, "no captures")
class Readers(ReplayCase):
    reports = {}  # loading the program takes longer than most captures

    def config_for(self, ports, connections, per):
        listed = ", ".join(map(str, ports)) or '"1-65535"'
        return self.file("ports.toml", f"""
[service.any]
ports = [{listed}]
[limit]
connections = {connections}
per = "{per}"
[class.default]
prefix6 = 128
""".encode())

    def each(self, ports, connections=10, per="60s"):
        config = self.config_for(ports, connections, per)
        for path in FILES:
            key = (path, ports, connections, per)
            if key not in self.reports:
                self.reports[key] = self.replay_file(path, "--config", config)
            yield path, self.reports[key]

    def test_attempts_as_tshark_counts_them(self):
        for name, ports in PORT_LISTS.items():
            total = 0
            for path, report in self.each(ports):
                attempts = tshark(path, ports)
                counts = collections.Counter(attempt.source for attempt in attempts)
                self.assertEqual(report["attempts"], len(attempts), path)
                self.assertEqual({address: source["attempts"] for address, source in by_address(report).items()},
                                 counts, path)
                total += len(attempts)
            print(f"{name}: {total} attempts in {len(FILES)} captures")
            self.assertGreater(total, 0, "captures without an attempt show nothing")

    def test_attempts_as_tcpdump_counts_them(self):
        total = 0
        for ports in PORT_LISTS.values():
            for path, report in self.each(ports):
                hidden = sum(attempt.hidden for attempt in tshark(path, ports))
                seen = tcpdump(path, ports)
                self.assertEqual(report["attempts"] - hidden, seen, path)
                total += seen
        self.assertGreater(total, 0, "captures without an attempt show nothing")

    def test_frames(self):
        for path, report in self.each(()):
            self.assertEqual(report["frames"], len(reader("tcpdump", "-n", "-r", path)), path)

    def test_who_is_over_and_when(self):
        total = 0
        for connections, per, per_ns in ((1, "1s", 10**9), (2, "1s", 10**9), (3, "10s", 10**10), (10, "60s", 6 * 10**10)):
            for path, report in self.each((), connections=connections, per=per):
                over = over_by_list(tshark(path, ()), connections, per_ns)
                sources = by_address(report)
                self.assertEqual({a: s["over"] for a, s in sources.items() if s["over"]},
                                 {a: len(moments) for a, moments in over.items()}, path)
                for address, moments in over.items():
                    self.assertEqual(sources[address]["first_over"], moment(moments[0]), path)
                    total += len(moments)
        self.assertGreater(total, 0, "nobody was over, which shows nothing")


if __name__ == "__main__":
    missing = [tool for tool in ("tshark", "tcpdump") if not shutil.which(tool)]
    if not FILES or missing:
        print(f"skipped: {', '.join(missing) + ' not installed' if missing else f'no captures in {PCAPS!r}'}")
        sys.exit(SKIPPED)
    main()
