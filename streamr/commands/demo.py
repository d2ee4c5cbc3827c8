"""`streamr demo`: both servers over a simulated TMDB."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from twisted.internet.error import CannotListenError
from twisted.python import usage

from streamr import parsing
from streamr.commands.serving import serve
from streamr.service import EX_CONFIG, Options, give_up, read_settings, start_up
from streamr.web.demo import Demo

if TYPE_CHECKING:
    from streamr.simulator.service import SimulatorService


NUMBERS: tuple[tuple[str, Callable[[str], int], str], ...] = (
    ("control-port", parsing.port, "0 to 65535"),
    ("seed", parsing.number(0, 999_999_999), "0 to 999999999"),
)


class DemoOptions(Options):
    """`streamr demo`: both servers over a simulated TMDB."""

    synopsis = "[options]"
    about = (
        "Both servers over a simulated TMDB on loopback; no key and no network needed."
    )
    example = "streamr demo --fault api.themoviedb.org=reset-after-hello"
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

    def postOptions(self) -> None:
        super().postOptions()
        for name, read, allowed in NUMBERS:
            try:
                self[name] = read(self[name])
            except ValueError:
                raise usage.UsageError(
                    f"--{name} cannot be {self[name]!r}; allowed: {allowed}"
                ) from None

    def perform(self) -> int:
        """Serve until Ctrl-C or SIGTERM."""
        return self.serve(self.given())

    def serve(self, flags: Mapping[str, str | None]) -> int:
        """Both servers over the simulator: real TLS on loopback, with a CA of its own.

        `flags` are the settings' flags by name: those of `run`, when it has no key.
        """
        from twisted.internet import reactor

        from streamr.simulator.host import SMALL
        from streamr.simulator.service import SimulatorService

        with tempfile.TemporaryDirectory(prefix="streamr-demo-") as directory:
            key = secrets.token_hex(16)
            simulator = SimulatorService(
                reactor,
                Path(directory),
                keys=frozenset({key}),
                control_port=int(self["control-port"]),
                seed=int(self["seed"]),
                latency=SMALL,
            )
            try:
                simulator.startService()
            except CannotListenError as error:
                give_up(1, [f"{error.socketError}: choose another --control-port"])
            self._break(simulator)
            environment = {
                **_without_credentials(os.environ),
                "TMDB_API_KEY": key,
                "TMDB_PINS": simulator.pins,
                "TMDB_CA_FILE": str(simulator.ca_file),
                "STREAMR_ENVIRONMENT": "demo",
                "STREAMR_STATE_DIR": directory,
            }
            found = read_settings(flags, environment)
            daemon = start_up(found, reactor, _made_demo(simulator))
            # "during" comes when the daemon, stopped "before", has let its requests end
            reactor.addSystemEventTrigger("during", "shutdown", simulator.stopService)
            more = (
                f"faults: {simulator.control_url}\n"
                f"ask it: streamr routes --state-dir {found.state_dir}"
            )
            return serve(daemon, reactor, more)

    def _break(self, simulator: SimulatorService) -> None:
        """Set the faults of the command line."""
        try:
            for expression in self.faults:
                host, equals, fault = expression.partition("=")
                known = equals and "." in host
                simulator.set_fault(
                    host if known else "*", fault if known else expression
                )
        except ValueError as error:
            give_up(EX_CONFIG, [f"--fault: {error}"])


def _made_demo(simulator: SimulatorService) -> Demo:
    """The simulator's switches, as the web may reach them."""
    from streamr.simulator.faults import KINDS

    return Demo(
        simulator.faults,
        {name: kind.says for name, kind in KINDS.items()},
        simulator.strike,
        simulator.gallery.draw,
    )


def _without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the machine's own key or token, or a file of one."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("TMDB_API_KEY", "TMDB_ACCESS_TOKEN"))
    }
