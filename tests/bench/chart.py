# SPDX-License-Identifier: GPL-2.0-or-later
"""The picture: ns per SYN against the number of sources that are over, as SVG."""
import math
from xml.sax.saxutils import escape

import summary

WIDTH, HEIGHT = 940, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 290, 64, 60
STYLES = {  # colour, dashes
    "floor": ("#777777", "2 4"),
    "nftdrop": ("#777777", "8 4"),
    "recent": ("#c2185b", ""),
    "hashlimit": ("#e07b00", ""),
    "nftset": ("#7b5ea7", ""),
    "sluice-observe": ("#7fb4e6", ""),
    "sluice-nft": ("#2f7fd1", ""),
    "sluice-xdp": ("#00695c", ""),
    "sluice-handshake": ("#4db6ac", ""),
}
LABEL_GAP = 17


def nice_top(value):
    """A round number above value, and the distance of the grid's lines."""
    step = 10 ** math.floor(math.log10(value))
    for factor in (0.1, 0.2, 0.25, 0.5, 1, 2):
        if value / (step * factor) <= 10:
            step *= factor
            break
    return math.ceil(value / step) * step, step


class Scales:
    def __init__(self, columns, top):
        self.exponents = [math.log2(int(column)) for column in columns]
        self.top = top

    def x(self, column):
        widest = max(self.exponents[-1], 1)
        return LEFT + math.log2(int(column)) / widest * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)


def grid(scales, columns, step):
    parts = []
    value = 0
    while value <= scales.top:
        y = scales.y(value)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e2e2e2"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        value += step
    for column in columns:
        x = scales.x(column)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{int(column):,}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">sources, all of them over</text>')
    return parts


def line(scales, name, row, columns):
    """The medians, joined; the spread over rounds behind them; hollow where it fails to stop."""
    colour, dashes = STYLES[name]
    present = [column for column in columns if column in row]
    points = " ".join(f"{scales.x(c):.1f},{scales.y(row[c]['ns']['median']):.1f}" for c in present)
    parts = [
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dashes}"/>'
    ]
    for column in present:
        ns, x = row[column]["ns"], scales.x(column)
        parts.append(
            f'<line x1="{x:.1f}" y1="{scales.y(ns["low"]):.1f}" x2="{x:.1f}" y2="{scales.y(ns["high"]):.1f}" '
            f'stroke="{colour}" stroke-width="1"/>'
        )
        fill = colour if summary.stops(row[column]) else "#ffffff"
        y = scales.y(ns["median"])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{fill}" stroke="{colour}" stroke-width="2"/>')
    return parts


def spread_apart(wanted):
    """Heights for labels, at least LABEL_GAP apart and as near to the wanted ones as that allows."""
    heights = []
    for y in sorted(wanted):
        heights.append(max(y, heights[-1] + LABEL_GAP) if heights else y)
    excess = heights[-1] - (HEIGHT - BOTTOM)
    if excess > 0:
        heights = [y - excess for y in heights]
    return dict(zip(sorted(wanted), heights))


def labels(scales, table, columns):
    ends = {}
    for name, row in table.items():
        last = [column for column in columns if column in row][-1]
        ends[name] = scales.y(row[last]["ns"]["median"])
    # Two of equal height would be one key.
    ends = {name: y + i * 1e-6 for i, (name, y) in enumerate(ends.items())}
    places = spread_apart(ends.values())
    return [
        f'<text x="{WIDTH - RIGHT + 14}" y="{places[y] + 4:.1f}" fill="{STYLES[name][0]}" font-weight="600">'
        f'{escape(summary.NAMES[name].replace("`", ""))}</text>'
        for name, y in ends.items()
    ]


def draw(found):
    table = {name: row for name, row in found["floods"].items() if any(c != summary.NEWCOMERS for c in row)}
    columns = summary.columns(table)
    highest = max(row[c]["ns"]["high"] for row in table.values() for c in columns if c in row)
    top, step = nice_top(highest)
    scales = Scales(columns, top)
    run = found["run"]
    about = f"{run['machine']}, Linux {run['kernel']}, {run['date']}, {run['commit']}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#333333">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="26" font-size="17" font-weight="600">Nanoseconds of one core per SYN, '
        'generator included</text>',
        f'<text x="{LEFT}" y="46" fill="#666666">{escape(about)}. Hollow: does not stop them.</text>',
        *grid(scales, columns, step),
    ]
    for name, row in table.items():
        parts += line(scales, name, row, columns)
    parts += labels(scales, table, columns)
    return "\n".join([*parts, "</svg>"]) + "\n"
