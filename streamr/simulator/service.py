"""The simulator as a Twisted service: one TLS port per host name, and the switches."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.protocols.policies import WrappingFactory

from streamr.simulator.control import Control
from streamr.simulator.faults.http import make_ready
from streamr.simulator.faults.table import parse
from streamr.simulator.hosts.certificates import Vault
from streamr.simulator.hosts.front import FrontFactory
from streamr.simulator.hosts.host import Host, Latency
from streamr.simulator.hosts.site import Lookalike, Quiet
from streamr.simulator.pictures.gallery import Gallery
from streamr.simulator.tmdb.world import load

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
HOSTS = ("api.themoviedb.org", "api.tmdb.org")


class Door:
    """A listening port that can close and come back under the same number."""

    def __init__(self, reactor: Any, factory: Any, number: int) -> None:
        """Stay closed for now."""
        self.reactor = reactor
        self.factory = factory
        self.number = number
        self.wanted = False
        self.port: Any = None
        self.closing: Deferred[None] | None = None
        self.waiting: list[Deferred[None]] = []

    def want(self, wanted: bool) -> None:
        """Open or close, now or as soon as a closing has ended."""
        self.wanted = wanted
        if self.closing is not None:
            return
        if wanted and self.port is None:
            self.port = self.reactor.listenTCP(
                self.number, self.factory, BACKLOG, LOOPBACK
            )
            self.number = self.port.getHost().port
        elif not wanted and self.port is not None:
            port, self.port = self.port, None
            self.closing = maybeDeferred(port.stopListening)
            self.closing.addCallback(self.closed)

    def closed(self, ignored: object) -> None:
        """The port is closed; it may be wanted again by now."""
        self.closing = None
        waiting, self.waiting = self.waiting, []
        try:
            self.want(self.wanted)
        finally:
            for deferred in waiting:
                deferred.callback(None)

    def settled(self) -> Deferred[None]:
        """Fires when nothing is closing any more."""
        if self.closing is None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self.waiting.append(done)
        return done


class SimulatorService(Service):
    """A TMDB lookalike on loopback that can misbehave per host name."""

    def __init__(
        self,
        clock_reactor: Any,
        directory: Path,
        *,
        keys: frozenset[str],
        hosts: tuple[str, ...] = HOSTS,
        ports: Mapping[str, int] | None = None,
        control_port: int | None = None,
        seed: int = 0,
        latency: Latency | None = None,
        keep_alive: bool = True,
    ) -> None:
        """Answer to these keys. Ports not named are chosen by the system."""
        self.reactor = clock_reactor
        self.ca_file = Path(directory) / "simulator-ca.pem"
        self.keys = keys
        self.ports = dict(ports or {})
        self.control_port = control_port
        self.control_url: str | None = None
        self.world = load()
        self.gallery = Gallery(self.world)
        self.hosts = {
            name: Host(name, clock_reactor, seed, latency, keep_alive) for name in hosts
        }
        self.vault = Vault()
        self.doors: dict[str, Door] = {}
        self.control: WrappingFactory[Any] | None = None
        self.control_door: Door | None = None

    @property
    def pins(self) -> str:
        """Which name is to be found at which address and port."""
        places = ((name, door.number) for name, door in self.doors.items())
        return ",".join(f"{name}={LOOPBACK}:{port}" for name, port in places)

    def startService(self) -> None:
        """Make the certificates, write the authority's, listen."""
        super().startService()
        self.ca_file.parent.mkdir(parents=True, exist_ok=True)
        self.ca_file.write_bytes(self.vault.authority.pem)
        for name, host in self.hosts.items():
            factory = self.front(host)
            self.doors[name] = Door(self.reactor, factory, self.ports.get(name, 0))
        edge = {name: door.factory for name, door in self.doors.items()}
        for name, door in self.doors.items():
            door.factory.edge = edge
            door.want(True)
            door.want(not self.hosts[name].refusing)
        if self.control_port is not None:
            self.open_control(self.control_port)

    def front(self, host: Host) -> FrontFactory:
        """What serves a host: this world over TLS."""
        resource = Lookalike(host, self.world, self.keys, self.gallery)
        site = Quiet(resource, reactor=self.reactor)
        return FrontFactory(host, self.vault, site, self.reactor)

    def impostor(self, name: str, expression: str) -> FrontFactory:
        """What serves a name at an address that is not TMDB's own, with a fault of its
        own. `none` makes it one more sound server of TMDB's CDN."""
        host = Host(name, self.reactor, 0, None, True)
        host.set_fault(expression)
        front = self.front(host)
        if expression == "none":
            front.edge = self.doors[name].factory.edge
        return front

    def open_control(self, number: int) -> None:
        """Listen for control requests."""
        site = Quiet(Control(self), reactor=self.reactor)
        self.control = WrappingFactory(site)
        self.control.noisy = False
        self.control_door = Door(self.reactor, self.control, number)
        self.control_door.want(True)
        self.control_url = f"http://{LOOPBACK}:{self.control_door.number}/"

    def stopService(self) -> Deferred[Any]:
        """Close every port, abort every connection, leave no delayed call."""
        super().stopService()
        doors = list(self.doors.values())
        if self.control_door is not None and self.control is not None:
            doors.append(self.control_door)
            for connection in list(self.control.protocols):
                connection.transport.abortConnection()
        for door in doors:
            door.want(False)
        for host in self.hosts.values():
            host.timers.cancel()
        aborted = [door.factory.abort_all() for door in self.doors.values()]
        return gatherResults([*aborted, *(door.settled() for door in doors)])

    def chosen(self, host: str) -> Iterator[Host]:
        """The host of a name, or all for `*`."""
        check_host(host, self.hosts)
        return iter(self.hosts.values() if host == "*" else [self.hosts[host]])

    def set_fault(self, host: str, expression: str) -> None:
        """Replace a host's fault expression; `none` clears it."""
        for fault in parse(expression):
            make_ready(fault)
        for one in self.chosen(host):
            one.set_fault(expression)
            if one.name in self.doors and self.running:
                self.doors[one.name].want(not one.refusing)

    def strike(self, host: str, expression: str) -> None:
        """Replace a host's fault expression, and let its connections meet it.

        A fault of the handshake would not show while old connections live on.
        """
        self.set_fault(host, expression)
        for one in self.chosen(host):
            if one.faults and one.name in self.doors:
                self.doors[one.name].factory.abort_all()

    def faults(self) -> dict[str, str]:
        """Each host's fault expression."""
        return {name: host.expression for name, host in self.hosts.items()}

    def set_keep_alive(self, host: str, keep_alive: bool) -> None:
        """Let connections stay open between requests, or close each."""
        for one in self.chosen(host):
            one.keep_alive = keep_alive

    def settled(self) -> Deferred[Any]:
        """Fires when every port is as open or closed as the faults want it."""
        return gatherResults([door.settled() for door in self.doors.values()])

    def counts(self, host: str) -> dict[str, Any]:
        """What one host saw."""
        return next(self.chosen(host)).ledger.as_dict()

    def reset_counts(self) -> None:
        """Forget what was counted, on every host."""
        for one in self.hosts.values():
            one.ledger.reset()

    def status(self) -> dict[str, Any]:
        """All hosts with their faults and counts."""
        return {
            "ca_file": str(self.ca_file),
            "pins": self.pins,
            "hosts": {name: host_status(one) for name, one in self.hosts.items()},
        }


def check_host(name: str, known: Iterable[str] = HOSTS) -> None:
    """Raises ValueError for a host that there is not; `*` stands for all."""
    allowed = ["*", *known]
    if name not in allowed:
        raise ValueError(
            f"There is no host {name!r}. Allowed are: {', '.join(allowed)}."
        )


def host_status(host: Host) -> dict[str, Any]:
    """One host's switches and counts."""
    return {
        "fault": host.expression,
        "keep_alive": host.keep_alive,
        "counts": host.ledger.as_dict(),
    }
