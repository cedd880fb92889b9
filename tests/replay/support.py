# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of `sluice replay` share: running it, and captures written byte by byte, so that
# no library stands between the test and the format.
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

SLUICE = os.environ.get("SLUICE", "sluice")
SKIPPED = 77  # for ctest

ALL_PORTS = """
[service.all]
ports = ["1-65535"]
[limit]
connections = 10
per = "60s"
[class.default]
prefix6 = 128
"""

ETHERNET, RAW_IP, LINUX_SLL = 1, 101, 113
SYN = 0x02
SECOND = 10**9


def run(*arguments, stdin=None, prefix=(), **options):
    return subprocess.run(
        [*prefix, SLUICE, "replay", *arguments], stdin=stdin, capture_output=True, timeout=120, check=False, **options
    )


class ReplayCase(unittest.TestCase):
    """A folder for files, and a configuration that protects all ports."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sluice-replay-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.config = self.file("sluice.toml", ALL_PORTS.encode())

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(content)
        return path

    def replay(self, content, *arguments):
        """The report on a capture with this content, and what was said on standard error."""
        return self.replay_file(self.file("test.pcap", content), *arguments)

    def replay_file(self, path, *arguments):
        if "--config" not in arguments:
            arguments = (*arguments, "--config", self.config)
        done = run(path, "--json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["schema"], "sluice.replay/1")
        self.assertEqual(sum(report["outcomes"].values()), report["frames"], "one outcome for each frame")
        self.assertEqual([line.split(": warning: ")[1] for line in done.stderr.decode().splitlines()],
                         report["warnings"])
        return report

    def refused(self, path, *arguments, **options):
        """The one line in which a capture is refused."""
        done = run(path, *arguments, **options)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, b"")
        lines = done.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, lines)
        return lines[0]


def ethernet(payload, kind=0x0800):
    return bytes(12) + struct.pack("!H", kind) + payload


# A new number for each, or the same SYN later would be a retransmission.
isns = itertools.count(1)


def tcp(flags=SYN, dport=25, sport=40000):
    return struct.pack("!HHIIBBHHH", sport, dport, next(isns), 0, 5 << 4, flags, 1024, 0, 0)


def ipv4(source, payload, protocol=6):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton("192.0.2.1")) + payload


def ipv6(source, payload, protocol=6):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64,
                       socket.inet_pton(socket.AF_INET6, source),
                       socket.inet_pton(socket.AF_INET6, "2001:db8::1")) + payload


def syn(source="198.51.100.7", **fields):
    if ":" in source:
        return ethernet(ipv6(source, tcp(**fields)), 0x86DD)
    return ethernet(ipv4(source, tcp(**fields)))


def pcap(frames, order="<", nano=False, link_type=ETHERNET):
    """Classic pcap. Frames are bytes, or (ns, bytes), or (ns, bytes, length on the wire)."""
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)]
    for frame in frames:
        ns, content, *rest = (SECOND, frame) if isinstance(frame, bytes) else frame
        fraction = ns % SECOND if nano else ns % SECOND // 1000
        out.append(struct.pack(order + "IIII", ns // SECOND, fraction, len(content),
                               rest[0] if rest else len(content)) + content)
    return b"".join(out)


def block(kind, body, order):
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def pcapng(frames, order="<", link_types=(ETHERNET,)):
    """pcapng with nanoseconds; frames as above, all of the first interface."""
    out = [block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)]
    resolution = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
    interfaces = [block(1, struct.pack(order + "HHI", link, 0, 262144) + resolution, order) for link in link_types]
    out.append(interfaces[0])
    for frame in frames:
        ns, content = (SECOND, frame) if isinstance(frame, bytes) else frame
        head = struct.pack(order + "IIIII", 0, ns >> 32, ns & 0xFFFFFFFF, len(content), len(content))
        out.append(block(6, head + content, order))
    out += interfaces[1:]
    return b"".join(out)


def main():
    if os.geteuid() != 0:
        print("skipped: the BPF program can only be loaded by root")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
