"""Blocked networks and slow lines, in the lab of `tests/network`. As root:

    python -m benchmarks.routes             # all; about three hours
    python -m benchmarks.routes --quick     # no fault is lifted, one start each
    python -m benchmarks.routes --networks portal+socks,slow

Writes its sections of the scoreboard where all networks were measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from tests.network.lab import Lab
from tests.network.namespaces import missing
from tests.network.networks import NETWORKS, SLOW, Network, drawn

from .bench import Table, say
from .rows import networks as rows
from .rows import slow_lines
from .run import SCOREBOARD
from .scoreboard import section, write

LINES = "slow"
DRAWN = 20
STARTS = 3
# these are measured once more with a fault of ten minutes
LONG_FAULT = 600.0
LONG = ("main-filtered-silent", "all-filtered-reset+socks", "dns-lies-foreign+doh")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.routes")
    add = made.add_argument
    add("--networks", default="", help="names or their beginnings, with commas between")
    add("--quick", action="store_true", help="one start each, no fault is lifted")
    add("--seed", type=int, default=1, help="of the combinations")
    add("--list", action="store_true", help="print the networks and exit")
    add("--keep", type=Path, help="a folder for each network's log")
    add("--output", type=Path, default=SCOREBOARD, help="the page to write")
    return made


def chosen(everything: Sequence[Network], words: str) -> list[Network]:
    """Those that are named; all where nothing is."""
    beginnings = tuple(filter(None, words.split(",")))
    blocked = [each for each in everything if each not in SLOW]
    if not beginnings:
        return blocked
    exact = [each for each in blocked if each.name in beginnings]
    return exact or [each for each in blocked if each.name.startswith(beginnings)]


def plan(
    among: Sequence[Network], quick: bool
) -> Iterator[tuple[Network, float | None]]:
    """Each network, and how long its fault lasts before it is lifted."""
    for each in among:
        yield each, None if quick else rows.SHORT_FAULT
    for each in () if quick else among:
        if each.name in LONG:
            longer = f"{each.name}, for {LONG_FAULT / 60:.0f} min"
            yield replace(each, name=longer), LONG_FAULT


def blocked(lab: Lab, given: argparse.Namespace, among: Sequence[Network]) -> Table:
    """Row 19."""
    made = rows.table()
    made.notes.append(f"20 combinations drawn with seed {given.seed}.")
    starts = 1 if given.quick else STARTS
    everything = []
    for network, fault in plan(among, given.quick):
        found = rows.measure(lab, network, starts=starts, fault=fault)
        rows.add(made, found)
        everything.append(found)
        if given.keep is not None:
            rows.keep(given.keep, found)
    rows.compare(made, everything)
    return made


def lines(lab: Lab) -> Table:
    """Row 20."""
    made = slow_lines.table()
    for each in SLOW:
        slow_lines.measure(lab, made, each)
    return made


def main() -> int:
    """Measure, show, and write where everything was measured."""
    given = parser().parse_args()
    everything = [*NETWORKS, *drawn(DRAWN, given.seed)]
    if given.list:
        sys.stdout.writelines(f"{each.name}: {each.does}\n" for each in everything)
        return 0
    reason = missing()
    if reason:
        say(reason)
        return 1
    words = given.networks.split(",")
    among = chosen(everything, given.networks) if given.networks != LINES else []
    with Lab() as lab:
        made = [blocked(lab, given, among)] if among else []
        if not given.networks or LINES in words:
            made.append(lines(lab))
    command = "python -m benchmarks.routes" + (" --quick" if given.quick else "")
    for each in made:
        say(f"target: {each.target}: {each.met}")
    if not given.networks:
        sections = {each.number: section(each, command, date.today()) for each in made}
        write(given.output, sections)
    return 0


if __name__ == "__main__":
    sys.exit(main())
