"""`streamr cache`: ask the running daemon what it keeps, or have it dropped."""

from __future__ import annotations

from typing import ClassVar

from twisted.python import usage

from streamr.commands.asking import print_answer
from streamr.service import Options


class StatsOptions(Options):
    """`streamr cache stats`: how much is kept, by class and by state."""

    synopsis = "[options]"
    longdesc = "Example: streamr cache stats"

    def perform(self) -> int:
        """Print what is kept."""
        return print_answer(self, "cache stats", {})


class PurgeOptions(Options):
    """`streamr cache purge`: drop all, a class, or what lies below a path."""

    synopsis = "(--all | --class NAME | --path PATH) [options]"
    longdesc = "Example: streamr cache purge --path /movie/550"
    optFlags: ClassVar = [["all", None, "Drop everything."]]
    optParameters: ClassVar = [
        ["class", None, None, "Drop one freshness class: lists, details, search, …"],
        ["path", None, None, "Drop a path of TMDB's and what lies below it."],
    ]

    def perform(self) -> int:
        """Have it dropped, and print how many answers that were."""
        wanted = {name: self.get(name) for name in ("all", "class", "path")}
        return print_answer(self, "cache purge", wanted)


class CacheOptions(usage.Options):
    """`streamr cache`: ask the running daemon what it keeps, or have it dropped."""

    synopsis = "stats | purge"
    longdesc = "Example: streamr cache stats"
    subCommands: ClassVar = [
        ["stats", None, StatsOptions, "How much is kept."],
        ["purge", None, PurgeOptions, "Drop all, a class or a path."],
    ]

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise usage.UsageError("cache wants one of: stats, purge")
