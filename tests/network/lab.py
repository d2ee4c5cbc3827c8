"""The lab: a home behind a router that does what a network of `networks.py` does, and
TMDB, resolvers, proxies and a friend's streamr on an internet of its own.

    with Lab("portal+socks") as lab:
        lab.streamr()
        replies = lab.ask(lab.paths.fresh(20))

Nothing leaves the namespaces, and nothing of them is left at the end.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.paths import Paths
from tests.network import callers, configurations, given, oracle, places
from tests.network.callers import PATIENCE, Reply
from tests.network.namespaces import HOME, INTERNET, ROUTER, Namespaces
from tests.network.networks import BY_NAME, Network
from tests.network.oracle import Route
from tests.processes import STREAMR, Process, wait_until

PYTHON = str(Path(STREAMR).with_name("python"))
Json = dict[str, Any]
# what curl does without options
DIRECT = Route()


class Lab:
    """All of it, for as long as the context lasts."""

    def __init__(self, network: Network | str = "healthy") -> None:
        """Nothing is made before the context begins."""
        self.network = known(network)
        self.paths = Paths()
        self.daemon: Process | None = None
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        try:
            self._open()
            self.become(self.network)
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()

    def _open(self) -> None:
        made = tempfile.TemporaryDirectory(prefix="streamr-lab-")
        self.directory = Path(self._closing.enter_context(made))
        # tinyproxy and unbound may drop their privileges
        self.directory.chmod(0o755)
        self.spaces = Namespaces(self.directory)
        self._closing.callback(self.spaces.remove)
        self.ca_file = self.directory / "simulator-ca.pem"
        begun = [
            self.start(INTERNET, PYTHON, "-m", "tests.network.tmdb", self.directory),
            self.start(ROUTER, PYTHON, "-m", "tests.network.box"),
        ]
        for each in begun:
            each.wait_for("^listening$")
        self._serve()
        self.callers = callers.Callers(partial(self.spaces.enter, HOME))
        self._closing.callback(self.callers.close)

    def _serve(self) -> None:
        """Resolvers, proxies and the friend, on the internet."""
        unbound = self.directory / "unbound.conf"
        unbound.write_text(configurations.unbound(self.directory))
        tinyproxy = self.directory / "tinyproxy.conf"
        tinyproxy.write_text(configurations.TINYPROXY)
        self.start(INTERNET, "unbound", "-d", "-c", unbound)
        self.start(INTERNET, "tinyproxy", "-d", "-c", tinyproxy)
        self.start(INTERNET, "microsocks", *configurations.MICROSOCKS)
        self._befriend()
        for place in configurations.LISTENING:
            wait_until(partial(self._listens, place))

    def _befriend(self) -> None:
        """A friend's streamr, set up by nothing but what `streamr peer new` prints."""
        new = [STREAMR, "peer", "new", "--dir", str(self.directory / "friend")]
        printed = subprocess.run(
            new,
            env=callers.clean(self.keys),
            capture_output=True,
            text=True,
            check=True,
        )
        theirs, self.peer = configurations.peer(printed.stdout)
        settings = {**self.keys, **theirs, "STREAMR_ONLY": "proxy"}
        self.friend = self.start(INTERNET, STREAMR, "run", environment=settings)
        self.friend.wait_for("proxy server listens on")

    def start(
        self,
        place: str,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """A program in a namespace, ended with the lab."""
        command = self.spaces.command(place, [str(each) for each in arguments])
        begun = Process(command, environment, directory=self.directory)
        self._closing.callback(begun.stop)
        return begun

    def _listens(self, where: tuple[str, int]) -> bool:
        self._connect(INTERNET, where).close()
        return True

    def _connect(self, place: str, where: tuple[str, int]) -> socket.socket:
        with self.spaces.inside(place):
            return socket.create_connection(where, PATIENCE)

    # -- the network ---------------------------------------------------------------

    def become(self, network: Network | str) -> None:
        """Be another network, at once. streamr goes on, if it runs."""
        self.network = made = known(network)
        rules = configurations.nft(made)
        self.spaces.run(ROUTER, "nft", "-f", "-", text=rules)
        path = [asdict(each) for each in made.path]
        names = configurations.names(made)
        self._box({"path": path, "idle": made.idle, "dns": names})
        self.spaces.rate(made.kbit)
        self.tmdb(fault=made.tmdb, reset_counts=True)

    def heal(self) -> None:
        """The same network without its fault: what was given stays."""
        given_here = self.network
        self.become("healthy")
        self.network = given_here

    def _box(self, wishes: Json) -> Json:
        line = self._connect(ROUTER, ("127.0.0.1", places.BOX_CONTROL))
        with line, line.makefile("rwb") as talk:
            talk.write(json.dumps(wishes).encode() + b"\n")
            talk.flush()
            told: Json = json.loads(talk.readline())
        return told

    def tmdb(self, **wishes: Any) -> Json:
        """Say something to the simulator, or ask it (streamr/simulator/control.py)."""
        method, body = ("POST", json.dumps(wishes)) if wishes else ("GET", None)
        line = http.client.HTTPConnection("127.0.0.1", timeout=PATIENCE)
        line.sock = self._connect(INTERNET, ("127.0.0.1", places.TMDB_CONTROL))
        with contextlib.closing(line):
            line.request(method, "/", body, {"Content-Type": "application/json"})
            told: Json = json.loads(line.getresponse().read())
        return told

    def requests(self) -> dict[str, int]:
        """How many requests reached each of TMDB's names."""
        hosts = self.tmdb()["hosts"].items()
        return {name: int(host["counts"]["requests"]) for name, host in hosts}

    def unverified(self) -> int:
        """How many requests reached somebody who is not TMDB."""
        return int(self._box({})["unverified"])

    def connected(self) -> dict[str, int]:
        """How many connections home opened to each proxy since the network began."""
        told = self.spaces.run(ROUTER, "nft", "-j", "list", "counters")
        found = [each["counter"] for each in json.loads(told)["nftables"][1:]]
        return {each["name"]: int(each["packets"]) for each in found}

    # -- what runs at home ---------------------------------------------------------

    @property
    def keys(self) -> dict[str, str]:
        """What every streamr of the lab needs to take the simulator for TMDB."""
        return {"TMDB_API_KEY": places.KEY, "TMDB_CA_FILE": str(self.ca_file)}

    def environment(self, state: str = "state", **more: str) -> dict[str, str]:
        """streamr at home with what is given, and with its defaults otherwise."""
        settings = given.settings(self.network.given, self.peer)
        folder = str(self.directory / state)
        return {**self.keys, "STREAMR_STATE_DIR": folder, **settings, **more}

    def streamr(self, state: str = "state", **more: str) -> Process:
        """A real `streamr run` at home, as soon as it listens. One at a time."""
        self.stop()
        environment = self.environment(state, **more)
        self.daemon = self.start(HOME, STREAMR, "run", environment=environment)
        self.daemon.wait_for("main server listens on")
        return self.daemon

    def stop(self) -> None:
        """End streamr, if it runs."""
        if self.daemon is not None:
            self.daemon.stop()
            self.daemon = None

    def ask(self, paths: Sequence[str], *, at_once: bool = False) -> list[Reply]:
        """Ask main for each, one after the other or all together."""
        return self.callers.ask(paths, at_once=at_once)

    def curl(
        self, paths: Iterable[str], route: Route | None = None, *, at_once: bool = False
    ) -> list[Reply]:
        """The same by plain curl, with streamr's own deadline: over this route, or the
        best that there is for TMDB's API."""
        asked = list(paths)
        chosen = route or oracle.best(self.network) or DIRECT
        commands = [
            callers.curl(each, chosen, self.ca_file, self.peer) for each in asked
        ]
        here = [self.spaces.command(HOME, each) for each in commands]
        replies = callers.run(here, at_once=at_once)
        pairs = zip(asked, replies, strict=True)
        return [replace(reply, path=path) for path, reply in pairs]

    def doctor(self, **more: str) -> Json:
        """What `streamr doctor --json` finds at home."""
        done = self.run([STREAMR, "doctor", "--json"], **more)
        try:
            told: Json = json.loads(done.stdout)
        except ValueError:
            raise RuntimeError(done.stdout + done.stderr) from None
        return told

    def run(
        self, arguments: Sequence[str], **more: str
    ) -> subprocess.CompletedProcess[str]:
        """A command at home, with streamr's settings for this network; its output."""
        return subprocess.run(
            self.spaces.command(HOME, arguments),
            env=callers.clean(self.environment(**more)),
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )


def end_on_signals() -> None:
    """Let a signal end the program by way of its contexts, so that the namespaces go.

    What a shell has put behind itself ignores Ctrl-C until it says otherwise.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def known(network: Network | str) -> Network:
    """A network by its name, or itself."""
    return BY_NAME[network] if isinstance(network, str) else network
