# SPDX-License-Identifier: GPL-2.0-or-later
# Files that cannot be replayed: each gets one line that says which file, what is wrong with it
# and what to do, and exit code 2.
import gzip
import os
import shutil
import tempfile
import unittest

import support
from support import LINUX_SLL, RAW_IP, ReplayCase, main, pcap, pcapng, run, syn

MAKE_ONE = "make one with `tcpdump -i eth0 -Q in -w FILE.pcap`"


class Refusals(ReplayCase):
    def expect(self, content, problem):
        path = self.file("bad.pcap", content)
        self.assertEqual(self.refused(path), f"sluice: {path}: {problem}")

    def test_no_capture(self):
        self.expect(b"Received: from mail.example.org\n" * 9, f"this is no capture (pcap or pcapng); {MAKE_ONE}")

    def test_too_short_to_tell(self):
        self.expect(b"\xd4\xc3", f"this is no capture (pcap or pcapng); {MAKE_ONE}")

    def test_empty(self):
        self.expect(b"", f"the file is empty; {MAKE_ONE}")

    def test_cut_off_in_header(self):
        problem = ("the capture is cut off in its header, so that nothing in it can be read; "
                   "copy or capture it again")
        for size in (4, 10, 23):
            with self.subTest(size=size):
                self.expect(pcap([])[:size], problem)
        for size in (4, 11, 20, 30, 40):
            with self.subTest(size=size, format="pcapng"):
                self.expect(pcapng([])[:size], problem)

    def test_other_link_types(self):
        advice = ("and only Ethernet can be replayed; capture on one Ethernet interface, as "
                  "`tcpdump -i eth0 -Q in -w FILE.pcap` does, not on `-i any`")
        for number, name in ((LINUX_SLL, "LINUX_SLL (Linux cooked v1)"), (276, "LINUX_SLL2 (Linux cooked v2)"),
                             (RAW_IP, "RAW (Raw IP)"), (9999, "number 9999")):
            with self.subTest(link_type=number):
                self.expect(pcap([syn()], link_type=number), f"its link type is {name}, {advice}")
        self.expect(pcapng([syn()], link_types=(LINUX_SLL,)),
                    f"its link type is LINUX_SLL (Linux cooked v1), {advice}")

    def test_interfaces_of_several_link_types(self):
        self.expect(pcapng([syn(), syn()], link_types=(1, LINUX_SLL)),
                    "the capture cannot be read behind frame 2 (an interface has a type 113 different from the "
                    "type of the first interface); replay what comes before, by `editcap -r FILE PART.pcap 1-2`")

    def test_damaged(self):
        content = pcap([syn(), syn()]) + b"\xff" * 64
        line = self.refused(self.file("bad.pcap", content))
        self.assertIn("bad.pcap: the capture cannot be read behind frame 2 (", line)
        self.assertIn("`editcap -r FILE PART.pcap 1-2`", line)
        line = self.refused(self.file("bad.pcap", pcap([]) + b"\xff" * 64))
        self.assertIn("bad.pcap: the capture cannot be read behind frame 0 (", line)
        self.assertTrue(line.endswith("); copy or capture it again"), line)

    def test_compressed(self):
        self.expect(gzip.compress(pcap([syn()])), "the file is compressed; use `zcat FILE | sluice replay -`")
        self.expect(b"\xfd7zXZ\0more", "the file is compressed; use `xzcat FILE | sluice replay -`")
        self.expect(b"\x28\xb5\x2f\xfdmore", "the file is compressed; use `zstdcat FILE | sluice replay -`")

    def test_directory(self):
        self.assertEqual(self.refused(self.folder),
                         f"sluice: {self.folder}: this is a directory; name one capture in it")

    def test_missing(self):
        for path in (self.folder + "/none.pcap", self.config + "/none.pcap"):
            with self.subTest(path=path):
                self.assertEqual(self.refused(path), f"sluice: {path}: no such file; name a capture, or - for "
                                                     "standard input")

    def test_standard_input(self):
        with open(self.file("empty", b""), "rb") as empty:
            self.assertEqual(self.refused("-", stdin=empty), f"sluice: standard input: the file is empty; {MAKE_ONE}")

    def test_unreadable(self):
        # the system's refusal: exit code 1
        public = tempfile.mkdtemp(prefix="sluice-replay-")
        self.addCleanup(shutil.rmtree, public)
        os.chmod(public, 0o755)
        binary = shutil.copy(shutil.which(support.SLUICE), public)
        secret = public + "/secret.pcap"
        with open(secret, "wb") as out:
            out.write(pcap([syn()]))
        os.chmod(secret, 0)
        support.SLUICE, before = binary, support.SLUICE
        try:
            done = run(secret, user=65534, group=65534, extra_groups=[])
        finally:
            support.SLUICE = before
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.decode().splitlines()[0].split(";")[0],
                         f"sluice: open {secret}: Permission denied")
        self.assertEqual(done.stdout, b"")

    def test_usage(self):
        good = self.file("good.pcap", pcap([syn()]))
        self.assertEqual(run().returncode, 2)
        self.assertEqual(run(good, "--mode", "fast").returncode, 2)
        missing = self.folder + "/none.toml"
        self.assertIn(f"sluice: {missing}: ", self.refused(good, "--config", missing))
        broken = self.file("broken.toml", b"[limit]\nconnections = 0\n")
        self.assertIn(f"sluice: {broken}:2: ", self.refused(good, "--config", broken))


if __name__ == "__main__":
    main()
