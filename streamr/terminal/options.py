"""Help that helps: an example in every --help, and a hint at what was meant.

Options are declared as twisted.python.usage has them declared. That module alone costs
twice the processor time of `streamr version`, and only twistd needs it.
"""

from __future__ import annotations

import getopt
import importlib
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NoReturn

from streamr import __version__

# What getopt calls a word that it does not know; tests notice when it changes.
_UNKNOWN = re.compile(r"option --(?P<flag>\S+) not recognized|.*command: (?P<word>.+)")
WIDTH = 80
# Where help begins behind the dashes of an option.
_INDENT = 6
NO_FLAG = (
    "has no flag, because everybody on this machine could read it: put it into .env "
    "or the environment"
)

# A name, None (there are no short ones), and what it is for.
Flag = Sequence[str | None]
# A name, None, the default, and what it is for.
Parameter = Sequence[str | None]
# A name, None, where its class stands ("module:Class"), and what it does.
SubCommand = tuple[str, None, str, str]


class UsageError(Exception):
    """A command line that cannot be used; the text says why."""


class Explained(UsageError):
    """A usage error that has its hint: an outer command adds none."""


class Helpful(dict[str, Any]):
    """Options that say first what they are for, with an example that runs.

    Beside optFlags and optParameters, of which a class has its own and its parents', a
    method opt_NAME is called when its option is met.
    """

    about: ClassVar[str] = ""
    example: ClassVar[str] = ""
    synopsis: ClassVar[str] = "[options]"
    # what stands in the place of a command until one is chosen
    choices: ClassVar[str] = ""
    optFlags: ClassVar[Sequence[Flag]] = ()
    optParameters: ClassVar[Sequence[Parameter]] = ()
    subCommands: ClassVar[Sequence[SubCommand]] = ()
    # the settings that are secrets, by the flags that they do not have
    flagless: ClassVar[Mapping[str, str]] = {}
    # options that --help does not list, and the line that stands for them
    elsewhere: ClassVar[frozenset[str]] = frozenset()
    elsewhere_line: ClassVar[str] = ""

    def __init__(self, parent: Helpful | None = None) -> None:
        super().__init__()
        self.parent = parent
        self.subCommand: str | None = None
        self.subOptions: Helpful | None = None
        self._help: dict[str, str] = {}
        self._takes: dict[str, Callable[[str], None]] = {}
        self._wants_value: set[str] = set()
        for kind in type(self).__mro__:
            self._gather(kind)

    def _gather(self, kind: type) -> None:
        """The options that one class declares; its own stand first."""
        own = vars(kind)
        for name, _, told in own.get("optFlags", ()):
            self.setdefault(name, 0)
            self._add(name, told, partial(self._put, name, 1))
        for name, _, default, told in own.get("optParameters", ()):
            self.setdefault(name, default)
            self._wants_value.add(name)
            self._add(name, told, partial(self.__setitem__, name))
        for attribute, method in own.items():
            if attribute.startswith("opt_"):
                self._add_method(attribute, method)

    def _put(self, name: str, value: object, _given: str) -> None:
        self[name] = value

    def _add_method(self, attribute: str, method: Any) -> None:
        name = attribute.removeprefix("opt_").replace("_", "-")
        if method.__code__.co_argcount > 1:
            self._wants_value.add(name)
            self._add(name, method.__doc__, lambda value: method(self, value))
        else:
            self._add(name, method.__doc__, lambda _value: method(self))

    def _add(self, name: str, told: str, take: Callable[[str], None]) -> None:
        self._help.setdefault(name, told)
        self._takes.setdefault(name, take)

    def parseOptions(self, words: Sequence[str]) -> None:
        """Read a command line. Raises UsageError with a hint at what was meant."""
        try:
            self._read(words)
            self.postOptions()
        except Explained:
            raise
        except UsageError as error:
            commands = [name for name, *_ in self.subCommands]
            told = hint(str(error), commands, self._help, self.flagless)
            raise Explained(f"{error}{told}") from error

    def _read(self, words: Sequence[str]) -> None:
        flags = [
            f"{name}=" if name in self._wants_value else name for name in self._help
        ]
        try:
            found, rest = getopt.getopt(list(words), "", flags)
        except getopt.GetoptError as error:
            raise UsageError(str(error)) from error
        for option, value in found:
            self._takes[option.removeprefix("--")](value)
        if self.subCommands and rest:
            self._enter(rest[0], rest[1:])
        elif rest:
            raise UsageError(f"unexpected argument: {rest[0]!r}")

    def _enter(self, word: str, rest: Sequence[str]) -> None:
        """Hand the rest of a line to the command that it names."""
        for name, _, place, _ in self.subCommands:
            if name == word:
                self.subCommand, self.subOptions = name, loaded(place)(self)
                self.subOptions.parseOptions(rest)
                return
        raise UsageError(f"Unknown command: {word}")

    def postOptions(self) -> None:
        """Check the options together. Raises UsageError."""

    def perform(self) -> int:
        """What the command does; the exit status."""
        raise NotImplementedError

    def getSynopsis(self) -> str:
        """The first line of --help."""
        told = f"{self.synopsis} {self.choices}".strip()
        if self.parent is None:
            return told
        outer = self.parent.getSynopsis().removesuffix(self.parent.choices).rstrip()
        return f"{outer} {self.parent.subCommand} {told}".rstrip()

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        print(f"streamr {__version__}")
        raise SystemExit(0)

    def opt_help(self) -> NoReturn:
        """Print this and exit."""
        print("\n".join([self.getSynopsis(), *self._usage()]))
        raise SystemExit(0)

    def _usage(self) -> Iterator[str]:
        """The text of --help below its first line."""
        yield purpose(self.about, self.example)
        if self.subCommands:
            yield "Commands:"
            yield from table([(name, told) for name, _, _, told in self.subCommands])
            yield ""
        yield "Options:"
        yield from table(
            [
                (f"--{name}{'=' if name in self._wants_value else ''}", told)
                for name, told in self._help.items()
                if name not in self.elsewhere
            ]
        )
        if self.elsewhere_line:
            yield f"\n{textwrap.fill(self.elsewhere_line, WIDTH)}"


