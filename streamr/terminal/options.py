"""Help that helps: an example in every --help, and a hint at what was meant."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import ClassVar, NoReturn

from twisted.python import usage

from streamr import __version__
from streamr.config.values import closest

# What Twisted and getopt call a word they do not know; tests notice when it changes.
_UNKNOWN = re.compile(r"option --(?P<flag>\S+) not recognized|.*command: (?P<word>.+)")
WIDTH = 80
NO_FLAG = (
    "has no flag, which everybody on this machine could read: put it into .env or the "
    "environment"
)


class Explained(usage.UsageError):
    """A usage error that has its hint: an outer command adds none."""


class Helpful(usage.Options):
    """Options that say first what they are for, with an example that runs."""

    about: ClassVar[str] = ""
    example: ClassVar[str] = ""
    # Twisted would print it after the options
    longdesc: ClassVar[str] = ""
    # what stands in the place of a command until one is chosen
    choices: ClassVar[str] = ""
    # the settings that are secrets, by the flags that they do not have
    flagless: ClassVar[Mapping[str, str]] = {}

    def getSynopsis(self) -> str:
        """The first line of --help."""
        told: str = super().getSynopsis().rstrip()
        return told if self.subCommand or not self.choices else f"{told} {self.choices}"

    def getUsage(self, width: int | None = None) -> str:
        """The text of --help below its first line."""
        told: str = super().getUsage(width)
        if hasattr(self, "subOptions"):
            return told
        about = textwrap.fill(self.about, width or WIDTH)
        return f"\n{about}\n\nExample: {self.example}\n\n{told}"

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read a command line. Raises UsageError with a hint at what was meant."""
        try:
            super().parseOptions(options)
        except Explained:
            raise
        except usage.UsageError as error:
            raise Explained(f"{error}{self._hint(str(error))}") from error

    def parseArgs(self, *words: str) -> None:
        """Nothing here takes words that are neither commands nor options."""
        if words:
            raise usage.UsageError(f"{words[0]!r} is one word too many")

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        print(f"streamr {__version__}")
        raise SystemExit(0)

    def _hint(self, error: str) -> str:
        match = _UNKNOWN.match(error)
        if match is None:
            return ""
        commands = [name for name, *_ in getattr(self, "subCommands", ())]
        if match["word"]:
            meant = closest(match["word"], commands)
            known = f"; known are: {', '.join(commands)}"
            return f"; did you mean {meant}?" if meant else known
        elsewhere = "; a command's options stand behind it" if commands else ""
        return self._flag_hint(match["flag"]) or elsewhere

    def _flag_hint(self, wanted: str) -> str:
        # without the dashes, which would make everything look alike
        flags = [name.rstrip("=") for name in self.longOpt]
        meant = closest(wanted, [*flags, *self.flagless])
        if meant is None:
            return ""
        secret = self.flagless.get(meant)
        return f"; {secret} {NO_FLAG}" if secret else f"; did you mean --{meant}?"
