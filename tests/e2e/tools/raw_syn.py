# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens SMTP connections with packets made by hand, whole or cut into IP fragments.

raw_syn.py --from ADDRESS --to ADDRESS [--port 25] [--count N] [--cut whole|8]
`--cut 8` sends the SYN as two fragments, the first with 8 bytes of TCP header, so that its flags
are in the second one. `--cut whole` sends it in one piece. The source address must be routed here
but belong to nobody, or the kernel would reset what it did not open. Prints as JSON how many
connections were accepted, meaning the handshake was completed and the greeting read.
"""
import argparse
import json
import random
import select
import socket
import struct
import time

ETH_P_IP = 0x0800
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MORE = 0x2000


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Connection:
    def __init__(self, options):
        self.source, self.to = socket.inet_aton(options.source), socket.inet_aton(options.to)
        self.sport, self.dport = random.randrange(20000, 60000), options.port
        self.seq, self.ack = random.randrange(1 << 32), 0
        self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def tcp(self, flags):
        header = struct.pack("!HHIIBBHHH", self.sport, self.dport, self.seq, self.ack, 5 << 4, flags, 64240, 0, 0)
        pseudo = self.source + self.to + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(header))
        return header[:16] + struct.pack("!H", checksum(pseudo + header)) + header[18:]

    def send_ip(self, payload, ident, fragment):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64,
                             socket.IPPROTO_TCP, 0, self.source, self.to)
        self.out.sendto(header + payload, (socket.inet_ntoa(self.to), 0))

    def send(self, flags, cut="whole"):
        segment, ident = self.tcp(flags), random.randrange(1, 65536)
        if cut == "whole":
            self.send_ip(segment, ident, 0)
        else:
            self.send_ip(segment[:8], ident, MORE)
            self.send_ip(segment[8:], ident, 1)

    def wait(self, tap, seconds):
        """The next segment of this connection: (flags, payload, sequence number), or None."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([tap], [], [], left)[0]:
                return None
            packet, origin = tap.recvfrom(65535)
            if origin[2] == socket.PACKET_OUTGOING:
                continue
            ihl = (packet[0] & 15) * 4
            if packet[9] != socket.IPPROTO_TCP or packet[12:16] != self.to or packet[16:20] != self.source:
                continue
            sport, dport, seq, _ack, offset, flags = struct.unpack("!HHIIBB", packet[ihl:ihl + 14])
            if (sport, dport) != (self.dport, self.sport):
                continue
            total = struct.unpack("!H", packet[2:4])[0]
            return flags, packet[ihl + (offset >> 4) * 4:total], seq
        return None

    def run(self, tap, cut):
        self.send(SYN, cut)
        reply = self.wait(tap, 0.7)
        if not reply:
            return "silent"
        if reply[0] & (SYN | ACK) != SYN | ACK:
            return "refused"
        self.seq, self.ack = self.seq + 1 & 0xFFFFFFFF, reply[2] + 1 & 0xFFFFFFFF
        self.send(ACK)
        reply = self.wait(tap, 5)
        while reply and not reply[1]:
            reply = self.wait(tap, 5)
        greeted = bool(reply) and reply[1].startswith(b"220")
        self.send(RST)
        return "accepted" if greeted else "refused"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--cut", choices=("whole", "8"), default="whole")
    options = parser.parse_args()
    outcomes = {"accepted": 0, "silent": 0, "refused": 0}
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as tap:
        for _ in range(options.count):
            outcomes[Connection(options).run(tap, options.cut)] += 1
    print(json.dumps(outcomes))


main()