def loaded(place: str) -> type[Helpful]:
    """The class that stands at "module:Class": only the command that runs is loaded."""
    module, _, name = place.partition(":")
    found: type[Helpful] = getattr(importlib.import_module(module), name)
    return found


def purpose(about: str, example: str, width: int = WIDTH) -> str:
    """What --help says first: what something is for, and an example that runs."""
    return f"\n{textwrap.fill(about, width)}\n\nExample: {example}\n"


def table(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names and what they are for, side by side."""
    wide = max(len(name) for name, _ in rows)
    for name, told in rows:
        first = f"{'':{_INDENT}}{name:<{wide}}  "
        yield textwrap.fill(
            " ".join(told.split()),
            WIDTH,
            initial_indent=first,
            subsequent_indent=" " * len(first),
        )


def hint(
    error: str,
    commands: Sequence[str],
    flags: Iterable[str],
    flagless: Mapping[str, str],
) -> str:
    """What was probably meant by the word that an error names; "" when it names none.

    `flagless` are settings without a flag, by the flag that they would have.
    """
    match = _UNKNOWN.match(error)
    if match is None:
        return ""
    # only who has misspelt something pays for it
    from streamr.config.values import closest

    if match["word"]:
        meant = closest(match["word"], commands)
        known = f"; known: {', '.join(commands)}"
        return f"; did you mean {meant}?" if meant else known
    # without the dashes, which would make everything look alike
    meant = closest(match["flag"], [*flags, *flagless])
    if meant is None:
        return "; a command's options come after its name" if commands else ""
    secret = flagless.get(meant)
    return f"; {secret} {NO_FLAG}" if secret else f"; did you mean --{meant}?"
