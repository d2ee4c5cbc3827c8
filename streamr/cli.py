"""The `streamr` command: finds the command of a line and performs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from twisted.python import usage

from streamr import __version__
from streamr.commands.cache import CacheOptions
from streamr.commands.check import CheckOptions, HealthcheckOptions
from streamr.commands.demo import DemoOptions
from streamr.commands.routes import RoutesOptions
from streamr.commands.run import RunOptions
from streamr.service import give_up

# A wrong line; what else commands end with stands in `service`.
EX_USAGE = 2


class VersionOptions(usage.Options):
    """`streamr version`: print the version."""

    synopsis = ""
    longdesc = "Example: streamr version"

    def perform(self) -> int:
        """Print it."""
        print(f"streamr {__version__}")
        return 0


class CommandLine(usage.Options):
    """All commands. Each class has `perform`, which returns the exit status."""

    subCommands: ClassVar = [
        ["run", None, RunOptions, "Both servers in the foreground."],
        ["demo", None, DemoOptions, "The same over a simulated TMDB: no key needed."],
        [
            "check",
            None,
            CheckOptions,
            "Ask a running streamr for its health and lists.",
        ],
        ["healthcheck", None, HealthcheckOptions, "Exit 0 when the servers are up."],
        ["cache", None, CacheOptions, "Show or purge what a running streamr keeps."],
        ["routes", None, RoutesOptions, "What each way to TMDB last did."],
        ["version", None, VersionOptions, "Print the version."],
    ]
    synopsis = "Usage: streamr"
    longdesc = "Example: streamr demo"

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        print(f"streamr {__version__}")
        raise SystemExit(0)

    def postOptions(self) -> None:
        if self.subCommand is None:
            raise usage.UsageError(f"which command?\n\n{self}")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point of the console script. Ends with the command's exit status."""
    line: Any = CommandLine()
    try:
        line.parseOptions(sys.argv[1:] if arguments is None else arguments)
    except usage.UsageError as error:
        give_up(EX_USAGE, [str(error)])
    while line.subCommand is not None:
        line = line.subOptions
    raise SystemExit(line.perform())
