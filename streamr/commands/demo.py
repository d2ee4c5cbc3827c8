"""`streamr demo`: both servers over a simulated TMDB."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from twisted.internet.error import CannotListenError

from streamr.commands.foreground import Step, Welcome, own_command, serve
from streamr.config import values
from streamr.config.settings import TABLE, Settings
from streamr.doctor.evidence import Evidence
from streamr.doctor.report import bundle, replay
from streamr.interfaces import Reactor
from streamr.service import start_up
from streamr.terminal.exits import give_up
from streamr.terminal.options import Helpful, UsageError
from streamr.terminal.running import given
from streamr.terminal.settings import SettingOptions, read_settings
from streamr.web.demo.pages import Demo

if TYPE_CHECKING:
    from streamr.simulator.network import Network
    from streamr.simulator.service import SimulatorService

NUMBERS: tuple[tuple[str, Callable[[str], int], str], ...] = (
    ("control-port", values.port, "0 to 65535"),
    ("seed", values.number(0, 999_999_999), "0 to 999999999"),
)

ABOUT = "This is the demo: a simulated TMDB with five hundred titles."
# The settings that say where TMDB is.
LEADING = frozenset(
    {
        *("TMDB_PINS", "TMDB_BASE_URL", "TMDB_ALTERNATE_URLS", "TMDB_IMAGE_BASE_URL"),
        "TMDB_PROXY_URL",
    }
)
# The ways out of this machine: nothing of the demo leaves it.
HERE = {"STREAMR_EGRESS": "direct", "STREAMR_RESOLVERS": "system"}


class DemoOptions(SettingOptions):
    """`streamr demo`: both servers over a simulated TMDB."""

    about = (
        "Runs both servers with a simulated TMDB on loopback; needs no key and no "
        "network."
    )
    example = "streamr demo --fault api.themoviedb.org=reset-after-hello"
    optParameters: ClassVar = [
        ["control-port", None, "0", "Port of the simulator's control endpoint."],
        ["seed", None, "0", "Seed of the simulator's random numbers."],
        [
            "from",
            None,
            None,
            "Behave like the network in a file from `streamr doctor --bundle`.",
        ],
    ]

    def __init__(self, parent: Helpful | None = None) -> None:
        super().__init__(parent)
        self.faults: list[tuple[str, str]] = []

    def opt_fault(self, expression: str) -> None:
        """Let the simulator misbehave: [HOST=]FAULT, see --list-faults. Repeatable."""
        from streamr.simulator.faults.table import addressed
        from streamr.simulator.service import check_fault

        host, fault = addressed(expression)
        try:
            check_fault(host, fault)
        except ValueError as error:
            raise UsageError(f"--fault: {error}") from error
        self.faults.append((host, fault))

    def opt_list_faults(self) -> None:
        """Print the faults that the simulator knows."""
        from streamr.simulator.faults.table import describe

        print(describe())
        raise SystemExit(0)

    def postOptions(self) -> None:
        super().postOptions()
        for name, read, allowed in NUMBERS:
            try:
                self[name] = read(self[name])
            except ValueError:
                raise UsageError(
                    f"{self[name]!r} is not a valid --{name}; allowed: {allowed}"
                ) from None

    def perform(self) -> int:
        """Serve until Ctrl-C or SIGTERM."""
        return self.serve(self.given())

    def serve(self, flags: Mapping[str, str | None], why: str = "") -> int:
        """Both servers over the simulator: real TLS on loopback, with a CA of its own.

        `flags` are the settings' flags by name: those of `run`, when it has no key,
        and then says so: `why`.
        """
        from twisted.internet import reactor

        seen = _seen(Path(self["from"])) if self["from"] else None
        kept = {**_kept(os.environ, seen), "TMDB_API_KEY": secrets.token_hex(16)}
        # what is wrong is said before anything listens
        quiet = _quiet(read_settings(flags, kept))
        with tempfile.TemporaryDirectory(prefix="streamr-demo-") as directory:
            network = self._network(cast(Reactor, reactor), Path(directory), seen, kept)
            environment = {
                **kept,
                **quiet,
                **network.environment,
                **HERE,
                "STREAMR_ENVIRONMENT": "demo",
                # a front end that is pointed here shows posters
                "STREAMR_IMAGES": "1",
                "TMDB_IMAGE_BASE_URL": network.pictures,
                "STREAMR_REWRITE_IMAGES": "1",
            }
            settings = read_settings(flags, environment)
            env_file = _written(Path(directory), environment, seen)
            examined = {"env_file": str(env_file), "dns": network.dns}
            demo = _made_demo(network.simulator, examined, Path(directory))
            daemon = start_up(settings, reactor, demo, network.lookup)
            # "during" comes when the daemon, stopped "before", has let its requests end
            reactor.addSystemEventTrigger("during", "shutdown", network.stopService)
            told = Welcome(
                f"{why}{ABOUT}", steps(settings, str(network.simulator.control_url))
            )
            return serve(daemon, cast(Reactor, reactor), told)

    def _network(
        self,
        reactor: Reactor,
        directory: Path,
        seen: Evidence | None,
        kept: Mapping[str, str],
    ) -> Network:
        """The simulated network, up, with the faults of the command line."""
        from streamr.simulator.hosts.host import SMALL
        from streamr.simulator.network import Network

        network = Network(
            reactor,
            directory,
            {} if seen is None else replay.network(seen),
            keys=frozenset({kept["TMDB_API_KEY"]}),
            control_port=int(self["control-port"]),
            seed=int(self["seed"]),
            latency=SMALL,
        )
        try:
            network.startService()
        except CannotListenError as error:
            give_up(1, [f"{error.socketError}: choose another --control-port"])
        for host, fault in self.faults:
            network.simulator.set_fault(host, fault)
        return network


def steps(settings: Settings, control_url: str) -> list[Step]:
    """What to do with the demo: break it, look into it, leave it."""
    streamr, where = own_command(sys.argv[0]), ""
    if given("STREAMR_STATE_DIR", settings):
        where = f" --state-dir {shlex.quote(str(settings.state_dir))}"
    return [
        ("Break TMDB", "with the buttons on that page, or watch a drill:"),
        ("", f"{streamr} check --drill{where}"),
        ("Ask it", f"{streamr} routes{where}"),
        ("", f"{streamr} cache stats{where}"),
        ("Examine it", f"{streamr} doctor{where}"),
        ("Its faults", f"{control_url} (for programs)"),
        ("The real TMDB", "put TMDB_API_KEY=<your key> into .env, and start again;"),
        ("", "a key is free: https://www.themoviedb.org/settings/api"),
    ]


def _quiet(settings: Settings) -> dict[str, str]:
    """The log of a demo has what deserves a look, unless somebody wants more of it:
    its first screen is the welcome."""
    return {} if given("STREAMR_LOG_LEVEL", settings) else {"STREAMR_LOG_LEVEL": "warn"}


def _seen(path: Path) -> Evidence:
    """What stands in the bundle of --from. Raises UsageError."""
    from streamr.simulator.network import check

    try:
        seen = bundle.read(json.loads(path.read_text(encoding="utf-8")))
        check(replay.network(seen))
    except OSError as error:
        raise UsageError(f"--from: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--from: {path}: {error}") from error
    return seen


def _made_demo(
    simulator: SimulatorService, network: Mapping[str, str], folder: Path
) -> Demo:
    """The simulator's switches, as the web may reach them."""
    from streamr.simulator.faults.table import KINDS

    return Demo(
        simulator.faults,
        {name: kind.says for name, kind in KINDS.items()},
        simulator.strike,
        network,
        folder,
    )


def _kept(environment: Mapping[str, str], seen: Evidence | None) -> dict[str, str]:
    """What of the machine's settings holds in the demo: in another's network nothing
    that leads out of it, and the family that was set there."""
    kept = _without_credentials(environment)
    if seen is None:
        return kept
    theirs = {name: text for name, text in kept.items() if name not in LEADING}
    return {**theirs, **replay.settings(seen)}


def _written(
    directory: Path, environment: Mapping[str, str], seen: Evidence | None
) -> Path:
    """The settings that lead into the demo's network, in a file for the doctor."""
    keyless = seen is not None and not seen.has_key
    found = {
        setting.name: environment[setting.name]
        for setting in TABLE
        if setting.name in environment
        and not (keyless and setting.name == "TMDB_API_KEY")
    }
    path = directory / "demo.env"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in found.items()))
    return path


def _without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the machine's own key, token or outbound proxies, or a
    file of one."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("TMDB_API_KEY", "TMDB_ACCESS_TOKEN", "STREAMR_EGRESS"))
    }
