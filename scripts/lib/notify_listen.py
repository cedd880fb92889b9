# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays systemd's part of sd_notify: writes every message that arrives at a socket to a file."""
import os
import socket
import sys

path, log = sys.argv[1:]
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
    listener.bind(path)
    while True:
        message = listener.recv(4096).decode(errors="replace")
        # Opened anew each time: whoever starts a controller empties the file.
        with open(log, "a", encoding="utf-8") as out:
            out.write(message.rstrip("\n") + "\n")
            out.flush()
            os.fsync(out.fileno())
