"""The `streamr` command: finds the command of a line and performs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NoReturn

from twisted.python import usage

from streamr import __version__
from streamr.commands.cache import CacheOptions
from streamr.commands.check import CheckOptions, HealthcheckOptions
from streamr.commands.config import ConfigOptions
from streamr.commands.demo import DemoOptions
from streamr.commands.doctor import DoctorOptions
from streamr.commands.routes import RoutesOptions
from streamr.commands.run import RunOptions
from streamr.service import EX_INTERRUPTED, EX_USAGE, give_up
from streamr.terminal.options import Helpful


class VersionOptions(Helpful):
    """`streamr version`: print the version."""

    synopsis = ""
    about = "Prints the version."
    example = "streamr version"

    def perform(self) -> int:
        """Print it."""
        print(f"streamr {__version__}")
        return 0


class CommandLine(Helpful):
    """All commands. Each class has `perform`, which returns the exit status."""

    subCommands: ClassVar[Sequence[tuple[str, None, type[Helpful], str]]] = [
        ("run", None, RunOptions, "Both servers in the foreground."),
        ("demo", None, DemoOptions, "The same over a simulated TMDB: no key needed."),
        (
            "check",
            None,
            CheckOptions,
            "Ask a running streamr for its health and lists.",
        ),
        ("doctor", None, DoctorOptions, "Why TMDB fails here, and what to set."),
        ("healthcheck", None, HealthcheckOptions, "Exit 0 when the servers are up."),
        ("cache", None, CacheOptions, "Show or purge what a running streamr keeps."),
        ("routes", None, RoutesOptions, "What each route to TMDB last did."),
        ("config", None, ConfigOptions, "Every setting, its origin, what is wrong."),
        ("version", None, VersionOptions, "Print the version."),
    ]
    synopsis = "Usage: streamr"
    choices = "COMMAND"
    about = "Keeps TMDB reachable. Each command tells more with --help."
    example = "streamr demo"

    def postOptions(self) -> None:
        if self.subCommand is None:
            known = ", ".join(name for name, *_ in self.subCommands)
            raise usage.UsageError(f"streamr wants one of: {known}")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point of the console script. Ends with the command's exit status."""
    try:
        status = _perform(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # `| head` has read enough; Python would complain again at its own last flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except KeyboardInterrupt:
        status = EX_INTERRUPTED
    raise SystemExit(status)


def _perform(arguments: Sequence[str]) -> int:
    line = CommandLine()
    try:
        line.parseOptions(arguments)
        _, command = list(_reached(line))[-1]
        # what only a look at the disk tells is found to be wrong here
        status: int = command.perform()
    except usage.UsageError as error:
        names = ["streamr", *(name for name, _ in _reached(line))]
        give_up(EX_USAGE, [str(error), f"see {' '.join(names)} --help"])
    return status


def _reached(line: Any) -> Iterator[tuple[str, Any]]:
    """The commands that a line has named, each with its options."""
    while line.subCommand is not None and hasattr(line, "subOptions"):
        yield line.subCommand, line.subOptions
        line = line.subOptions
