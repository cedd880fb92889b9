# SPDX-License-Identifier: GPL-2.0-or-later
"""The page: benchmarks.md."""
import summary
from summary import NAMES, NEWCOMERS

# Of mode xdp beside the best peer of the same run, by sources that are over.
WANTED_RATIO = {"1": 2.75, "65536": 2.5, "1048576": 2.25}
WANTED_ADDED = 5  # ns, for packets that are none of its business
WANTED_LOAD = 2.0  # s, a million ranges
WANTED_STALL = 100.0  # ms
WANTED_BANS = 0.5  # s, 100,000 bans

COST_ROWS = {
    "other_port": "TCP data to another port",
    "other_port_syn": "SYN to another port",
    "ack": 'ACK to port 25, `count = "syn"`',
    "udp": "UDP",
    "arp": "ARP",
    "ipv6_other_port": "IPv6, TCP data to another port",
    "ipv6_udp": "IPv6, UDP",
}
ACK_ROWS = {
    "ack": "of no connection",
    "ack_established": "of an open connection",
    "ack_completing": "that completes a handshake, again and again",
}

INTRODUCTION = """# Benchmarks

Made by `scripts/bench`, which anybody can run. {machine}, {cpus} processors, {memory} MiB; Linux {kernel}; {date}; sluice at commit {commit}.
Rounds: {rounds}. Load of the machine {load} when it began, {load_end} when it ended.

SYNs to port 25 are made by an XDP generator out of recycled frames (live frames, 64 at a time) and sent into a veth pair. Generator and receiver share one core, so a number is the CPU time of that core per SYN, for everything together. Each SYN has its own source port and sequence number; the sources of a column come in an order without pattern, each as often as the others. Every contestant is set up anew in each round and the order changes from round to round. Numbers are medians over rounds, with the lowest and the highest round in brackets. Compare within one run only.

*Over*: each source has been warmed up and is over its limit (1 SYN in 60 s) when measuring begins, so every SYN should be stopped. *Newcomers*: no source comes twice; every limiter has to let them pass, into a rule behind it that drops all. Given is what the limiter adds to that rule alone.
"""

STATISTICS = """**The kernel took the time of every run of a BPF program during some of this** (`kernel.bpf_stats_enabled`, or a program that asks for it). That costs tens of nanoseconds a run; what concerns XDP below is too high.
"""

METHOD = """## How the contestants are set up

| contestant | set up |
|---|---|
| XDP program that drops all | counts and drops: the floor of anything in XDP |
| nftables raw, drops all | `iifname "eth0" counter drop` in prerouting: the floor of anything that works on socket buffers. Stands behind every other contestant too |
| iptables `recent` | iptables-legacy, raw; `--set`, then `--update --seconds 60 --hitcount 10 -j DROP`, as people paste it; warmed up with 10 SYNs a source |
| iptables `hashlimit` | iptables-legacy, raw; `--hashlimit-mode srcip --hashlimit-above 1/minute --hashlimit-burst 1`, buckets for half the table, looked through every 30 s |
| nftables dynamic set + limit | raw; `add @seen {{ ip saddr limit rate over 1/minute burst 1 packets }} drop`, timeout 2 min |
| sluice | `[limit] connections = 1, per = "60s", count = "syn"`; `sluice attach`, `sluice run` on the other processors |
| sluice, counting handshakes | mode xdp, the same with `count = "handshake"`, and a listener on port 25. To it these SYNs are forged: they make nobody over and pass; the columns say what that costs |

Tables have room for {table} sources, `recent` as many as it has by default (100), `hashlimit` at most 1,048,576; beyond them it drops whoever is new, so everybody starts anew after the newcomers. `recent` and mode observe stop little or nothing by design: their numbers say what looking costs.
"""


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values):
    return f"{number(values['median'])} ({number(values['low'])}–{number(values['high'])})"


