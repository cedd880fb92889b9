# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP segments made by hand, sent over a raw socket from whatever address."""
import random
import socket
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MORE = 0x2000


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Sender:
    """Sends IPv4 packets with a source address of one's own choice."""

    def __init__(self):
        self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send_ip(self, source, to, payload, ident=0, fragment=0):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64,
                             socket.IPPROTO_TCP, 0, source, to)
        self.out.sendto(header + payload, (socket.inet_ntoa(to), 0))

    def send_in_two(self, source, to, segment, first):
        """As two fragments, the first with that many bytes (a multiple of 8)."""
        ident = random.randrange(1, 65536)
        self.send_ip(source, to, segment[:first], ident, MORE)
        self.send_ip(source, to, segment[first:], ident, first // 8)


def tcp_segment(source, to, sport, dport, seq, ack, flags, payload=b""):
    header = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 64240, 0, 0)
    pseudo = source + to + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(header) + len(payload))
    return header[:16] + struct.pack("!H", checksum(pseudo + header + payload)) + header[18:] + payload
