"""The one look of all commands: tables and verdicts, on rich.

A terminal gets colour (never with NO_COLOR) and its own width. Everything else gets
plain text: one line for each row of a table however long, and no escape sequences, so
that `grep` and `diff` can read it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamr.terminal.findings import Mark

# Wider than any row, so that nothing wraps where nobody looks at it.
PLAIN_WIDTH = 10_000
MISSING = "-"
GAP = 2


STYLES = {Mark.OK: "green", Mark.WARNING: "yellow", Mark.FAILED: "bold red"}

Cell = str | int | float | Mark | None
# What is only built to be printed: nobody reads a value of it back.
Json = dict[str, object]


def console(stream: TextIO | None = None) -> Console:
    """Where a command prints: standard output, or `stream`.

    A pipe stays plain even under FORCE_COLOR, which build machines set for everything.
    """
    target = sys.stdout if stream is None else stream
    if isinstance(target, TextIOWrapper):
        # where the encoding lacks a letter, an escape is better than a traceback
        target.reconfigure(errors="backslashreplace")
    terminal = target.isatty()
    return Console(
        file=target,
        force_terminal=terminal,
        color_system="auto" if terminal else None,
        width=None if terminal else PLAIN_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not terminal,
    )


def show(out: Console, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print rows under a head, without spaces at their ends."""
    with out.capture() as capture:
        out.print(table(head, rows))
    for line in capture.get().splitlines():
        print(line.rstrip(), file=out.file)


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    """Rows under a head. Numbers stand to the right, None is a dash.

    Cells that are too long for a terminal are folded; nothing is left out.
    """
    found = [list(row) for row in rows]
    # no rules: their columns are better spent on the cells, and a pipe wants none
    made = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for place, name in enumerate(head):
        cells = [row[place] for row in found if row[place] is not None]
        numbers = bool(cells) and all(isinstance(each, int | float) for each in cells)
        made.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in found:
        made.add_row(*map(shown, row))
    return made


def shown(cell: Cell) -> Text:
    """A cell as text; what is not printable is escaped."""
    if isinstance(cell, Mark):
        return Text(cell.value, STYLES[cell])
    if cell is None or cell == "":
        return Text(MISSING, "dim")
    return Text(printable(str(cell)))


def verdict(mark: Mark, sentence: str) -> Text:
    """A line such as `failed: the direct route did not come back`."""
    return Text.assemble((mark.value, STYLES[mark]), f": {printable(sentence)}")


def advice(text: str) -> Text:
    """The line below a verdict: what to do about it, or which setting helps."""
    return Text.assemble("  advice: ", (printable(text), "bold"))


def printable(text: str) -> str:
    """The text with control characters escaped: a value cannot steer the terminal."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def print_json(value: object, stream: TextIO | None = None) -> None:
    """The same as JSON, for programs: indented and never coloured."""
    print(json.dumps(value, indent=2), file=stream or sys.stdout, flush=True)
