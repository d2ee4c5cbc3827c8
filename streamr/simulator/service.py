"""The simulator as a Twisted service: one TLS port per host name, and the switches."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTCP, IReactorTime
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from streamr.simulator.control import Control
from streamr.simulator.faults.http import make_ready
from streamr.simulator.faults.table import (
    API,
    KINDS,
    PICTURES,
    fitting,
    parse,
    strangers,
)
from streamr.simulator.hosts.api import Lookalike
from streamr.simulator.hosts.certificates import Vault
from streamr.simulator.hosts.counts import Json
from streamr.simulator.hosts.front import FrontFactory
from streamr.simulator.hosts.host import Host, Latency
from streamr.simulator.hosts.pictures import PictureHost
from streamr.simulator.hosts.ports import LOOPBACK, Door, all_done
from streamr.simulator.hosts.site import Answering, Quiet
from streamr.simulator.hosts.studio import Studio
from streamr.simulator.pictures.gallery import Gallery
from streamr.simulator.tmdb import images
from streamr.simulator.tmdb.world import load

API_HOSTS = ("api.themoviedb.org", "api.tmdb.org")
HOSTS = (*API_HOSTS, images.HOST)


class SimulatorService(Service):
    """A TMDB lookalike on loopback that can misbehave per host name."""

    def __init__(
        self,
        reactor: IReactorTCP,
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
        self.reactor = reactor
        self.clock = IReactorTime(reactor)
        self.ca_file = Path(directory) / "simulator-ca.pem"
        self.keys = keys
        self.ports = dict(ports or {})
        self.control_port = control_port
        self.control_url: str | None = None
        self.world = load()
        self.gallery = Gallery(self.world)
        self.studio = Studio(self.gallery, self.clock)
        self.hosts = {
            name: Host(name, self.clock, seed, latency, keep_alive) for name in hosts
        }
        self.vault = Vault()
        self.doors: dict[str, Door[FrontFactory]] = {}
        self.control_door: Door[WrappingFactory[ProtocolWrapper]] | None = None

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
        """What serves a host: this world, or its pictures, over TLS."""
        site = Quiet(self.answering(host), reactor=self.reactor)
        return FrontFactory(host, self.vault, site, self.clock)

    def answering(self, host: Host) -> Answering:
        """Who answers for a host, by its name."""
        if served_by(host.name) == PICTURES:
            return PictureHost(host, self.studio)
        return Lookalike(host, self.world, self.keys)

    def impostor(self, name: str, expression: str) -> FrontFactory:
        """What serves a name at an address that is not TMDB's own, with a fault of its
        own. `none` makes it one more sound server of TMDB's CDN."""
        host = Host(name, self.clock, 0, None, True)
        host.set_fault(expression)
        front = self.front(host)
        if expression == "none":
            front.edge = self.doors[name].factory.edge
        return front

    def open_control(self, number: int) -> None:
        """Listen for control requests."""
        site = Quiet(Control(self), reactor=self.reactor)
        control: WrappingFactory[ProtocolWrapper] = WrappingFactory(site)
        control.noisy = False
        self.control_door = Door(self.reactor, control, number)
        self.control_door.want(True)
        self.control_url = f"http://{LOOPBACK}:{self.control_door.number}/"

    def stopService(self) -> Deferred[None]:
        """Close every port, abort every connection, leave no delayed call."""
        super().stopService()
        ending = []
        if self.control_door is not None:
            for connection in list(self.control_door.factory.protocols):
                connection.transport.abortConnection()
            ending.append(self.control_door.end())
        for door in self.doors.values():
            ending += [door.factory.abort_all(), door.end()]
        for host in self.hosts.values():
            host.timers.cancel()
        self.studio.timers.cancel()
        return all_done(*ending)

    def chosen(self, host: str) -> Iterator[Host]:
        """The host of a name, or all for `*`."""
        check_host(host, self.hosts)
        return iter(self.hosts.values() if host == "*" else [self.hosts[host]])

    def set_fault(self, host: str, expression: str) -> None:
        """Replace a host's fault expression; `none` clears it. For `*`, each host gets
        the faults that make sense there. Raises ValueError."""
        check_fault(host, expression, self.hosts)
        for fault in parse(expression):
            make_ready(fault)
        for one in self.chosen(host):
            one.set_fault(fitting(expression, served_by(one.name)))
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

    def settled(self) -> Deferred[None]:
        """Fires when every port is as open or closed as the faults want it."""
        return all_done(*(door.settled() for door in self.doors.values()))

    def counts(self, host: str) -> Json:
        """What one host saw."""
        return next(self.chosen(host)).ledger.as_dict()

    def reset_counts(self) -> None:
        """Forget what was counted, on every host."""
        for one in self.hosts.values():
            one.ledger.reset()

    def status(self) -> Json:
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
        raise ValueError(f"There is no host {name!r}; allowed: {', '.join(allowed)}.")


def served_by(name: str) -> str:
    """What a host serves: PICTURES or API."""
    return PICTURES if name == images.HOST else API


def check_fault(host: str, expression: str, known: Iterable[str] = HOSTS) -> None:
    """Raises ValueError for a host that there is not, a fault that there is not, and a
    fault that makes no sense at that host."""
    check_host(host, known)
    parse(expression)
    strange = [] if host == "*" else strangers(expression, served_by(host))
    if strange:
        serves = served_by(host)
        allowed = [name for name, kind in KINDS.items() if serves in kind.hosts]
        raise ValueError(
            f"{host} serves {'JSON' if serves == API else serves}, and {strange[0]!r} "
            f"is no fault of that; allowed: {', '.join(['none', *allowed])}."
        )


def host_status(host: Host) -> Json:
    """One host's switches and counts."""
    return {
        "fault": host.expression,
        "keep_alive": host.keep_alive,
        "counts": host.ledger.as_dict(),
    }
