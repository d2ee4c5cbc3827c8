"""What `run` and `demo` share: run the reactor, and say when both servers answer."""

from __future__ import annotations

import sys

from twisted.logger import globalLogBeginner

from streamr import __version__
from streamr.app.daemon import Daemon
from streamr.commands.selfcheck import until_healthy
from streamr.interfaces import Reactor
from streamr.service import log_observer

CURL_LINES = (
    "/api/tmdb/trending",
    "/api/tmdb/movie/550?append_to_response=credits",
    "/api/tmdb/health",
)


def serve(daemon: Daemon, reactor: Reactor, more: str = "") -> int:
    """Run until Ctrl-C or SIGTERM; `more` is a last line of the welcome."""
    globalLogBeginner.beginLoggingTo([log_observer()], redirectStandardIO=False)
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.callWhenRunning(_announce, daemon, reactor, more)
    reactor.run()
    return 0


def _announce(daemon: Daemon, reactor: Reactor, more: str) -> None:
    waiting = until_healthy(
        reactor, {name: server.url for name, server in daemon.servers.items()}
    )
    waiting.addCallbacks(
        lambda _healthy: print(_welcome(daemon, more), flush=True),
        lambda failure: print(f"streamr: {failure.value}", file=sys.stderr, flush=True),
    )


def _welcome(daemon: Daemon, more: str) -> str:
    """The two URLs, the status page, and three lines to try."""
    lines = [f"\nstreamr {__version__} answers"]
    lines += [f"  {name:<6} {server.url}" for name, server in daemon.servers.items()]
    main_server = daemon.servers.get("main")
    if main_server is not None:
        lines += [f"See how it fares in a browser: {main_server.url}/", "Try:"]
        lines += [f"  curl -s '{main_server.url}{path}'" for path in CURL_LINES]
    if more:
        lines.append(more)
    return "\n".join([*lines, "Ctrl-C stops.\n"])
