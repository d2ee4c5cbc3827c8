"""The way in for twistd and `streamr run`: flags, settings, sockets, then the daemon.

The only place (with `cli`) that knows the reactor. Whatever deserves exit code 78 (a
setting that cannot be used, EX_CONFIG of sysexits.h) is decided in `makeService`,
before twistd forks; a busy port is exit code 1.
"""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Sequence
from typing import ClassVar, NoReturn, cast

from twisted.application.service import MultiService
from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IReactorCore
from twisted.logger import ILogObserver
from twisted.python import usage

from streamr import __version__
from streamr.app.daemon import Daemon, build
from streamr.app.routes import Lookup
from streamr.app.sockets import CannotListen, adopt, listen
from streamr.app.supervisor import Supervisor
from streamr.config.settings import HOW_TO_GET_A_KEY, Settings
from streamr.errors import SettingsError
from streamr.interfaces import Reactor
from streamr.net.inherited import SOCKETS, Passed
from streamr.observe.log import LineObserver, Sink, console
from streamr.policy.redact import Redactor
from streamr.terminal.exits import EX_CONFIG, give_up
from streamr.terminal.options import WIDTH, hint, purpose
from streamr.terminal.settings import FLAGLESS, FLAGS, given, read_settings
from streamr.upstream.resolve.system import system_lookup
from streamr.web.demo.pages import Demo


class Options(usage.Options):
    """The flags of `twistd streamr`, from the table of settings."""

    about = (
        "A gateway that keeps TMDB reachable. Every flag is also an environment "
        "variable and a line in .env; docs/settings.md lists them. " + HOW_TO_GET_A_KEY
    )
    example = "twistd -n streamr --port 8080"
    # Twisted would print it after the options
    longdesc = ""
    optParameters: ClassVar = FLAGS

    def getUsage(self, width: int | None = None) -> str:
        """The text of --help below its first line."""
        told = purpose(self.about, self.example, width or WIDTH)
        return "\n".join([told, super().getUsage(width)])

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Read a command line. Raises UsageError with a hint at what was meant."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            flags = [name.rstrip("=") for name in self.longOpt]
            told = hint(str(error), (), flags, FLAGLESS)
            raise usage.UsageError(f"{error}{told}") from error

    def parseArgs(self, *words: str) -> None:
        """Nothing here takes words that are no options."""
        if words:
            raise usage.UsageError(f"unexpected argument: {words[0]!r}")

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        print(f"streamr {__version__}")
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Under twistd the log goes through our observer, not through its own."""
        if self.parent is not None and "logger" in self.parent:
            self.parent["logger"] = f"{__name__}.log_observer"
            if self.parent.get("logfile") and not self["log-file"]:
                self["log-file"] = self.parent["logfile"]


_observer: LineObserver | None = None


def log_observer() -> ILogObserver:
    """The log observer of the service made last; twistd asks for it by name."""
    assert _observer is not None, "makeService has not been called"
    return _observer


def makeService(options: Options) -> MultiService:
    """The whole daemon. Exits with 78 on a wrong setting and 1 on a busy port."""
    from twisted.internet import reactor

    return start_up(read_settings(given(options)), reactor)


def start_up(
    settings: Settings,
    reactor: IReactorCore,
    demo: Demo | None = None,
    lookup: Lookup = system_lookup,
) -> Daemon:
    """Build the daemon with real sockets, or exit with a sentence."""
    global _observer
    use_monotonic_clock(reactor)
    sinks = [console()]
    try:
        if settings.log_file is not None:
            sinks.append(Sink(path=settings.log_file))
    except OSError as error:
        give_up(EX_CONFIG, [f"STREAMR_LOG_FILE cannot be opened: {error.strerror}"])
    _observer = LineObserver(
        sinks, Redactor(settings.secrets), settings.log_level, settings.log_format
    )
    try:
        sockets = open_ports(settings)
    except CannotListen as error:
        give_up(1, [str(error)])
    except SettingsError as error:
        give_up(EX_CONFIG, error.problems)
    try:
        # Twisted promises less of its reactor than every reactor of a POSIX system has
        whole = cast(Reactor, reactor)
        daemon = build(
            settings,
            whole,
            sockets,
            _observer,
            demo=demo,
            lookup=lookup,
            supervisor=Supervisor(whole, os.environ),
        )
    except SettingsError as error:
        give_up(EX_CONFIG, error.problems)
    spare_the_collector()
    return daemon


def spare_the_collector() -> None:
    """Leave what was made up to now to no garbage collection any more.

    It lives as long as the process, and looking through it again stopped the reactor
    for 56 ms, twice in 30 s at 20 requests/s: the slowest 1 % of answers
    (docs/facts/performance.md, "Garbage collection").
    """
    gc.collect()
    gc.freeze()


def use_monotonic_clock(reactor: object) -> None:
    """Let the reactor's timers run on the monotonic clock.

    Twisted reads the wall clock: after a jump of -1 h a timer of 3 s did not fire
    (docs/facts/twisted.md, "Time"). `seconds` is public, but meant to be read: the one
    exception.
    """
    if isinstance(reactor, ReactorBase):
        type(reactor).seconds = staticmethod(time.monotonic)


def open_ports(
    settings: Settings, passed: Passed = SOCKETS
) -> dict[str, socket.socket]:
    """The listening sockets of the servers that shall run: those that were passed on,
    else of our own. Raises CannotListen, and SettingsError for one too many."""
    given = dict(passed)
    sockets: dict[str, socket.socket] = {}
    for name, host, port, setting in (
        ("proxy", settings.proxy_host, settings.proxy_port, "PROXY_PORT"),
        ("main", settings.host, settings.port, "PORT"),
    ):
        if settings.only in ("", name):
            sockets[name] = (
                adopt(given[name]) if name in given else listen(host, port, setting)
            )
        elif name in given:
            raise _in_vain(f"STREAMR_ONLY is {settings.only}", name)
    if "door" in given and not settings.door:
        raise _in_vain("STREAMR_DOOR is 0", "door")
    if settings.door:
        sockets["door"] = (
            adopt(given["door"])
            if "door" in given
            else listen(settings.door_host, settings.door_port, "DOOR_PORT")
        )
    return sockets


def _in_vain(because: str, name: str) -> SettingsError:
    return SettingsError(
        [
            f"{because}, but systemd passes a socket for {name}, where callers would "
            "wait for ever: mask its socket unit"
        ]
    )
