# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes down when elements come into the sets of the table inet sluice.

Listens to the kernel's own nftables notifications, which are sent after a transaction became
live, so the time (CLOCK_MONOTONIC, seconds) is never before the element acts. Prints "listening",
then one line per element: TIME ADDRESS SET.
"""
import socket
import struct
import time

NETLINK_NETFILTER = 12
NFNLGRP_NFTABLES = 7
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
SO_RCVBUFFORCE = 33
NEWSETELEM = 10 << 8 | 12
TABLE, SET, ELEMENTS = 1, 2, 3
KEY, VALUE = 1, 1


def attributes(data):
    """Pairs of type and payload; nested ones carry a flag in the type."""
    while len(data) >= 4:
        length, kind = struct.unpack("=HH", data[:4])
        if length < 4:
            return
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3:]


def find(data, *path):
    for kind in path:
        data = dict(attributes(data)).get(kind, b"")
    return data


def address(raw):
    if len(raw) == 16:
        return socket.inet_ntop(socket.AF_INET6, raw)
    return socket.inet_ntoa(raw[:4]) if len(raw) >= 4 else raw.hex()


def main():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as monitor:
        monitor.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        monitor.bind((0, 0))
        monitor.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
        print("listening", flush=True)
        while True:
            data = monitor.recv(1 << 20)
            now = time.monotonic()
            while len(data) >= 16:
                length, kind = struct.unpack("=IH", data[:6])
                body = data[20:length]
                data = data[(length + 3) & ~3:]
                if kind != NEWSETELEM:
                    continue
                top = dict(attributes(body))
                if top.get(TABLE, b"").rstrip(b"\0") != b"sluice":
                    continue
                name = top.get(SET, b"").rstrip(b"\0").decode()
                for _, element in attributes(top.get(ELEMENTS, b"")):
                    raw = find(element, KEY, VALUE)
                    print(f"{now:.6f} {address(raw)} {name}", flush=True)


main()
