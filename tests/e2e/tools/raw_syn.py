# SPDX-License-Identifier: GPL-2.0-or-later
"""Opens SMTP connections with packets made by hand, whole or cut into IP fragments.

raw_syn.py --from ADDRESS --to ADDRESS [--port 25] [--count N] [--cut whole|8] [--same] [--gap S]
`--cut 8` sends the SYN as two fragments, the first with 8 bytes of TCP header, so that its flags
are in the second one. `--cut whole` sends it in one piece. `--same` uses one source port and one
initial sequence number for all of them, as a retransmission would, --gap seconds from SYN to SYN.
The source address must be routed here but belong to nobody, or the kernel would reset what it did
not open. Prints as JSON how many connections were accepted, meaning the handshake was completed
and the greeting read.
"""
import argparse
import json
import random
import select
import socket
import struct
import time

from segments import ACK, RST, SYN, Sender, tcp_segment

ETH_P_IP = 0x0800


class Connection:
    def __init__(self, options, sport, isn):
        self.source, self.to = socket.inet_aton(options.source), socket.inet_aton(options.to)
        self.sport, self.dport = sport, options.port
        self.seq, self.ack = isn, 0
        self.sender = Sender()

    def send(self, flags, cut="whole"):
        segment = tcp_segment(self.source, self.to, self.sport, self.dport, self.seq, self.ack, flags)
        if cut == "whole":
            self.sender.send_ip(self.source, self.to, segment)
        else:
            self.sender.send_in_two(self.source, self.to, segment, 8)

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
        while reply and not reply[1] and not reply[0] & RST:
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
    parser.add_argument("--same", action="store_true")
    parser.add_argument("--gap", type=float, default=0.0)
    options = parser.parse_args()
    outcomes = {"accepted": 0, "silent": 0, "refused": 0}
    sport, isn = random.randrange(20000, 60000), random.randrange(1 << 32)
    begin = time.monotonic()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as tap:
        for i in range(options.count):
            if not options.same:
                sport, isn = random.randrange(20000, 60000), random.randrange(1 << 32)
            time.sleep(max(0.0, begin + i * options.gap - time.monotonic()))
            outcomes[Connection(options, sport, isn).run(tap, options.cut)] += 1
    print(json.dumps(outcomes))


main()
