# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP segments made by hand, sent from whatever address, in whatever shape. IPv4 and IPv6."""
import random
import socket
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
DSTOPTS, FRAGMENT = 60, 44


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_segment(source, to, sport, dport, seq, ack, flags, payload=b""):
    header = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 64240, 0, 0)
    pseudo = source + to + struct.pack("!II", len(header) + len(payload), socket.IPPROTO_TCP)
    return header[:16] + struct.pack("!H", checksum(pseudo + header + payload)) + header[18:] + payload


def ipv4(source, to, payload, ident=0, offset=0, more=0, options=b""):
    """offset in bytes; options a multiple of 4 bytes. The kernel fills in the checksum."""
    length = 20 + len(options)
    return struct.pack("!BBHHHBBH4s4s", 0x40 | length // 4, 0, length + len(payload), ident,
                       more << 13 | offset // 8, 64, socket.IPPROTO_TCP, 0, source, to) + options + payload


def ipv6(source, to, payload, extensions=()):
    """extensions: (type, bytes of the header behind its first one), in order."""
    following = [kind for kind, _ in extensions] + [socket.IPPROTO_TCP]
    chain = b"".join(bytes([following[i + 1]]) + rest for i, (_, rest) in enumerate(extensions))
    return struct.pack("!IHBB16s16s", 6 << 28, len(chain) + len(payload), following[0], 64, source, to) + chain + payload


def shaped(source, to, segment, shape):
    """The packets that carry this segment. Shapes: whole; 8, 16, 24: two fragments, the first with
    so many bytes of TCP (whole if there are no more); options: behind IPv4 options or an IPv6
    destination options header."""
    is4 = len(source) == 4
    if shape == "whole" or shape.isdigit() and int(shape) >= len(segment):
        return [ipv4(source, to, segment) if is4 else ipv6(source, to, segment)]
    if shape == "options":
        if is4:
            return [ipv4(source, to, segment, options=b"\x01\x01\x01\x00")]
        return [ipv6(source, to, segment, [(DSTOPTS, bytes([0, 1, 4, 0, 0, 0, 0]))])]
    cut, ident = int(shape), random.randrange(1, 65536)
    if is4:
        return [ipv4(source, to, segment[:cut], ident, 0, 1), ipv4(source, to, segment[cut:], ident, cut, 0)]
    return [ipv6(source, to, part, [(FRAGMENT, struct.pack("!BHI", 0, offset | more, ident))])
            for part, offset, more in ((segment[:cut], 0, 1), (segment[cut:], cut, 0))]


class Sender:
    """Sends packets with a source address of one's own choice."""

    def __init__(self):
        self.out4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.out6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, source, to, segment, shape="whole"):
        for packet in shaped(source, to, segment, shape):
            if len(to) == 4:
                self.out4.sendto(packet, (socket.inet_ntoa(to), 0))
            else:
                self.out6.sendto(packet, (socket.inet_ntop(socket.AF_INET6, to), 0))
