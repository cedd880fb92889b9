# SPDX-License-Identifier: GPL-2.0-or-later
"""Many SMTP connections at once from chosen source addresses, each with the times of its SYN.

One connection is one SYN: it is given up before TCP would repeat it, because a repeated SYN would
be another attempt. "accepted" means that the server's greeting was read.
"""
import errno
import ipaddress
import selectors
import socket
import time

IP_FREEBIND = 15
IPV6_FREEBIND = 78
GIVE_UP_S = 0.8  # TCP repeats a SYN after 1 s
GREETING_S = 15.0


class Attempt:
    """One connection; before/after enclose the moment its SYN left (CLOCK_MONOTONIC, seconds)."""

    def __init__(self, source, to, port):
        self.source, self.to, self.port = source, to, port
        self.outcome = None  # accepted, silent, refused
        self.before = self.after = self.deadline = 0.0
        self.sock = None
        self.connected = False

    def start(self):
        family = socket.AF_INET6 if ":" in self.to else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        if family == socket.AF_INET:
            self.sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        else:
            self.sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        if self.source:
            self.sock.bind((self.source, 0))
        self.before = time.monotonic()
        code = self.sock.connect_ex((self.to, self.port))
        self.after = time.monotonic()
        self.deadline = self.after + GIVE_UP_S
        if code not in (0, errno.EINPROGRESS):
            self.finish("refused")

    def finish(self, outcome):
        if self.outcome is None:
            self.outcome = outcome
        self.sock.close()

    def on_ready(self):
        """True when the connection has come to its end."""
        if not self.connected:
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self.finish("silent" if error == errno.ETIMEDOUT else "refused")
                return True
            self.connected = True
            self.deadline = time.monotonic() + GREETING_S
            return False
        try:
            data = self.sock.recv(4096)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.finish("refused")
            return True
        if self.outcome is None:
            if not data.startswith(b"220"):
                self.finish("refused")
                return True
            self.outcome = "accepted"
            try:
                self.sock.send(b"QUIT\r\n")
            except OSError:
                self.finish("accepted")
                return True
        return False


class Pool:
    """Runs attempts side by side until each has an outcome."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.running = set()

    def start(self, attempt):
        attempt.start()
        if attempt.outcome is None:
            self.running.add(attempt)
            self.selector.register(attempt.sock, selectors.EVENT_WRITE, attempt)

    def step(self, timeout):
        now = time.monotonic()
        if self.running:
            timeout = min(timeout, max(0.0, min(a.deadline for a in self.running) - now))
        for key, _ in self.selector.select(timeout):
            attempt = key.data
            was_connected = attempt.connected
            self.selector.unregister(attempt.sock)
            if attempt.on_ready():
                self.running.discard(attempt)
            else:
                self.selector.register(attempt.sock, selectors.EVENT_READ, attempt)
                if not was_connected:
                    continue
        now = time.monotonic()
        for attempt in [a for a in self.running if a.deadline <= now]:
            self.selector.unregister(attempt.sock)
            attempt.finish("refused" if attempt.connected else "silent")
            self.running.discard(attempt)

    def drain(self):
        while self.running:
            self.step(1.0)

    def wait(self, until):
        while time.monotonic() < until:
            self.step(max(0.0, until - time.monotonic()))


def addresses(text):
    """`a`, `a,b`, `first-last` or `network/len` (without its first address) as a list."""
    found = []
    for part in text.split(","):
        if "/" in part:
            network = ipaddress.ip_network(part)
            last = min(network.num_addresses, 65536)
            found += [str(network[i]) for i in range(1, last)]
        elif "-" in part:
            first, last = (ipaddress.ip_address(x) for x in part.split("-"))
            found += [str(type(first)(i)) for i in range(int(first), int(last) + 1)]
        else:
            found.append(part)
    return found
