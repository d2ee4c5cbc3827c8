"""What `run` and `demo` share: run the reactor, and say when both servers answer."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from twisted.logger import globalLogBeginner

from streamr import __version__
from streamr.app.daemon import Daemon, on_terminal
from streamr.commands.selfcheck import until_healthy
from streamr.interfaces import Reactor
from streamr.service import log_observer
from streamr.upstream.dial.tls import PinnedPolicy

CURL_LINES = (
    "/3/movie/550?append_to_response=credits",
    "/api/tmdb/trending",
    "/api/tmdb/health",
)
# What to do next, and how: "" goes on with the one above.
Step = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is told when both servers answer: what runs here, and what can be done."""

    about: str = ""
    steps: Sequence[Step] = ()


def serve(daemon: Daemon, reactor: Reactor, told: Welcome | None = None) -> int:
    """Run until Ctrl-C or SIGTERM. Raises KeyboardInterrupt at a second Ctrl-C."""
    end = End(daemon, reactor)
    globalLogBeginner.beginLoggingTo([log_observer()], redirectStandardIO=False)
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.callWhenRunning(_announce, daemon, reactor, told or Welcome())
    # behind Twisted's own handlers, which trip over a second signal
    reactor.callWhenRunning(end.listen)
    reactor.run()
    if end.at_once:
        raise KeyboardInterrupt
    return 0


class End:
    """How a foreground ends: the first signal says what is waited for, and a Ctrl-C
    after it waits no longer."""

    def __init__(
        self,
        daemon: Daemon,
        reactor: Reactor,
        say: Callable[[str], object] = lambda text: print(
            text, file=sys.stderr, flush=True
        ),
    ) -> None:
        """`say` writes a line for the person at the terminal."""
        self._say = say
        self._daemon = daemon
        self._reactor = reactor
        # its end is seen only as long as it is there
        self._terminal = on_terminal()
        self._stopping = False
        self.at_once = False

    def listen(self) -> None:
        """Take the signals; one that is ignored, as behind nohup, stays so."""
        ends = [signal.SIGINT, signal.SIGTERM]
        if self._terminal:
            ends.append(signal.SIGHUP)
        for number in ends:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._came)

    def _came(self, number: int, _frame: object) -> None:
        self._reactor.callFromThread(self.asked, number)

    def asked(self, number: int) -> None:
        """A signal came."""
        if not self._stopping:
            self._stopping = True
            told = waits_for(self._daemon)
            self._reactor.stop()
            # whoever read this may be gone: that keeps nobody from stopping
            with contextlib.suppress(OSError):
                self._say(f"\n{told}")
        elif number == signal.SIGINT:
            self.at_once = True
            self._reactor.crash()


def waits_for(daemon: Daemon) -> str:
    """What a daemon that stops is waiting for, and how long."""
    if not daemon.waiting:
        return "streamr is stopping. Press Ctrl-C again to end it immediately."
    callers = "1 caller" if daemon.waiting == 1 else f"{daemon.waiting} callers"
    return (
        f"streamr is stopping, and waits for the answers of {callers}, at most "
        f"{daemon.longest_stop:g} s. Press Ctrl-C again to end it immediately."
    )


def _announce(daemon: Daemon, reactor: Reactor, told: Welcome) -> None:
    urls = daemon.urls
    tls = daemon.parts.tls
    policy = None if tls is None else PinnedPolicy(lambda: frozenset((tls.pin,)))
    until_healthy(reactor, urls, policy).addCallbacks(
        lambda _healthy: _say(welcome(urls, told, daemon.door), sys.stdout),
        lambda failure: _say(f"streamr: {failure.value}", sys.stderr),
    )


def _say(text: str, where: IO[str]) -> None:
    """Print a text. A terminal that is gone stops nobody from serving."""
    with contextlib.suppress(OSError):
        print(text, file=where, flush=True)


def welcome(urls: Mapping[str, str], told: Welcome, door: str | None = None) -> str:
    """The servers' URLs, what an app has to use, the page, and what to try; `door` is
    the door's URL."""
    steps: list[Step] = [(name, url) for name, url in urls.items()]
    if door is not None:
        place = urlsplit(door).netloc
        steps.append(("door", f"{place}, under TMDB's names (streamr door show)"))
    if "main" in urls:
        main = urls["main"]
        steps.append(("Your app", f"{main}/3 instead of TMDB's base URL"))
        steps.append(("See it", f"{main}/ in a browser"))
        calls = [f"curl -s '{main}{path}'" for path in CURL_LINES]
        steps += zip(("Try it", "", ""), calls, strict=True)
    steps += told.steps
    wide = max(len(name) for name, _ in steps)
    lines = [f"  {name:<{wide}}  {how}" for name, how in steps]
    head = [
        f"\nstreamr {__version__} is running",
        *([told.about] if told.about else []),
    ]
    return "\n".join([*head, *lines, "Ctrl-C stops it.\n"])


def own_command(called: str, path: str | None = None) -> str:
    """How the user can call this `streamr`: by its name where that is what `path`
    (PATH) leads to, else as it was `called`."""
    found = shutil.which("streamr", path=path)
    if found is not None and Path(found).resolve() == Path(called).resolve():
        return "streamr"
    return shlex.quote(called)
