# SPDX-License-Identifier: GPL-2.0-or-later
"""A mail server for handshakes: it greets, answers every line, and listens in the ways that differ.

listener.py [--host ADDRESS] [--port 25] [--backlog 4096] [--sockets N] [--defer-accept S]
            [--fastopen N] [--only-v6] [--mptcp] [--asleep] [--greeting-delay S]
--sockets N opens N listeners with SO_REUSEPORT, --host :: is dual-stack unless --only-v6,
--asleep accepts nobody until SIGUSR1, so the accept queue fills up. Prints `listening`, then
`accepted ADDRESS PORT` for each connection.
"""
import argparse
import resource
import selectors
import signal
import socket
import time


def open_listener(options):
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_MPTCP if options.mptcp else 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, options.only_v6)
    if options.sockets > 1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if options.defer_accept:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, options.defer_accept)
    if options.fastopen:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, options.fastopen)
    sock.bind((options.host, options.port))
    sock.listen(options.backlog)
    sock.setblocking(False)
    return sock


class Server:
    def __init__(self, options):
        self.greeting_delay = options.greeting_delay
        self.selector = selectors.DefaultSelector()
        self.listeners = [open_listener(options) for _ in range(options.sockets)]
        self.greetings = []  # (time, socket), in order

    def wake(self):
        for sock in self.listeners:
            if sock not in self.selector.get_map():
                self.selector.register(sock, selectors.EVENT_READ, self.accept)

    def accept(self, listener):
        while True:
            try:
                sock, where = listener.accept()
            except BlockingIOError:
                return
            print("accepted", where[0].removeprefix("::ffff:"), where[1], flush=True)
            sock.setblocking(False)
            self.greetings.append((time.monotonic() + self.greeting_delay, sock))

    def greet(self):
        now = time.monotonic()
        while self.greetings and self.greetings[0][0] <= now:
            _, sock = self.greetings.pop(0)
            if self.say(sock, b"220 mx.example.net ESMTP\r\n"):
                self.selector.register(sock, selectors.EVENT_READ, self.answer)

    def say(self, sock, text):
        try:
            sock.send(text)
            return True
        except OSError:
            sock.close()
            return False

    def answer(self, sock):
        try:
            data = sock.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        ended = not data or b"QUIT" in data
        if ended:
            self.selector.unregister(sock)
            sock.close()
        elif not self.say(sock, b"250 ok\r\n" * data.count(b"\n")):
            self.selector.unregister(sock)

    def run(self):
        while True:
            for key, _ in self.selector.select(0.05):
                key.data(key.fileobj)
            self.greet()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--backlog", type=int, default=4096)
    parser.add_argument("--sockets", type=int, default=1)
    parser.add_argument("--defer-accept", type=int, default=0)
    parser.add_argument("--fastopen", type=int, default=0)
    parser.add_argument("--only-v6", action="store_true")
    parser.add_argument("--mptcp", action="store_true")
    parser.add_argument("--asleep", action="store_true")
    parser.add_argument("--greeting-delay", type=float, default=0.0)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, max(16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))

    server = Server(options)
    signal.signal(signal.SIGUSR1, lambda *_: server.wake())
    if not options.asleep:
        server.wake()
    print("listening", flush=True)
    server.run()


main()