def grid(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def flood_rows(found, cell):
    """One row per contestant; cell(entry, column) is the text of one that was measured."""
    table = found["floods"]
    columns = [*summary.columns(table), NEWCOMERS]
    rows = []
    for name, row in table.items():
        rows.append([NAMES[name], *(cell(row[c], c) if c in row else "–" for c in columns)])
    for name in found["absent"]:
        rows.append([NAMES[name], *(["cannot run here ²"] * len(columns))])
    return rows


def over_head(found):
    return [f"over: {int(c):,}" for c in summary.columns(found["floods"])]


def time_cell(entry, column):
    if column == NEWCOMERS:
        return "+" + spread(entry["added"]) if "added" in entry else f"{spread(entry['ns'])} in all"
    mark = "" if summary.stops(entry) else " ¹"
    return spread(entry["ns"]) + mark


def rate_cell(entry, _column):
    return f"{1e3 / entry['ns']['median']:.2f}"


def stopped_cell(entry, column):
    """What was stopped, by the count behind; and by the contestant's own, where it differs or is missing."""
    if column == NEWCOMERS:
        return f"{entry['stopped']:,}"
    share = 100 * entry["stopped"] / entry["arrived"] if entry["arrived"] else 0
    text = f"{share:.4g} %"
    if entry["stopped_own"] is None:
        text += " (not asked)"
    elif entry["stopped_own"] != entry["stopped"]:
        text += f" (it says {100 * entry['stopped_own'] / entry['arrived']:.4g} %)"
    if "unsettled" in entry:
        text += f" (after {entry['unsettled']} s the controller was not through)"
    return text


def elsewhere_cell(entry, _column):
    return f"{100 * entry['elsewhere']:.0f} %"


def ratio_rows(found):
    table = found["floods"]
    ours = table.get("sluice-xdp", {})
    rows = []
    for column in summary.columns(table):
        peer = summary.best_peer(table, column)
        if peer is None or column not in ours:
            continue
        ratio = peer[1] / ours[column]["ns"]["median"]
        wanted = f"at least {WANTED_RATIO[column]}x" if column in WANTED_RATIO else "–"
        rows.append([f"over: {int(column):,}", NAMES[peer[0]], f"{ratio:.2f}x", wanted])
    peer = summary.best_added(table)
    if peer and "added" in ours.get(NEWCOMERS, {}):
        share = ours[NEWCOMERS]["added"]["median"] / peer[1]
        rows.append(["newcomers, added", NAMES[peer[0]], f"{share:.2f} of it", "at most 0.5 of it"])
    return rows


def floods(found):
    parts = ["## Floods: nanoseconds per SYN\n", "![ns per SYN against number of sources](benchmarks.svg)\n"]
    parts.append(grid(["", *over_head(found), "newcomers: added"], flood_rows(found, time_cell)))
    notes = ["¹ does not stop them, see below."]
    notes += [f"² {NAMES[name]} cannot run here: {reason}" for name, reason in found["absent"].items()]
    parts.append("  \n".join(notes) + "\n")
    parts.append("### Mode xdp beside the best peer of this run\n")
    parts.append("Counted as a peer is who stopped at least 99 % of what should have been stopped.\n")
    parts.append(grid(["", "best peer", "mode xdp", "wanted"], ratio_rows(found)))
    parts.append("### Packets per second, in millions, one core with the generator on it\n")
    parts.append(grid(["", *over_head(found), "newcomers"], flood_rows(found, rate_cell)))
    parts.append("### How many of the SYNs were stopped\n")
    parts.append(
        "Of what arrived, over all rounds, by the count of the rule behind; sources that are over should be stopped to "
        "100 %, of the newcomers none (given as a number). In brackets the contestant's own count where it differs. "
        "*Not asked*: `sluice stats` lists every source that is over, and had taken too long with fewer.\n"
    )
    parts.append(grid(["", *over_head(found), "newcomers stopped"], flood_rows(found, stopped_cell)))
    parts.append("### CPU elsewhere: `sluice run` during the measurement, of one core\n")
    rows = [row for row in flood_rows(found, elsewhere_cell) if row[0].startswith("sluice")]
    parts.append(grid(["", *over_head(found), "newcomers"], rows))
    return parts


def costs(found):
    parts = ["## Packets that are none of its business\n"]
    alone = [row["count_pass"] for entry in found["costs"] for row in entry["rows"]]
    if not alone:
        return parts + ["Not measured.\n"]
    parts.append(
        f"By test run: nanoseconds above a program that only counts (per-CPU array) and passes "
        f"({number(min(alone))} to {number(max(alone))} ns), by configured ranges. Wanted: at most {WANTED_ADDED}. "
        "In brackets the tenth and the ninetieth hundredth of the samples.\n"
    )
    rows = []
    for name, text in COST_ROWS.items():
        cells = []
        for entry in found["costs"]:
            row = next(row for row in entry["rows"] if row["row"] == name)
            cells.append(f"{row['added']:+.1f} ({row['added_low']:+.1f} to {row['added_high']:+.1f})" + ("" if row["passed"] else " not passed!"))
        rows.append([text, *cells])
    parts.append(grid(["", *(f"{int(entry['ranges']):,} ranges" for entry in found["costs"])], rows))
    return parts


def acks(found):
    if not found["acks"]:
        return []
    parts = ["## ACKs to a protected port\n"]
    parts.append('By test run: nanoseconds above a program that only counts and passes, and what `count = "handshake"` adds.\n')
    rows = []
    for name, text in ACK_ROWS.items():
        by_count = {}
        for count, measured in found["acks"].items():
            by_count[count] = next((row["added"] for row in measured if row["row"] == name), None)
        if by_count.get("syn") is None:
            continue
        cells = [f"{by_count['syn']:+.1f}"]
        if by_count.get("handshake") is None:
            cells += ["not in this build", "not in this build"]
        else:
            cells += [f"{by_count['handshake']:+.1f}", f"{by_count['handshake'] - by_count['syn']:+.1f}"]
        rows.append([f"ACK {text}", *cells])
    parts.append(grid(["", '`count = "syn"`', '`count = "handshake"`', "added"], rows))
    return parts


def ranges(found):
    steps = found["ranges"]
    if not steps:
        return []
    count = int(steps["load"]["ranges"])
    parts = [f"## Loading {count:,} ranges\n"]
    texts = {
        "idle": "nothing at all",
        "check": "`sluice config check`: reads the files, loads nothing",
        "load": "`sluice reload` from a short list",
        "replace": "`sluice reload` to a list of the same length; the old one goes",
        "unload": "`sluice reload` to a short list; the long one goes",
    }
    rows = []
    for step, text in texts.items():
        report = steps[step]
        seconds = f"{report['seconds']:.2f} s" if step != "idle" else "–"
        rows.append([text + ("" if report["exit"] == 0 else f" (exit {report['exit']})"), seconds, f"{report['stall_ms']:.1f} ms"])
    parts.append(grid(["", "took", "longest stall of a CPU"], rows))
    load = steps["load"]["seconds"] - steps["check"]["seconds"]
    parts.append(
        f"Reload less check, which both read the files: {load:.2f} s. Wanted for a million: at most {WANTED_LOAD:g} s, "
        f"and no stall above {WANTED_STALL:g} ms. A stall is how late a real-time thread, one per processor, was at its "
        "look at the clock; it goes on watching for some seconds after the command has ended.\n"
    )
    return parts


def bans(found):
    if "sluice" not in found["bans"]:
        return []
    ours, theirs = found["bans"]["sluice"], found["bans"]["nft"]
    rows = [
        ["`sluice ban -`, mode nft, controller running", f"{ours['report']['seconds']:.2f} s", f"{ours['listed']:,}", f"{ours['in_nft']:,}"],
        ["`nft -f` with as many timed elements", f"{theirs['report']['seconds']:.2f} s", "–", f"{theirs['in_nft']:,}"],
    ]
    parts = [f"## {int(ours['bans']):,} bans in one go\n", grid(["", "took", "banned", "in nftables"], rows)]
    parts.append(f"Wanted for 100,000: {WANTED_BANS:g} s.\n")
    return parts


def before_cells(run, name, column):
    """Of one contestant in one run: what it took, and how the best peer of that run compares."""
    entry = run["floods"].get(name, {}).get(column)
    if entry is None or (column == NEWCOMERS and "added" not in entry):
        return ["–", "–"]
    if column == NEWCOMERS:
        peer = summary.best_added(run["floods"])
        return ["+" + spread(entry["added"]), f"{entry['added']['median'] / peer[1]:.2f} of it" if peer else "–"]
    peer = summary.best_peer(run["floods"], column)
    return [spread(entry["ns"]), f"{peer[1] / entry['ns']['median']:.2f}x" if peer else "–"]


def before_rows(found, before, name):
    rows = []
    for column in [*summary.columns(found["floods"]), NEWCOMERS]:
        what = "newcomers, added" if column == NEWCOMERS else f"over: {int(column):,}"
        rows.append([f"{NAMES[name]}, {what}", *before_cells(before, name, column), *before_cells(found, name, column)])
    return rows


def earlier(found, before):
    if before is None:
        return []
    then, now = before["run"]["commit"], found["run"]["commit"]
    parts = ["## Before\n"]
    parts.append(f"The same benchmark at {then} ({before['run']['date']}). Ratios are to the best peer of the same run.\n")
    rows = [row for name in found["floods"] if name.startswith("sluice") for row in before_rows(found, before, name)]
    parts.append(grid(["", f"{then}: ns", "ratio", f"{now}: ns", "ratio"], rows))
    return parts


def write(found, before):
    run, end = found["run"], found["end"]
    parts = [
        INTRODUCTION.format(
            machine=run["machine"], cpus=run["cpus"], memory=run["memory_mib"], kernel=run["kernel"], date=run["date"],
            commit=run["commit"], rounds=run["rounds"], load=run["load"], load_end=end["load"],
        )
    ]
    if end["bpf_stats"] == "yes":
        parts.append(STATISTICS)
    parts += floods(found) + costs(found) + acks(found) + ranges(found) + bans(found) + earlier(found, before)
    parts.append(METHOD.format(table=f"{int(run['table']):,}"))
    return "\n".join(parts)
