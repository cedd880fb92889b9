# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens SMTP connections with packets made by hand.

raw_syn.py --from ADDRESS --to ADDRESS [--port 25] [--count N] [--cut SHAPE] [--cut-ack SHAPE]
           [--finish ack|data|fin|both] [--same] [--gap S] [--patience S]
Shapes: whole; 8, 16 or 24, for two IP fragments of which the first has so many bytes of TCP header;
options, behind IPv4 options or an IPv6 extension header. --cut shapes the SYN, --cut-ack the segment
that completes the handshake, which --finish makes a bare ACK, one with data, one with FIN, or a
bare one with data right behind it (both). --same uses one source port and one initial
sequence number for all, as a retransmission would; --gap seconds from SYN to SYN. The source address
must be routed here but belong to nobody, or the kernel would reset what it did not open. Prints as
JSON how many connections were accepted, meaning the handshake was completed and the greeting read.
"""
import argparse
import json
import random
import select
import socket
import struct
import time

from segments import ACK, FIN, PSH, RST, SYN, Sender, packed, tcp_segment

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
DATA = b"NOOP\r\n"


class Connection:
    def __init__(self, options, sport, isn):
        self.source, self.to = packed(options.source), packed(options.to)
        self.sport, self.dport = sport, options.port
        self.seq, self.ack = isn, 0
        self.sender = Sender()

    def send(self, flags, shape="whole", payload=b""):
        segment = tcp_segment(self.source, self.to, self.sport, self.dport, self.seq, self.ack, flags, payload)
        self.sender.send(self.source, self.to, segment, shape)

    def finish(self, how, shape):
        """Completes the handshake."""
        if how in ("ack", "both"):
            self.send(ACK, shape)
        if how in ("data", "both"):
            self.send(ACK | PSH, shape, DATA)
        if how == "fin":
            self.send(ACK | FIN, shape)

    def parse(self, packet):
        """(flags, payload, sequence number) if it is a segment of this connection, else None."""
        if packet[0] >> 4 == 4:
            start, total = (packet[0] & 15) * 4, struct.unpack("!H", packet[2:4])[0]
            protocol, where = packet[9], packet[12:20]
        else:
            start, total = 40, 40 + struct.unpack("!H", packet[4:6])[0]
            protocol, where = packet[6], packet[8:40]
        if protocol != socket.IPPROTO_TCP or where != self.to + self.source:
            return None
        sport, dport, seq, _ack, offset, flags = struct.unpack("!HHIIBB", packet[start:start + 14])
        if (sport, dport) != (self.dport, self.sport):
            return None
        return flags, packet[start + (offset >> 4) * 4:total], seq

    def wait(self, tap, seconds):
        """The next segment of this connection, or None."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([tap], [], [], left)[0]:
                return None
            packet, origin = tap.recvfrom(65535)
            if origin[2] != socket.PACKET_OUTGOING and (found := self.parse(packet)):
                return found
        return None

    def run(self, tap, options):
        self.send(SYN, options.cut)
        reply = self.wait(tap, 0.7)
        if not reply:
            return "silent"
        if reply[0] & (SYN | ACK) != SYN | ACK:
            return "refused"
        self.seq, self.ack = self.seq + 1 & 0xFFFFFFFF, reply[2] + 1 & 0xFFFFFFFF
        self.finish(options.finish, options.cut_ack)
        reply = self.wait(tap, options.patience)
        while reply and not reply[1] and not reply[0] & RST:
            reply = self.wait(tap, options.patience)
        greeted = bool(reply) and reply[1].startswith(b"220")
        self.send(RST)
        return "accepted" if greeted else "refused"


def main():
    shapes = ("whole", "8", "16", "24", "options")
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="source", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--cut", choices=shapes, default="whole")
    parser.add_argument("--cut-ack", choices=shapes, default="whole")
    parser.add_argument("--finish", choices=("ack", "data", "fin", "both"), default="ack")
    parser.add_argument("--same", action="store_true")
    parser.add_argument("--gap", type=float, default=0.0)
    parser.add_argument("--patience", type=float, default=5.0, help="seconds to wait for the greeting")
    options = parser.parse_args()
    outcomes = {"accepted": 0, "silent": 0, "refused": 0}
    sport, isn = random.randrange(20000, 60000), random.randrange(1 << 32)
    begin = time.monotonic()
    kind = ETH_P_IPV6 if ":" in options.to else ETH_P_IP
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind)) as tap:
        for i in range(options.count):
            if not options.same:
                sport, isn = random.randrange(20000, 60000), random.randrange(1 << 32)
            time.sleep(max(0.0, begin + i * options.gap - time.monotonic()))
            outcomes[Connection(options, sport, isn).run(tap, options)] += 1
    print(json.dumps(outcomes))


main()
