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

from tests.network.lab import Lab, end_on_signals
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


def measured(lab: Lab, given: argparse.Namespace, among: Sequence[Network]) -> None:
    """Both rows, as far as they are wanted; each is written as soon as it is there,
    where nothing was left out."""
    everything = not given.networks
    command = "python -m benchmarks.routes" + (" --quick" if given.quick else "")
    rows_wanted = [lambda: blocked(lab, given, among)] if among else []
    if everything or LINES in given.networks.split(","):
        rows_wanted.append(lambda: lines(lab))
    for measure in rows_wanted:
        made = measure()
        for note in made.notes:
            say(f"  {note}")
        say(f"  target: {made.target}: {'met' if made.met else 'MISSED'}")
        if everything:
            text = section(made, command, date.today())
            write(given.output, {made.number: text})


def main() -> int:
    """Measure what is named, or everything."""
    arguments = parser()
    given = arguments.parse_args()
    everything = [*NETWORKS, *drawn(DRAWN, given.seed)]
    if given.list:
        sys.stdout.writelines(f"{each.name}: {each.does}\n" for each in everything)
        return 0
    among = chosen(everything, given.networks) if given.networks != LINES else []
    if not among and given.networks != LINES:
        arguments.error("there is no such network: --list names them")
    reason = missing()
    if reason:
        say(reason)
        return 1
    end_on_signals()
    with Lab() as lab:
        measured(lab, given, among)
    return 0


if __name__ == "__main__":
    sys.exit(main())
