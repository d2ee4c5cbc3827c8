"""docs/scoreboard.md: one section per row; a run replaces the sections it measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from .bench import Table

DOOR_PLATE = """\
# Scoreboard

streamr and its peers under the same faults, side by side: nginx, HAProxy and Varnish
from Debian's packages, and two Express servers with axios, one falling back to the
other. Their configurations, with the reason for each choice, are in
`benchmarks/peers/`. The upstream is the simulated TMDB over real TLS, which every peer
verifies:
`api.themoviedb.org` is the direct route, `api.tmdb.org` the second route, 60 ms away.
Varnish has no TLS towards its backends, so it uses a plain TLS tunnel (HAProxy in TCP
mode).

Rows 1 to 8 tell what becomes of requests when something breaks, rows 9 to 18 what
requests, idle connections and the start cost while nothing does. Rows 19 and 20 are
about networks that block TMDB and about slow lines, rows 21 to 24 about pictures, rows
25 to 30 about several streamr that share a Valkey or Redis, and row 31 about Varnish in
front of them. Rows 32 and 33 are about pictures again: what is kept on disk, and the
faults of the picture host.

Where processor time is compared, and in rows 11 and 21 to 24, the server has one core,
and the load and everything behind the server have the other; each round asks every peer
in turn. Behind the peers is nginx with one list over TLS, except where a row says
otherwise: the simulator takes longer for an answer than any of them, and they would
mostly wait.

Measured on one machine with two shared, noisy cores, with everything on loopback:
compare within a table, not across machines. To measure it yourself:

    benchmarks/install.sh               # Debian's packages and npm's, once
    python -m benchmarks.run            # everything; --quick for a few minutes

Rows 19 and 20 are measured in network namespaces with a middlebox, resolvers and
outbound proxies of their own, as root (`tests/network/`):

    python -m benchmarks.routes         # three hours; --quick: half an hour
"""
_SECTION = re.compile(r"<!-- row (\d+) -->\n(.*?)<!-- end of row -->\n", re.DOTALL)


def line(cells: Iterable[str]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def section(table: Table, command: str, day: date) -> str:
    """A table as Markdown, with the day on which it was measured: rows are measured
    one by one, and stay on the page until they are measured again."""
    said = {True: "streamr: met", False: "streamr: **missed**", None: ""}[table.met]
    parts = [f"## {table.number}. {table.title}", ""]
    parts += [f"Target: {table.target}.", ""]
    parts += [line(table.columns), line("---" for _ in table.columns)]
    parts += [line(row) for row in table.rows]
    parts += [""]
    parts += [text + "\n" for text in [*table.notes, said] if text]
    parts += [f"Measured on {day}:", "", f"    {command}", ""]
    return "\n".join(parts) + "\n"


def merged(old: str, sections: dict[int, str]) -> str:
    """The whole page: new sections, and the old ones of rows not measured now."""
    kept = {int(number): text for number, text in _SECTION.findall(old)}
    kept.update(sections)
    blocks = [
        f"<!-- row {number} -->\n{text}<!-- end of row -->\n"
        for number, text in sorted(kept.items())
    ]
    return "\n".join([DOOR_PLATE, *blocks])


def write(path: Path, tables: dict[int, str]) -> None:
    """Put the sections into the page."""
    old = path.read_text() if path.exists() else ""
    path.write_text(merged(old, tables))
