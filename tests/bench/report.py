# SPDX-License-Identifier: GPL-2.0-or-later
"""Turns what scripts/bench recorded into benchmarks.md, benchmarks.svg and benchmarks.json.

report.py RESULTS --output DIR [--before benchmarks.json]
"""
import argparse
import json
import pathlib

import chart
import page
import summary


def rounded(value):
    """Numbers as somebody would write them down."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return round(value, 3) if isinstance(value, float) else value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--before", type=pathlib.Path)
    options = parser.parse_args()
    lines = [json.loads(line) for line in options.results.read_text().splitlines()]
    before = json.loads(options.before.read_text()) if options.before else None
    found = rounded(summary.summarise(lines))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "benchmarks.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.output / "benchmarks.svg").write_text(chart.draw(found))
    (options.output / "benchmarks.md").write_text(page.write(found, before))


if __name__ == "__main__":
    main()
