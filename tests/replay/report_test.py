# SPDX-License-Identifier: GPL-2.0-or-later
# What `sluice replay` says of captures made for the purpose: formats, times, odd frames, tables,
# and that the machine is the same afterwards.
import json
import os
import subprocess
import time

from support import SECOND, ReplayCase, ethernet, ipv4, main, pcap, pcapng, run, syn, tcp

LATE = 1_700_000_000 * SECOND
WOULD_DROP = "would_drop"


def every(step_ns, count, first_ns=LATE, **fields):
    return [(first_ns + i * step_ns, syn(**fields)) for i in range(count)]


class Formats(ReplayCase):
    def test_every_kind_of_file(self):
        frames = [(LATE + 123_456_789, syn()), (LATE + SECOND, syn("2001:db8::7"))]
        for name, content, digits in (("little", pcap(frames), "123456"), ("big", pcap(frames, ">"), "123456"),
                                      ("nano", pcap(frames, nano=True), "123456"),
                                      ("big nano", pcap(frames, ">", nano=True), "123456"),
                                      ("pcapng", pcapng(frames), "123456"), ("big pcapng", pcapng(frames, ">"), "123456")):
            with self.subTest(format=name):
                report = self.replay(content)
                self.assertEqual((report["frames"], report["attempts"]), (2, 2))
                self.assertEqual(report["first_frame"], f"2023-11-14T22:13:20.{digits}Z")
                self.assertEqual(report["last_frame"], "2023-11-14T22:13:21.000000Z")
                self.assertTrue(report["complete"])
                self.assertEqual(report["warnings"], [])

    def test_standard_input(self):
        content = pcap(every(SECOND, 12))
        path = self.file("in.pcap", content)
        with open(path, "rb") as seekable:
            done = run("-", "--json", stdin=seekable)
        self.assertEqual(json.loads(done.stdout)["attempts"], 12)
        cat = subprocess.Popen(["cat", path], stdout=subprocess.PIPE)
        done = run("-", "--json", stdin=cat.stdout)
        cat.stdout.close()
        cat.wait()
        report = json.loads(done.stdout)
        self.assertEqual((report["attempts"], report["file"]), (12, "standard input"))

    def test_cut_off_in_last_frame(self):
        for make in (pcap, pcapng):
            whole = make(every(SECOND, 3))
            for missing in (1, 30, 60):
                with self.subTest(format=make.__name__, missing=missing):
                    report = self.replay(whole[:-missing])
                    self.assertEqual((report["frames"], report["attempts"], report["complete"]), (2, 2, False))
                    self.assertEqual(report["warnings"], ["the capture breaks off within its last frame; what comes "
                                                          "before was replayed (2 frames)"])

    def test_no_frames(self):
        report = self.replay(pcap([]))
        self.assertEqual((report["frames"], report["first_frame"], report["sources"]), (0, None, []))
        self.assertEqual(report["warnings"], ["no connection attempt to a protected port (1-65535) is in the capture"])


