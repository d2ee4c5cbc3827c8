"""`streamr cache`: ask the running daemon what it keeps, or have it dropped."""

from __future__ import annotations

import re
from typing import ClassVar, TypedDict

from streamr.commands.daemon_options import AskingOptions
from streamr.policy.freshness import State
from streamr.terminal import console
from streamr.terminal.options import Helpful, UsageError
from streamr.tmdb import tags
from streamr.tmdb.lifetimes import KINDS

MEGABYTE = 1024 * 1024
# What can be purged, exactly one of them at a time.
WANTED = (*tags.PURGES, "images")
ONE_OF = "--all, --class NAME, --path PATH, --title KIND/ID, --images"


class ToldInFront(TypedDict):
    """What it tells of a cache in front (streamr/downstream/purger.py, `ToldCache`)."""

    cache: str
    waiting: int
    told: int
    failed: int
    trouble: str


class CacheStats(TypedDict):
    """What the daemon tells of its store (streamr/app/cache.py, `stats`)."""

    entries: int
    bytes: int
    most_bytes: int
    by_class: dict[str, int]
    by_state: dict[str, int]
    in_front: list[ToldInFront]


class PicturesTold(TypedDict):
    """What it tells of its pictures (streamr/app/pictures.py, `stats`)."""

    pictures: int
    bytes: int
    most_bytes: int
    trouble: str


class StatsOptions(AskingOptions):
    """`streamr cache stats`: how much is kept, by class and by state."""

    about = (
        "Asks the streamr that is running on this machine how many answers it keeps, "
        "in which freshness classes, and how fresh they are."
    )
    example = "streamr cache stats"
    optFlags: ClassVar = [["images", None, "Show the pictures instead."]]

    def perform(self) -> int:
        """Print what is kept."""
        told = self.ask("/pictures" if self["images"] else "/cache")
        if self["json"]:
            console.print_json(told)
        elif self["images"]:
            _print_pictures(told)
        else:
            _print(told)
        return 0


class PurgeOptions(AskingOptions):
    """`streamr cache purge`: drop all, a class, what lies below a path, a title."""

    synopsis = (
        "(--all | --class NAME | --path PATH | --title KIND/ID | --images) [options]"
    )
    about = (
        "Asks the streamr that is running on this machine to delete stored answers: "
        "all of them, one freshness class, everything below a TMDB path, or everything "
        "that shows a film or series; or all stored pictures. The caches named in "
        "STREAMR_PURGE_URL are told to do the same."
    )
    example = "streamr cache purge --path /movie/550"
    optFlags: ClassVar = [
        ["all", None, "Delete all answers."],
        ["images", None, "Delete all pictures."],
    ]
    optParameters: ClassVar = [
        ["class", None, None, f"Delete one freshness class: {', '.join(KINDS)}."],
        ["path", None, None, "Delete a TMDB path and everything below it."],
        ["title", None, None, "Delete a title, and the lists that show it."],
    ]

    def postOptions(self) -> None:
        super().postOptions()
        wanted = [name for name in WANTED if self[name]]
        if len(wanted) != 1:
            raise UsageError(f"say what to purge, one of: {ONE_OF}")
        if self["class"] and self["class"] not in KINDS:
            raise UsageError(
                f"{self['class']!r} is not a valid --class; allowed: {', '.join(KINDS)}"
            )
        if self["path"] and not re.fullmatch(r"(?!/3/)/[^?]*[^/?]", self["path"]):
            raise UsageError(
                f"{self['path']!r} is not a valid --path; allowed: a TMDB path "
                "without the /3, such as /movie/550"
            )

        if self["title"] and not tags.is_title(self["title"]):
            raise UsageError(
                f"{self['title']!r} is not a valid --title; allowed: movie/ID and "
                "tv/ID, such as movie/550"
            )

    def perform(self) -> int:
        """Have it dropped, and print how many answers that were."""
        if self["images"]:
            told = self.ask("/pictures/purge", "POST")
        else:
            wanted = {name: str(self[name]) for name in WANTED if self[name]}
            told = self.ask("/cache/purge", "POST", **wanted)
        if self["json"]:
            console.print_json(told)
        else:
            what = "picture" if self["images"] else "answer"
            count = told["purged"]
            print(f"{count} {what}{'' if count == 1 else 's'} deleted")
            if told["in_front"]:
                print(
                    f"{', '.join(told['in_front'])} will be told to do the same: "
                    "streamr cache stats shows what came of it"
                )
        return 0


class CacheOptions(Helpful):
    """`streamr cache`: ask the running daemon what it keeps, or have it dropped."""

    synopsis = ""
    choices = "(stats | purge)"
    about = "Shows or purges the answers that the running streamr keeps."
    example = "streamr cache stats"
    subCommands: ClassVar = [
        ("stats", None, f"{__name__}:StatsOptions", "Show how much is kept."),
        (
            "purge",
            None,
            f"{__name__}:PurgeOptions",
            "Delete all answers, a class, a path or a title.",
        ),
    ]

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise UsageError("a command is missing; choose one of: stats, purge")


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
    if told["in_front"]:
        out.print()
        columns = ("cache in front", "purges waiting", "done", "failed", "trouble")
        console.show(out, columns, [_row(each) for each in told["in_front"]])


def _row(told: ToldInFront) -> list[str | int]:
    """One cache in front, as a line of the table."""
    counts = (told["waiting"], told["told"], told["failed"])
    return [told["cache"], *counts, told["trouble"]]


def _print_pictures(told: PicturesTold) -> None:
    used, most = told["bytes"] / MEGABYTE, told["most_bytes"] / MEGABYTE
    count = told["pictures"]
    what = "picture" if count == 1 else "pictures"
    print(f"{count} {what}, {used:.1f} of {most:.0f} MB")
    if told["trouble"]:
        print(f"No more are stored at the moment: {told['trouble']}")
