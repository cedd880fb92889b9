# SPDX-License-Identifier: GPL-2.0-or-later
"""A long wire between two network namespaces: a TUN device at each end, and time in between.

wire.py --near NETNS:DEVICE --far NETNS:DEVICE [--delay MS] [--hold-answers N]
        [--copies-of-acks N] [--copies-of-synacks N] [--copies-of-data N] [--lose-synacks N]
The near end is the client's. Namespaces give neither distance nor loss, and without distance a
burst of connects is no burst: each handshake ends inside the system call that began it.

--hold-answers keeps every SYN-ACK back until N SYNs have gone by (1.5 s at most), so that N
connections are certain to be half open at the same moment. --copies-of-… sends each such segment
N times in a row. --lose-synacks loses the first N SYN-ACKs of each connection. Prints `ready`; SIGUSR1
holds the next N answers, SIGTERM ends it.
"""
import argparse
import collections
import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
SYN, ACK = 2, 16
HOLD_S = 1.5


def open_end(place):
    namespace, device = place.split(":")
    with open(f"/run/netns/{namespace}", "rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns", namespace)
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def segment(packet):
    """(addresses and ports, flags, length of payload) of a TCP segment, else None."""
    if packet[0] >> 4 == 4:
        if packet[9] != socket.IPPROTO_TCP:
            return None
        start, total, where = (packet[0] & 15) * 4, struct.unpack("!H", packet[2:4])[0], packet[12:20]
    else:
        if packet[6] != socket.IPPROTO_TCP:
            return None
        start, total, where = 40, 40 + struct.unpack("!H", packet[4:6])[0], packet[8:40]
    tcp = packet[start:]
    return where + tcp[:4], tcp[13], total - start - (tcp[12] >> 4) * 4


class Wire:
    def __init__(self, options):
        self.options = options
        self.near, self.far = open_end(options.near), open_end(options.far)
        self.under_way = collections.deque()  # (due, end, packet), in order of due
        self.held, self.syns, self.holding = [], set(), options.hold_answers > 0
        self.held_since = None
        self.lost = collections.Counter()

    def send(self, end, packet, copies=1):
        due = time.monotonic() + self.options.delay / 1000
        self.under_way.extend([(due, end, packet)] * copies)

    def from_near(self, packet):
        copies = 1
        if found := segment(packet):
            who, flags, payload = found
            if flags & (SYN | ACK) == SYN:
                self.syns.add(who)
                if self.held_since is None:
                    self.held_since = time.monotonic()
            elif flags & ACK:
                copies = self.options.copies_of_data if payload else self.options.copies_of_acks
        self.send(self.far, packet, copies)

    def from_far(self, packet):
        found = segment(packet)
        if not found or found[1] & (SYN | ACK) != SYN | ACK:
            return self.send(self.near, packet)
        who = found[0]
        if self.lost[who] < self.options.lose_synacks:
            self.lost[who] += 1
            return None
        if self.holding:
            return self.held.append(packet)
        return self.send(self.near, packet, self.options.copies_of_synacks)

    def hold_again(self):
        self.syns, self.holding, self.held_since = set(), self.options.hold_answers > 0, None

    def release_held(self):
        if len(self.syns) < self.options.hold_answers and (
                self.held_since is None or time.monotonic() < self.held_since + HOLD_S):
            return
        self.holding = False
        for packet in self.held:
            self.send(self.near, packet, self.options.copies_of_synacks)
        self.held = []

    def drain(self, end, handle):
        for _ in range(64):
            try:
                packet = os.read(end, 65535)
            except BlockingIOError:
                return
            handle(packet)

    def deliver(self):
        now = time.monotonic()
        while self.under_way and self.under_way[0][0] <= now:
            _, end, packet = self.under_way.popleft()
            try:
                os.write(end, packet)
            except OSError:
                pass  # the device is down, or its queue is full: a wire loses packets then

    def run(self):
        poll = select.epoll()
        for end in (self.near, self.far):
            poll.register(end, select.EPOLLIN)
        while True:
            wait = 0.02 if self.holding else 1.0
            if self.under_way:
                wait = min(wait, max(0.0, self.under_way[0][0] - time.monotonic()))
            for end, _ in poll.poll(wait):
                self.drain(end, self.from_near if end == self.near else self.from_far)
            if self.holding:
                self.release_held()
            self.deliver()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--near", required=True)
    parser.add_argument("--far", required=True)
    parser.add_argument("--delay", type=float, default=50.0, help="milliseconds, each way")
    parser.add_argument("--hold-answers", type=int, default=0)
    parser.add_argument("--copies-of-acks", type=int, default=1)
    parser.add_argument("--copies-of-synacks", type=int, default=1)
    parser.add_argument("--copies-of-data", type=int, default=1)
    parser.add_argument("--lose-synacks", type=int, default=0)
    wire = Wire(parser.parse_args())
    signal.signal(signal.SIGUSR1, lambda *_: wire.hold_again())
    print("ready", flush=True)
    wire.run()


main()