class Times(ReplayCase):
    def test_when_and_how_often(self):
        # 12 in 12 s: over with the 11th. An hour later again, and a neighbour who is never over.
        frames = every(SECOND, 12) + every(SECOND, 12, LATE + 3600 * SECOND) + every(SECOND, 3, LATE + 7200 * SECOND,
                                                                                    source="198.51.100.8")
        report = self.replay(pcap(frames))
        first, second = report["sources"]
        self.assertEqual(first, {
            "source": "198.51.100.7/32", "service": "all", "class": "default", "action": "limit",
            "limit": {"connections": 10, "per_ms": 60000}, "attempts": 24, "over": 4, "times_over": 2,
            "first_over": "2023-11-14T22:13:30.000000Z", "last_over": "2023-11-14T23:13:30.000000Z",
            # the 10th latest of the 24 came at 23:13:22
            "released": "2023-11-14T23:14:22.000000Z", "last_attempt": "2023-11-14T23:13:31.000000Z",
            "limited": True})
        self.assertEqual((second["source"], second["attempts"], second["first_over"], second["limited"]),
                         ("198.51.100.8/32", 3, None, False))
        self.assertEqual((report["outcomes"]["passed"], report["outcomes"][WOULD_DROP]), (23, 4))
        self.assertEqual(report["sources_limited"], 1)

    def test_time_zero(self):
        report = self.replay(pcap([(0, syn())] * 12))
        self.assertEqual(report["outcomes"][WOULD_DROP], 2)
        self.assertEqual(report["sources"][0]["first_over"], "1970-01-01T00:00:00.000000Z")
        self.assertEqual(report["sources"][0]["times_over"], 1)

    def test_after_2038(self):
        report = self.replay(pcap(every(SECOND, 12, 0xF0000000 * SECOND)))
        self.assertTrue(report["first_frame"].startswith("2097-"), report["first_frame"])
        self.assertEqual(report["sources"][0]["over"], 2)

    def test_backwards(self):
        frames = [(LATE + 30 * SECOND, syn())] * 9 + [(LATE, syn())] * 2 + [(LATE + 90 * SECOND + 512, syn())]
        report = self.replay(pcap(frames, nano=True))
        # judged at the time reached: the 11th is over, 60 s later nobody is
        self.assertEqual((report["frames_backwards"], report["outcomes"][WOULD_DROP]), (2, 1))
        self.assertEqual((report["first_frame"], report["last_frame"]),
                         ("2023-11-14T22:13:20.000000Z", "2023-11-14T22:14:50.000000Z"))
        self.assertEqual(report["warnings"], ["2 frames are earlier than a frame before; judged at the time reached "
                                              "so far (`reordercap` sorts a capture)"])

    def test_time_zone(self):
        path = self.file("test.pcap", pcap(every(SECOND, 12)))
        text = run(path, "--config", self.config, env={**os.environ, "TZ": "CET-1"}).stdout.decode()
        self.assertIn("2023-11-14 23:13:20 CET to 2023-11-14 23:13:31 CET (11s)", text)


