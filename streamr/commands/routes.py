"""`streamr routes`: what each route to TMDB last did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from streamr.commands.daemon_options import AskingOptions
from streamr.terminal import console
from streamr.terminal.findings import Mark

if TYPE_CHECKING:
    # its room loads Twisted
    from streamr.routing.report import ToldRoute

# Dimensions that get a column where routes differ in them: every route's name says its
# host and its TLS profile.
GIVEN = ("family", "egress", "resolver")
MARKS = {"ok": Mark.OK, "failing": Mark.FAILED}


class RoutesOptions(AskingOptions):
    """`streamr routes`: what each route to TMDB last did."""

    about = (
        "Asks the streamr that is running on this machine what each route to TMDB "
        "last did: its place in the order in which the next request tries them, and "
        "why; whether it works, its breaker, the cause of the last failure, and how "
        "long it usually takes if it is known to work on this network."
    )
    example = "streamr routes --json"

    def perform(self) -> int:
        """Print the routes of both servers."""
        told = self.ask("/routes")
        if self["json"]:
            console.print_json(told)
        else:
            columns = differing(told)
            console.show(console.console(), head(columns), rows(told, columns))
        return 0


Told = Mapping[str, Sequence["ToldRoute"]]


def differing(told: Told) -> list[str]:
    """The dimensions that get a column."""
    every = [each["dimensions"] for routes in told.values() for each in routes]
    return [name for name in GIVEN if len({each[name] for each in every}) > 1]


def head(columns: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns."""
    return (
        *("server", "next", "route", *columns, "state", "breaker", "cause"),
        *("ms", "usual ms", "served", "failed", "at (UTC)", "why it is next, or not"),
    )


def rows(told: Told, columns: Sequence[str]) -> Iterator[tuple[console.Cell, ...]]:
    """A row for each route of each server."""
    for server, routes in told.items():
        for each in routes:
            yield (
                *(server, each["place"], each["route"]),
                *(each["dimensions"][name] for name in columns),
                *(_state(each), each["breaker"], each["cause"]),
                *(each["ms"], each["usual_ms"]),
                *(each["served"], each["failed"], _time(each["at"]), each["why"]),
            )


def _state(each: ToldRoute) -> console.Cell:
    """How its last attempt went: one that was overtaken has not failed."""
    if each["cause"] == "overtaken":
        return each["cause"]
    return MARKS.get(each["state"], each["state"])


def _time(at: str | None) -> str | None:
    """The time of day in UTC; JSON has the date."""
    return None if at is None else at.partition("T")[2].partition(".")[0]
