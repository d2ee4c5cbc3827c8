"""The `streamr` command: run, demo, check, healthcheck, version."""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from twisted.python import usage

from streamr import __version__, checking, control, settings
from streamr.daemon import Daemon
from streamr.keeping import state_directory
from streamr.service import (
    EX_CONFIG,
    Options,
    give_up,
    log_observer,
    read_settings,
    start_up,
)
from streamr.web.demo import Demo

if TYPE_CHECKING:
    from streamr.simulator.service import SimulatorService

CURL_LINES = (
    "/api/tmdb/trending",
    "/api/tmdb/movie/550?append_to_response=credits",
    "/api/tmdb/health",
)


class RunOptions(Options):
    """`streamr run`: both servers in the foreground."""

    synopsis = "[options]"
    longdesc = f"{Options.longdesc}\n\nExample: streamr run --port 8080"
    optFlags: ClassVar = [
        [
            "demo-if-no-key",
            None,
            "Without a TMDB key serve the simulator instead of refusing to start.",
        ]
    ]


class DemoOptions(Options):
    """`streamr demo`: both servers over a simulated TMDB."""

    synopsis = "[options]"
    longdesc = (
        "Both servers over a simulated TMDB on loopback; no key and no network needed."
        "\n\nExample: streamr demo --fault api.themoviedb.org=reset-after-hello"
    )
    optParameters: ClassVar = [
        ["control-port", None, "0", "Port of the simulator's control endpoint."],
        ["seed", None, "0", "Where the simulator's chances begin."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def opt_fault(self, expression: str) -> None:
        """Let the simulator misbehave: [HOST=]FAULT, see --list-faults. Repeatable."""
        self.faults.append(expression)

    def opt_list_faults(self) -> None:
        """Print the faults that the simulator knows."""
        from streamr.simulator.faults import describe

        print(describe())
        raise SystemExit(0)


class CheckOptions(Options):
    """`streamr check`: is a running streamr all right, and how did answers come?"""

    synopsis = "[options]"
    longdesc = (
        "Asks a running streamr for both healths and three lists; exit 1 when "
        "something is wrong.\n\nExample: streamr check --port 8080"
    )


class HealthcheckOptions(Options):
    """`streamr healthcheck`: exit 0 when the servers are up; prints only problems."""

    synopsis = "[options]"
    longdesc = "Example: streamr healthcheck --only main"


class StatsOptions(Options):
    """`streamr cache stats`: how much is kept, by class and by state."""

    synopsis = "[options]"
    longdesc = "Example: streamr cache stats"


class PurgeOptions(Options):
    """`streamr cache purge`: drop all, a class, or what lies below a path."""

    synopsis = "(--all | --class NAME | --path PATH) [options]"
    longdesc = "Example: streamr cache purge --path /movie/550"
    optFlags: ClassVar = [["all", None, "Drop everything."]]
    optParameters: ClassVar = [
        ["class", None, None, "Drop one freshness class: lists, details, search, …"],
        ["path", None, None, "Drop a path of TMDB's and what lies below it."],
    ]


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


class RoutesOptions(Options):
    """`streamr routes`: what each way to TMDB last did."""

    synopsis = "[options]"
    longdesc = "Example: streamr routes"


class VersionOptions(usage.Options):
    """`streamr version`: print the version."""

    synopsis = ""
    longdesc = "Example: streamr version"


class CommandLine(usage.Options):
    """All commands."""

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


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point of the console script."""
    line = CommandLine()
    try:
        line.parseOptions(sys.argv[1:] if arguments is None else arguments)
    except usage.UsageError as error:
        give_up(2, [str(error)])
    options: Any = line.subOptions
    match line.subCommand:
        case "run":
            _run(options)
        case "demo":
            _demo(options.given(), options)
        case "check":
            found = read_settings(options.given(), needs_key=False)
            raise SystemExit(checking.check(found, print))
        case "healthcheck":
            found = read_settings(options.given(), needs_key=False)
            raise SystemExit(checking.healthcheck(found, print))
        case "cache":
            asked = options.subOptions
            wanted = {name: asked.get(name) for name in ("all", "class", "path")}
            _print_answer(asked, f"cache {options.subCommand}", wanted)
        case "routes":
            _print_answer(options, "routes", {})
        case "version":
            print(f"streamr {__version__}")


def _print_answer(options: Any, command: str, more: dict[str, Any]) -> None:
    """Ask the running daemon and print what it says."""
    directory = state_directory(read_settings(options.given(), needs_key=False))
    if directory is None:
        give_up(EX_CONFIG, ["there is no folder for state: set STREAMR_STATE_DIR"])
    try:
        print(json.dumps(control.ask(directory, command, **more), indent=2))
    except (control.NoDaemon, ValueError) as error:
        give_up(1, [str(error)])


def _run(options: RunOptions) -> None:
    flags = options.given()
    if options["demo-if-no-key"]:
        found = read_settings(flags, needs_key=False)
        if not (found.tmdb_api_key or found.tmdb_access_token):
            print(
                "There is no TMDB key, so this is the demo: a simulated TMDB with "
                f"forty titles.\n{settings.HOW_TO_GET_A_KEY}\n",
                flush=True,
            )
            return _demo(flags, DemoOptions())
    from twisted.internet import reactor

    return _serve(start_up(read_settings(flags), reactor), reactor)


def _demo(flags: Mapping[str, str | None], options: DemoOptions) -> None:
    """Both servers over the simulator: real TLS on loopback, with a CA of its own."""
    from twisted.internet import reactor

    from streamr.simulator.host import SMALL
    from streamr.simulator.service import SimulatorService

    with tempfile.TemporaryDirectory(prefix="streamr-demo-") as directory:
        key = secrets.token_hex(16)
        simulator = SimulatorService(
            reactor,
            Path(directory),
            keys=frozenset({key}),
            control_port=int(options.get("control-port") or 0),
            seed=int(options.get("seed") or 0),
            latency=SMALL,
        )
        simulator.startService()
        try:
            for expression in options.faults:
                host, equals, fault = expression.partition("=")
                known = equals and "." in host
                simulator.set_fault(
                    host if known else "*", fault if known else expression
                )
        except ValueError as error:
            give_up(EX_CONFIG, [f"--fault: {error}"])
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("TMDB_ACCESS_TOKEN")
            },
            "TMDB_API_KEY": key,
            "TMDB_PINS": simulator.pins,
            "TMDB_CA_FILE": str(simulator.ca_file),
            "STREAMR_ENVIRONMENT": "demo",
            "STREAMR_STATE_DIR": directory,
        }
        daemon = start_up(
            read_settings(flags, environment), reactor, _made_demo(simulator)
        )
        # "during" comes when the daemon, stopped "before", has let its requests finish
        reactor.addSystemEventTrigger("during", "shutdown", simulator.stopService)
        _serve(daemon, reactor, f"faults: {simulator.control_url}")


def _made_demo(simulator: SimulatorService) -> Demo:
    """The simulator's switches, as the web may reach them."""
    from streamr.simulator.faults import KINDS

    return Demo(
        simulator.faults,
        {name: kind.says for name, kind in KINDS.items()},
        simulator.strike,
        simulator.gallery.draw,
    )


def _serve(daemon: Daemon, reactor: Any, more: str = "") -> None:
    """Run until Ctrl-C or SIGTERM, and say when both servers answer."""
    from twisted.logger import globalLogBeginner

    globalLogBeginner.beginLoggingTo([log_observer()], redirectStandardIO=False)
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.callWhenRunning(_announce, daemon, reactor, more)
    reactor.run()


def _announce(daemon: Daemon, reactor: Any, more: str) -> None:
    waiting = checking.until_healthy(
        reactor, {name: server.url for name, server in daemon.servers.items()}
    )
    waiting.addCallbacks(
        lambda _healthy: print(_welcome(daemon, more), flush=True),
        lambda failure: print(f"streamr: {failure.value}", file=sys.stderr, flush=True),
    )


def _welcome(daemon: Daemon, more: str) -> str:
    """The two URLs and three lines to try."""
    lines = [f"\nstreamr {__version__} answers"]
    lines += [f"  {name:<6} {server.url}" for name, server in daemon.servers.items()]
    main_server = daemon.servers.get("main")
    if main_server is not None:
        lines += ["Try:", *(f"  curl -s '{main_server.url}{p}'" for p in CURL_LINES)]
    if more:
        lines.append(more)
    return "\n".join([*lines, "Ctrl-C stops.\n"])
