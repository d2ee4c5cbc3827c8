"""The `streamr` command: finds the command of a line and performs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import ClassVar, NoReturn

from streamr import __version__
from streamr.terminal.exits import EX_INTERRUPTED, EX_USAGE, give_up
from streamr.terminal.options import Helpful, SubCommand, UsageError

HERE = "streamr.commands"


class VersionOptions(Helpful):
    """`streamr version`: print the version."""

    about = "Prints the version; with --json, also the versions of Python and Twisted."
    example = "streamr version --json"
    optFlags: ClassVar = [["json", None, "Print JSON, for programs."]]

    def perform(self) -> int:
        """Print it."""
        if self["json"]:
            print(json_versions())
        else:
            print(f"streamr {__version__}")
        return 0


def json_versions() -> str:
    """The versions that a report of an error needs, as JSON."""
    # only who asks pays for it: `streamr version` is for scripts
    import json
    import platform
    from importlib.metadata import version

    told = {
        "version": __version__,
        "python": platform.python_version(),
        **{name.lower(): version(name) for name in ("Twisted", "pyOpenSSL")},
    }
    return json.dumps(told, indent=2)


class CommandLine(Helpful):
    """All commands. Each class has `perform`, which returns the exit status.

    A command is loaded when it is named: most need neither the reactor nor treq, and
    are done before those would be there.
    """

    subCommands: ClassVar[Sequence[SubCommand]] = [
        ("run", None, f"{HERE}.run:RunOptions", "Run both servers in the foreground."),
        (
            "demo",
            None,
            f"{HERE}.demo:DemoOptions",
            "Run them with a simulated TMDB; needs no key.",
        ),
        (
            "check",
            None,
            f"{HERE}.check:CheckOptions",
            "Ask a running streamr for its health and for lists.",
        ),
        (
            "doctor",
            None,
            f"{HERE}.doctor:DoctorOptions",
            "Find out why TMDB fails here, and what to set.",
        ),
        (
            "healthcheck",
            None,
            f"{HERE}.healthcheck:HealthcheckOptions",
            "Exit with status 0 when the servers can serve.",
        ),
        (
            "cache",
            None,
            f"{HERE}.cache:CacheOptions",
            "Show or purge the answers that a running streamr keeps.",
        ),
        (
            "routes",
            None,
            f"{HERE}.routes:RoutesOptions",
            "Show what each route to TMDB last did.",
        ),
        (
            "peer",
            None,
            f"{HERE}.peer:PeerOptions",
            "Let another machine use this one's proxy, over TLS.",
        ),
        (
            "door",
            None,
            f"{HERE}.door:DoorOptions",
            "Serve apps that have TMDB's host built in.",
        ),
        (
            "config",
            None,
            f"{HERE}.config:ConfigOptions",
            "Show every setting, where it comes from, and what is wrong.",
        ),
        ("version", None, f"{__name__}:VersionOptions", "Print the version."),
    ]
    synopsis = "Usage: streamr"
    choices = "COMMAND"
    about = "Keeps TMDB reachable. Each command has a --help of its own."
    example = "streamr demo"

    def postOptions(self) -> None:
        if self.subCommand is None:
            known = ", ".join(name for name, *_ in self.subCommands)
            raise UsageError(f"a command is missing; choose one of: {known}")


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
        # at once: threads that look up a name or write to the disk are not waited for
        sys.stdout.flush()
        os._exit(EX_INTERRUPTED)
    raise SystemExit(status)


def _perform(arguments: Sequence[str]) -> int:
    line = CommandLine()
    try:
        line.parseOptions(arguments)
        _, command = list(_reached(line))[-1]
        # what only a look at the disk tells is found to be wrong here
        status = command.perform()
    except UsageError as error:
        names = ["streamr", *(name for name, _ in _reached(line))]
        give_up(EX_USAGE, [str(error), f"see {' '.join(names)} --help"])
    return status


def _reached(line: Helpful) -> Iterator[tuple[str, Helpful]]:
    """The commands that a line has named, each with its options."""
    while line.subCommand is not None and line.subOptions is not None:
        yield line.subCommand, line.subOptions
        line = line.subOptions
