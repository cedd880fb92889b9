# SPDX-License-Identifier: GPL-2.0-or-later
"""A bot's burst: many connects at the same moment from one source, and what each of them saw.

burst.py --to ADDRESS [--port 25] [--from ADDRESS] [--count 1000] [--wait 10] [--hold 0]
         [--speak] [--fastopen] [--syn-retries N]
All sockets are made first, then connected without waiting for anything. A connection counts as
established when the greeting was read and a NOOP was answered, so it is usable; all of them are
held open until the last one has its outcome (--hold: and some seconds longer). Prints as JSON:

  established   usable
  reset         ECONNRESET           closed     end of file before the greeting
  timed_out     ETIMEDOUT            refused    ECONNREFUSED
  unreachable   another errno        silent     no answer to the SYN when --wait was over
  hung          connected, and then nothing until --wait was over

failure_s: seconds from the SYN until those that failed knew it (median, longest). syn_span_s:
from the first SYN to the last. --speak sends data as soon as the socket is connected, --fastopen
together with the SYN.
"""
import argparse
import errno
import json
import resource
import selectors
import socket
import statistics
import time

IP_FREEBIND, IPV6_FREEBIND = 15, 78
NAMES = {errno.ECONNRESET: "reset", errno.ETIMEDOUT: "timed_out", errno.ECONNREFUSED: "refused"}
OUTCOMES = ("established", "reset", "closed", "timed_out", "refused", "unreachable", "silent", "hung")
COMMAND = b"NOOP\r\n"


class Caller:
    """One connection, from its SYN to its outcome."""

    def __init__(self, options):
        family = socket.AF_INET6 if ":" in options.to else socket.AF_INET
        self.options = options
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.outcome = None
        self.connected = self.greeted = self.said = False
        self.heard = b""
        self.begun = self.ended = 0.0
        if options.syn_retries is not None:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, options.syn_retries)
        if options.source:
            level, name = (socket.IPPROTO_IPV6, IPV6_FREEBIND) if family == socket.AF_INET6 else (socket.IPPROTO_IP, IP_FREEBIND)
            self.sock.setsockopt(level, name, 1)
            self.sock.bind((options.source, 0))

    def call(self):
        self.begun = time.monotonic()
        where = (self.options.to, self.options.port)
        try:
            if self.options.fastopen:
                self.sock.sendto(COMMAND, socket.MSG_FASTOPEN, where)
                self.said = True  # else there was no cookie yet, and nothing went along
            else:
                self.sock.connect(where)
        except BlockingIOError:
            pass
        except OSError as error:
            self.end(NAMES.get(error.errno, "unreachable"))

    def end(self, outcome):
        if self.outcome is None:
            self.outcome, self.ended = outcome, time.monotonic()

    def on_ready(self):
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            return self.end(NAMES.get(error, "unreachable"))
        if not self.connected:
            self.connected = True
            if self.options.speak or self.options.fastopen:
                self.say()
            return None
        try:
            data = self.sock.recv(4096)
        except BlockingIOError:
            return None
        except OSError as failed:
            return self.end(NAMES.get(failed.errno, "unreachable"))
        if not data:
            return self.end("closed")
        self.heard += data
        if not self.greeted and self.heard.startswith(b"220"):
            self.greeted = True
            self.say()
        if b"\n250" in self.heard:
            self.end("established")
        return None

    def say(self):
        if self.said:
            return
        try:
            self.sock.send(COMMAND)
            self.said = True
        except OSError as failed:
            self.end(NAMES.get(failed.errno, "unreachable"))

    def give_up(self):
        self.end("hung" if self.connected else "silent")


def run(callers, wait):
    selector = selectors.DefaultSelector()
    for caller in callers:
        caller.call()
    deadline = time.monotonic() + wait
    running = {c for c in callers if c.outcome is None}
    for caller in running:
        selector.register(caller.sock, selectors.EVENT_WRITE, caller)
    while running and (left := deadline - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            caller, was_connected = key.data, key.data.connected
            caller.on_ready()
            if caller.outcome is not None:
                selector.unregister(caller.sock)
                running.discard(caller)
            elif caller.connected and not was_connected:
                selector.modify(caller.sock, selectors.EVENT_READ, caller)
    for caller in running:
        caller.give_up()


def report(callers):
    found = {"tried": len(callers)}
    for outcome in OUTCOMES:
        found[outcome] = sum(c.outcome == outcome for c in callers)
    failed = sorted(c.ended - c.begun for c in callers if c.outcome not in ("established", "silent", "hung"))
    found["failure_s"] = {"median": round(statistics.median(failed), 3), "longest": round(failed[-1], 3)} if failed else None
    found["syn_span_s"] = round(max(c.begun for c in callers) - min(c.begun for c in callers), 3)
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True)
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--from", dest="source", default="")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--wait", type=float, default=10.0)
    parser.add_argument("--hold", type=float, default=0.0)
    parser.add_argument("--speak", action="store_true")
    parser.add_argument("--fastopen", action="store_true")
    parser.add_argument("--syn-retries", type=int)
    options = parser.parse_args()

    need = options.count + 64
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, max(hard, need)))
    callers = [Caller(options) for _ in range(options.count)]
    run(callers, options.wait)
    print(json.dumps(report(callers)), flush=True)
    time.sleep(options.hold)


main()
