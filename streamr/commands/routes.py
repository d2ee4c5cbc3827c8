"""`streamr routes`: what each way to TMDB last did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streamr.commands.daemon_options import AskingOptions
from streamr.terminal import console
from streamr.terminal.console import Mark

HEAD = (
    *("server", "route", "state", "breaker", "cause", "ms", "served", "failed"),
    "at (UTC)",
)
MARKS = {"ok": Mark.OK, "failing": Mark.FAILED}

Told = Mapping[str, Sequence[Mapping[str, Any]]]


class RoutesOptions(AskingOptions):
    """`streamr routes`: what each way to TMDB last did."""

    about = (
        "Asks the running streamr of this machine what each way to TMDB last did: "
        "whether it works, its breaker, the cause of the last failure."
    )
    example = "streamr routes --json"

    def perform(self) -> int:
        """Print the ways of both servers."""
        told = self.ask("routes")
        if self["json"]:
            console.print_json(told)
        else:
            console.show(console.console(), HEAD, rows(told))
        return 0


def rows(told: Told) -> Iterator[tuple[console.Cell, ...]]:
    """A row for each way of each server."""
    for server, routes in told.items():
        for each in routes:
            facts = (each[name] for name in HEAD[3:-1])
            mark = MARKS.get(each["state"], "untried")
            yield server, each["route"], mark, *facts, _time(each["at"])


def _time(at: str | None) -> str | None:
    """The time of day in UTC; JSON has the date."""
    return None if at is None else at.partition("T")[2].partition(".")[0]
