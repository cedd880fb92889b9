# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians over rounds, with their spread, out of the recorded lines."""
import statistics

NEWCOMERS = "newcomers"
PEERS = ("recent", "hashlimit", "nftset")
ORDER = ("floor", "nftdrop", *PEERS, "sluice-observe", "sluice-nft", "sluice-xdp", "sluice-handshake")
NAMES = {
    "floor": "XDP program that drops all",
    "nftdrop": "nftables raw, drops all",
    "recent": "iptables `recent`",
    "hashlimit": "iptables `hashlimit`",
    "nftset": "nftables dynamic set + limit",
    "sluice-observe": "sluice, mode observe",
    "sluice-nft": "sluice, mode nft",
    "sluice-xdp": "sluice, mode xdp",
    "sluice-handshake": "sluice, counting handshakes",
}


def spread(values):
    """Median, lowest and highest of one value a round."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def of_kind(lines, kind):
    return [line for line in lines if line["kind"] == kind]


def cell(contestant, lines):
    """All rounds of one contestant in one column."""
    frames = sum(line["report"]["frames"] for line in lines)
    arrived = sum(line["arrived"] for line in lines)
    own = [line["own"] for line in lines]
    busy = [line["controller"] for line in lines]
    return {
        "ns": spread([line["report"]["ns"] for line in lines]),
        "wall_ns": statistics.median(line["report"]["wall_ns"] for line in lines),
        "elsewhere": sum(b["cpu_ns"] for b in busy) / sum(b["ns"] for b in busy),
        "frames": frames,
        "arrived": arrived,
        # What stands behind all others is a contestant itself.
        "stopped": sum(own) if contestant == "nftdrop" else arrived - sum(line["behind"] for line in lines),
        "stopped_own": None if None in own else sum(own),
        "rounds": len(lines),
    }


def added(lines, baseline):
    """What a contestant adds to the rule that drops all, compared within each round."""
    alone = {line["round"]: line["report"]["ns"] for line in baseline}
    return spread([line["report"]["ns"] - alone[line["round"]] for line in lines if line["round"] in alone])


def floods(lines):
    table = {}
    by_cell = {}
    for line in of_kind(lines, "flood"):
        by_cell.setdefault((line["contestant"], str(line["column"])), []).append(line)
    baseline = by_cell.get(("nftdrop", NEWCOMERS), [])
    for (contestant, column), found in by_cell.items():
        entry = cell(contestant, found)
        if column == NEWCOMERS and baseline and contestant not in ("floor", "nftdrop"):
            entry["added"] = added(found, baseline)
        table.setdefault(contestant, {})[column] = entry
    for line in of_kind(lines, "unsettled"):
        table[line["contestant"]][str(line["column"])]["unsettled"] = line["seconds"]
    return {name: table[name] for name in ORDER if name in table}


def summarise(lines):
    done = max((line["round"] for line in of_kind(lines, "flood")), default=0)
    return {
        "run": dict(of_kind(lines, "run")[0], rounds=done),
        "end": of_kind(lines, "end")[0],
        "floods": floods(lines),
        "absent": {line["contestant"]: line["reason"] for line in of_kind(lines, "absent")},
        "costs": [{"ranges": line["ranges"], "rows": line["rows"]} for line in of_kind(lines, "costs")],
        "acks": {line["count"]: line["rows"] for line in of_kind(lines, "acks")},
        "no_handshake": [line["reason"] for line in of_kind(lines, "no-handshake")],
        "ranges": {line["step"]: dict(line["report"], ranges=line["ranges"]) for line in of_kind(lines, "ranges")},
        "bans": {line["by"]: line for line in of_kind(lines, "bans")},
    }


def columns(table):
    """The numbers of sources that were over, as they stand in the table's keys, in order."""
    found = {column for row in table.values() for column in row if column != NEWCOMERS}
    return sorted(found, key=int)


def stops(entry):
    """Does it stop what it should: sources that were over before the measurement began."""
    return entry["stopped"] >= 0.99 * entry["arrived"]


def best_peer(table, column):
    """Name and nanoseconds of the cheapest peer that stops what it should; None without one."""
    able = [
        (name, table[name][column]["ns"]["median"])
        for name in PEERS
        if column in table.get(name, {}) and stops(table[name][column])
    ]
    return min(able, key=lambda pair: pair[1], default=None)


def best_added(table):
    """The same for newcomers: what it adds to the rule that drops all. A peer that forgets does not count."""
    able = [
        (name, row[NEWCOMERS]["added"]["median"])
        for name, row in table.items()
        if name in PEERS and "added" in row.get(NEWCOMERS, {}) and all(stops(row[c]) for c in row if c != NEWCOMERS)
    ]
    return min(able, key=lambda pair: pair[1], default=None)
