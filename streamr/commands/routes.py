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

HEAD = (
    *("server", "route", "state", "breaker", "cause", "ms", "served", "failed"),
    "at (UTC)",
)
MARKS = {"ok": Mark.OK, "failing": Mark.FAILED}


class RoutesOptions(AskingOptions):
    """`streamr routes`: what each route to TMDB last did."""

    about = (
        "Asks the streamr that is running on this machine what each route to TMDB "
        "last did: whether it works, its breaker, the cause of the last failure."
    )
    example = "streamr routes --json"

    def perform(self) -> int:
        """Print the routes of both servers."""
        told = self.ask("/routes")
        if self["json"]:
            console.print_json(told)
        else:
            console.show(console.console(), HEAD, rows(told))
        return 0


def rows(told: Mapping[str, Sequence[ToldRoute]]) -> Iterator[tuple[console.Cell, ...]]:
    """A row for each route of each server."""
    for server, routes in told.items():
        for each in routes:
            yield (
                *(server, each["route"], _state(each)),
                *(each["breaker"], each["cause"], each["ms"]),
                *(each["served"], each["failed"], _time(each["at"])),
            )


def _state(each: ToldRoute) -> console.Cell:
    """How its last attempt went: one that was overtaken has not failed."""
    if each["cause"] == "overtaken":
        return each["cause"]
    return MARKS.get(each["state"], each["state"])


def _time(at: str | None) -> str | None:
    """The time of day in UTC; JSON has the date."""
    return None if at is None else at.partition("T")[2].partition(".")[0]
