# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts what scripts/bench-handshake measured into docs/handshakes.md, between its two markers.

tables.py RESULTS DOCUMENT
"""
import datetime
import json
import os
import platform
import re
import sys

BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"
FAMILIES = {
    "none": "nobody limits",
    "state": "A: `inet_sock_set_state`",
    "sockops": "A: sock_ops",
    "syn": "B: SYN beside ACK",
    "drop": "B: ACK dropped",
    "rst": "B: RST beside ACK",
    "sluice": "**sluice**, mode xdp",
}


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def table(heads, rows):
    return row(*heads) + "|" + "---|" * len(heads) + "\n" + "".join(row(*cells) for cells in rows) + "\n"


def failure(report):
    parts = []
    if report["reset"]:
        parts.append(f"ECONNRESET {1000 * report['failure_s']['median']:.0f} / {1000 * report['failure_s']['longest']:.0f} ms")
    if report["hung"]:
        parts.append("none: connected, and silence")
    if report["silent"]:
        parts.append("none yet: SYN dropped")
    return ", ".join(parts) or "–"


def bursts(results):
    rows = []
    for r in results:
        if r["kind"] != "burst":
            continue
        report, grew = r["report"], r["grew"]
        rows.append((FAMILIES[r["family"]], r["cookies"], r["backlog"], report["established"], report["reset"],
                     report["hung"], report["silent"], failure(report), r["most"], r["left"], f"{r['freed']} s",
                     f"{grew['SyncookiesSent']} / {grew['SyncookiesRecv']}"))
    heads = ("who", "tcp_syncookies", "backlog", "established", "ECONNRESET", "hung after 8 s", "silent after 8 s",
             "what a refused client sees, after (median / longest)", "half open, most", "half open, 8 s later",
             "until the last is gone", "cookies sent / came back")
    return table(heads, rows)


def odd(results):
    rows = []
    for r in results:
        if r["kind"] == "odd":
            rows.append((r["name"], FAMILIES[r["family"]], r["report"]["tried"], r["report"]["established"],
                         r["counted"].get("completed") if r["family"] != "none" else "–"))
    rows.sort(key=lambda cells: cells[0])
    return table(("listener", "who", "connections", "established", "counted"), rows)


def patience(results):
    lines = [f"After 100 s, {r['report']['hung']} of {r['report']['tried'] - r['report']['established']} refused "
             f"clients still waited: {FAMILIES[r['family']]}.\n" for r in results if r["kind"] == "patience"]
    return "".join(lines) + "\n"


def costs(results):
    rows = [(r["frame"].replace("_", " "), r["name"], r["parse"], r["recent"], r["always"])
            for r in results if r["kind"] == "cost"]
    return table(("an ACK of", "", "parsed and passed", "looked up only after a SYN", "always looked up"), rows)


def running(results):
    rows = [(FAMILIES[r["family"]], f"`{name}`", times["runs"], times["ns"])
            for r in results if r["kind"] == "burst" and (r["cookies"], r["backlog"]) == (1, 4096)
            for name, times in r["counted"].get("programs", {}).items()]
    return table(("who", "program", "runs", "ns each"), rows)


def machine():
    model = re.search(r"^model name\s*: (.*)$", open("/proc/cpuinfo").read(), re.MULTILINE)
    return (f"Measured on {datetime.date.today()}, Linux {platform.release()}, {os.cpu_count()} x "
            f"{model.group(1) if model else platform.machine()}, by `scripts/bench-handshake`.\n\n")


def main():
    results = [json.loads(line) for line in open(sys.argv[1])]
    text = machine()
    text += "### 1,000 connects at once, limit 10\n\n" + bursts(results) + patience(results)
    text += "### Odd listeners, 8 connections, each ACK sent twice\n\n" + odd(results)
    text += "### The programs during one burst of 1,000, by the kernel's own clock\n\n" + running(results)
    text += "### Nanoseconds for an ACK to port 25, by test run\n\n" + costs(results)
    document = open(sys.argv[2]).read()
    before, rest = document.split(BEGIN)
    after = rest.split(END)[1]
    with open(sys.argv[2], "w") as file:
        file.write(before + BEGIN + "\n" + text + END + after)


main()
