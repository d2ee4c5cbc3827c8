"""Measure, and write the scoreboard: `python -m benchmarks.run --rows 1,2 --quick`."""

from __future__ import annotations

import argparse
import asyncio
import time
from datetime import date
from pathlib import Path

from .bench import BenchOptions, say
from .peers import NAMES
from .processes import ROOT
from .rows import ROWS
from .scoreboard import section, write

SCOREBOARD = ROOT / "docs" / "scoreboard.md"


def numbers(text: str) -> list[int]:
    """Row numbers with commas between."""
    found = [int(part) for part in text.split(",")]
    if not set(found) <= set(ROWS):
        raise argparse.ArgumentTypeError(f"rows are {', '.join(map(str, ROWS))}")
    return found


def names(text: str) -> tuple[str, ...]:
    """Names of contestants with commas between."""
    found = tuple(text.split(","))
    if not set(found) <= set(NAMES):
        raise argparse.ArgumentTypeError(f"peers are {', '.join(NAMES)}")
    return found


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.run")
    add = made.add_argument
    add("--rows", type=numbers, default=list(ROWS), help="such as 1,2,3; default all")
    add("--peers", type=names, default=NAMES, help=f"of {', '.join(NAMES)}")
    add("--quick", action="store_true", help="less of everything: minutes, not an hour")
    add("--seed", type=int, default=1, help="of everything that is random")
    add("--minutes", type=float, default=1.0, help="how long the soak lasts")
    add("--output", type=Path, default=SCOREBOARD, help="the page to write")
    return made


def command(row: int, given: argparse.Namespace) -> str:
    """What has to be typed for this row again."""
    words = ["python -m benchmarks.run", f"--rows {row}"]
    if given.peers != NAMES:
        words.append(f"--peers {','.join(given.peers)}")
    if given.quick:
        words.append("--quick")
    if given.seed != 1:
        words.append(f"--seed {given.seed}")
    if row == 8 and given.minutes != 1.0:
        words.append(f"--minutes {given.minutes:g}")
    return " ".join(words)


def main() -> None:
    """Measure row after row; each is written as soon as it is there."""
    given = parser().parse_args()
    options = BenchOptions(given.peers, given.quick, given.seed, given.minutes)
    for row in given.rows:
        began = time.monotonic()
        say(f"row {row}: {command(row, given)}")
        table = asyncio.run(ROWS[row](options))
        for note in table.notes:
            say(f"  {note}")
        said = {True: "met", False: "MISSED", None: "nothing to reach"}[table.met]
        say(f"  target: {table.target}: {said} ({time.monotonic() - began:.0f} s)")
        write(given.output, {row: section(table, command(row, given), date.today())})


if __name__ == "__main__":
    main()