class Frames(ReplayCase):
    def test_odd_frames(self):
        frames = [syn(), b"", bytes(13), bytes(14), syn() + bytes(9000), ethernet(ipv4("198.51.100.7", tcp()[:12])),
                  ethernet(b"\x43" + bytes(30)), ethernet(ipv4("198.51.100.7", b"x" * 8, protocol=17)), syn(flags=0x12)]
        outcomes = {name: n for name, n in self.replay(pcap(frames))["outcomes"].items() if n}
        self.assertEqual(outcomes, {"passed": 2, "malformed": 4, "not_tcp": 2, "not_syn": 1})

    def test_cut_when_captured(self):
        report = self.replay(pcap([(0, syn()[:40], 60), (0, syn())]))
        self.assertEqual((report["frames_cut"], report["outcomes"]["malformed"]), (1, 1))
        self.assertEqual(report["warnings"], ["1 frame captured without the end, which may be why some count as "
                                              "malformed; capture with `tcpdump -s 256` or more"])

    def test_more_sources_than_the_first_table(self):
        count = 100_000
        many = [(LATE, syn(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")) for i in range(count)]
        report = self.replay(pcap([(LATE, syn("10.0.0.0"))] * 9 + many + [(LATE, syn("10.0.0.0"))]))
        self.assertEqual((len(report["sources"]), report["attempts"], report["sources_lost"]), (count, count + 10, 0))
        first = report["sources"][0]
        self.assertEqual((first["source"], first["attempts"], first["over"]), ("10.0.0.0/32", 11, 1))
        self.assertEqual(report["warnings"], [])


class Configurations(ReplayCase):
    def test_modes(self):
        content = pcap(every(SECOND, 12))
        for mode, outcome in (("observe", WOULD_DROP), ("nft", "left_to_nft"), ("xdp", "dropped_limited")):
            with self.subTest(mode=mode):
                report = self.replay(content, "--mode", mode)
                dropped = report["outcomes"][outcome] + report["outcomes"]["sampled"]
                self.assertEqual((report["mode"], dropped), (mode, 2))

    def test_classes_and_services(self):
        config = self.file("classes.toml", b"""
[service.smtp]
ports = [25]
[service.submission]
ports = [465, 587]
[class.infrastructure]
action = "exempt"
ranges = ["192.0.2.0/24"]
[class.watched]
action = "observe"
ranges = ["203.0.113.0/24"]
limit = { connections = 5, per = "60s" }
[class.customers]
ranges = ["2001:db8:1::/48"]
limits = { submission = { connections = 2, per = "60s" } }
""")
        frames = (every(SECOND, 20, source="192.0.2.9") + every(SECOND, 7, source="203.0.113.9")
                  + every(SECOND, 4, source="2001:db8:1:2::1", dport=465)
                  + every(SECOND, 4, source="2001:db8:1:2::2", dport=25) + every(SECOND, 3, source="198.51.100.1"))
        report = self.replay(pcap(sorted(frames)), "--config", config)
        rows = [(s["source"], s["service"], s["class"], s["attempts"], s["over"], s["limited"]) for s in report["sources"]]
        self.assertEqual(rows, [("203.0.113.9/32", "smtp", "watched", 7, 2, False),
                                ("2001:db8:1:2::/64", "smtp", "customers", 4, 0, False),
                                ("2001:db8:1:2::/64", "submission", "customers", 4, 2, True),
                                ("198.51.100.1/32", "smtp", "default", 3, 0, False)])
        self.assertEqual(report["outcomes"]["exempt"], 20)
        self.assertEqual(report["outcomes"]["over_observed"], 2)
        self.assertEqual(report["services"], {"smtp": {"attempts": 34, "over": 2},
                                              "submission": {"attempts": 4, "over": 2}})
        self.assertEqual(report["classes"]["infrastructure"], {"attempts": 20, "over": 0})

    def test_without_a_limit(self):
        report = self.replay(pcap(every(SECOND, 20)), "--config", self.file("none.toml", b'mode = "nft"\n'))
        self.assertEqual(report["outcomes"]["passed"], 20)
        self.assertEqual(report["warnings"], ["the configuration has no limit, so that nobody can be over one; write "
                                              "[limit], or replay without --config"])

    def test_without_a_configuration(self):
        if os.path.exists("/etc/sluice"):
            self.skipTest("this machine has a configuration")
        path = self.file("test.pcap", pcap(every(SECOND, 12)))
        report = json.loads(run(path, "--json").stdout)
        self.assertEqual((report["configuration"], report["outcomes"][WOULD_DROP]), (None, 2))
        text = run(path).stdout.decode()
        self.assertIn("No configuration is written: the built-in limit of 10 attempts in 60s stands for everybody.\n", text)
        self.assertIn("1 of 1 source would have been limited.\n", text)

    def test_text_lists_who_was_over(self):
        others = [(LATE, syn(f"10.0.0.{i}")) for i in range(30) for _ in range(11 if i == 29 else 9)]
        path = self.file("test.pcap", pcap(others))
        text = run(path, "--config", self.config).stdout.decode()
        self.assertIn("1 of 30 sources would have been limited.\n", text)
        self.assertIn("\n10.0.0.29/32  all      default  10/1m        11     1      1  2023", text)
        self.assertIn("\n... and 9 sources that never were over (--all lists them)\n", text)
        self.assertIn("10.0.0.28/32", run(path, "--config", self.config, "--all").stdout.decode())
        self.assertIn("Nobody would have been limited (1 source).\n",
                      run(self.file("one.pcap", pcap([syn()])), "--config", self.config).stdout.decode())


def machine():
    """What a command could leave behind: programs, maps, links, pins, devices, rules."""
    def said(*command):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def ids(kind):
        return {(kind, item["id"], item.get("name")) for item in json.loads(said("bpftool", "--json", kind, "list"))}

    state = ids("prog") | ids("map") | ids("link")
    for top, _, files in os.walk("/sys/fs/bpf"):
        state |= {("pin", top, name) for name in files}
    return state | {("line", line) for line in (said("ip", "-o", "link") + said("nft", "list", "tables")).splitlines()}


class NothingLeftBehind(ReplayCase):
    def test_machine_is_the_same(self):
        # others may load programs meanwhile, and the kernel frees ours a moment later: what we
        # leave behind would be there in every attempt
        path = self.file("test.pcap", pcap(every(SECOND, 12)))
        for _ in range(10):
            before = machine()
            self.assertEqual(run(path, "--config", self.config, "--mode", "xdp").returncode, 0)
            time.sleep(0.5)
            left = machine() - before
            if not left:
                break
        self.assertEqual(left, set())

    def test_needs_no_interface(self):
        path = self.file("test.pcap", pcap(every(SECOND, 12)))
        done = run(path, "--config", self.config, "--json", prefix=("unshare", "--net", "--mount"))
        self.assertEqual(json.loads(done.stdout)["outcomes"][WOULD_DROP], 2)


if __name__ == "__main__":
    main()
