# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds one end of a TCP connection until it is ended, and says how an ACK of it would look.

hold_connection.py listen PORT
hold_connection.py connect ADDRESS PORT
hold_connection.py half-open INTERFACE MAC ADDRESS PORT FROM
The last two print ADDRESS:PORT:SEQUENCE:ACKNOWLEDGEMENT. half-open sends a SYN in the name of FROM,
whom nobody answers for, and leaves the server waiting for the ACK that it describes.
"""
import signal
import socket
import struct
import sys

SYN, ACK = 0x02, 0x10
HALF_OPEN_PORT = 33333
HALF_OPEN_SEQUENCE = 1000


def say(text):
    print(text, flush=True)


def listen(port):
    server = socket.create_server(("0.0.0.0", int(port)), backlog=16)
    say("listening")
    kept = server.accept()
    signal.pause()
    return kept


def connect(address, port):
    client = socket.create_connection((address, int(port)), timeout=5)
    own_address, own_port = client.getsockname()
    say(f"{own_address}:{own_port}:1:1")
    signal.pause()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn_frame(to_mac, from_mac, source, destination, port):
    pair = socket.inet_aton(source) + socket.inet_aton(destination)
    tcp = struct.pack("!HHIIBBHHH", HALF_OPEN_PORT, port, HALF_OPEN_SEQUENCE, 0, 5 << 4, SYN, 64240, 0, 0)
    check = checksum(pair + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, socket.IPPROTO_TCP, 0) + pair
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return to_mac + from_mac + struct.pack("!H", 0x0800) + ip + tcp


def half_open(interface, mac, address, port, source):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    link.bind((interface, 0))
    link.settimeout(5)
    to_mac = bytes.fromhex(mac.replace(":", ""))
    link.send(syn_frame(to_mac, link.getsockname()[4], source, address, int(port)))
    while True:
        frame = link.recv(2048)
        if frame[30:34] != socket.inet_aton(source) or frame[23] != socket.IPPROTO_TCP:
            continue
        sport, _, sequence, _, _, flags = struct.unpack("!HHIIBB", frame[34:48])
        if sport == int(port) and flags & (SYN | ACK) == SYN | ACK:
            break
    say(f"{source}:{HALF_OPEN_PORT}:{HALF_OPEN_SEQUENCE + 1}:{(sequence + 1) % 2**32}")
    signal.pause()


if __name__ == "__main__":
    {"listen": listen, "connect": connect, "half-open": half_open}[sys.argv[1]](*sys.argv[2:])
