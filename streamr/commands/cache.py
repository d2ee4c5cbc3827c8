"""`streamr cache`: ask the running daemon what it keeps, or have it dropped."""

from __future__ import annotations

import re
from typing import ClassVar, TypedDict

from streamr.commands.daemon_options import AskingOptions
from streamr.policy.freshness import State
from streamr.terminal import console
from streamr.terminal.options import Helpful, UsageError
from streamr.tmdb.lifetimes import KINDS

MEGABYTE = 1024 * 1024
# What can be purged, exactly one of them at a time.
WANTED = ("all", "class", "path")


class CacheStats(TypedDict):
    """What the daemon tells of its store (streamr/app/cache.py, `stats`)."""

    entries: int
    bytes: int
    most_bytes: int
    by_class: dict[str, int]
    by_state: dict[str, int]


class StatsOptions(AskingOptions):
    """`streamr cache stats`: how much is kept, by class and by state."""

    about = (
        "Asks the running streamr of this machine how many answers it keeps, in which "
        "freshness classes, and how fresh they are."
    )
    example = "streamr cache stats"

    def perform(self) -> int:
        """Print what is kept."""
        told = self.ask("/cache")
        if self["json"]:
            console.print_json(told)
        else:
            _print(told)
        return 0


class PurgeOptions(AskingOptions):
    """`streamr cache purge`: drop all, a class, or what lies below a path."""

    synopsis = "(--all | --class NAME | --path PATH) [options]"
    about = (
        "Has the running streamr of this machine drop answers: all, a freshness class, "
        "or what lies below a path of TMDB's."
    )
    example = "streamr cache purge --path /movie/550"
    optFlags: ClassVar = [["all", None, "Drop everything."]]
    optParameters: ClassVar = [
        ["class", None, None, f"Drop one freshness class: {', '.join(KINDS)}."],
        ["path", None, None, "Drop a path of TMDB's and what lies below it."],
    ]

    def postOptions(self) -> None:
        super().postOptions()
        wanted = [name for name in WANTED if self[name]]
        if len(wanted) != 1:
            raise UsageError(
                "say what to purge, one of: --all, --class NAME, --path PATH"
            )
        if self["class"] and self["class"] not in KINDS:
            raise UsageError(
                f"--class cannot be {self['class']!r}; allowed: {', '.join(KINDS)}"
            )
        if self["path"] and not re.fullmatch(r"(?!/3/)/[^?]*[^/?]", self["path"]):
            raise UsageError(
                f"--path cannot be {self['path']!r}; allowed: a path of TMDB's behind "
                "/3, such as /movie/550"
            )

    def perform(self) -> int:
        """Have it dropped, and print how many answers that were."""
        wanted = {name: str(self[name]) for name in WANTED if self[name]}
        told = self.ask("/cache/purge", "POST", **wanted)
        if self["json"]:
            console.print_json(told)
        else:
            print(f"{told['purged']} answers dropped")
        return 0


class CacheOptions(Helpful):
    """`streamr cache`: ask the running daemon what it keeps, or have it dropped."""

    synopsis = ""
    choices = "(stats | purge)"
    about = "Shows or purges the answers that the running streamr keeps."
    example = "streamr cache stats"
    subCommands: ClassVar = [
        ("stats", None, f"{__name__}:StatsOptions", "How much is kept."),
        ("purge", None, f"{__name__}:PurgeOptions", "Drop all, a class or a path."),
    ]

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise UsageError("cache wants one of: stats, purge")


def _print(told: CacheStats) -> None:
    out = console.console()
    used, most = told["bytes"] / MEGABYTE, told["most_bytes"] / MEGABYTE
    out.print(f"{told['entries']} answers, {used:.1f} of {most:.0f} MB")
    if told["entries"]:
        out.print()
        console.show(out, ("class", "answers"), sorted(told["by_class"].items()))
        out.print()
        states = told["by_state"]
        rows = [
            (each.name.lower(), states[each.name.lower()], each.value)
            for each in State
            if each.name.lower() in states
        ]
        console.show(out, ("state", "answers", "what may be done with them"), rows)
