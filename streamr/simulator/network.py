"""A whole network on loopback: TMDB's lookalike, its resolver, the boxes on the path.

    {"dns": true,
     "hosts": {NAME: {"fault": FAULT, "answers": [ADDRESS, …] | "fails" | "silent",
                      "boxes": {ADDRESS: "black-hole" | "closed" | FAULT}}},
     "pins": {NAME: [ADDRESS, …]},
     "clock": SECONDS that TMDB's clock is ahead of this machine's,
     "proxies": ["works" | "fails" | "token" | "closed" | …, …]}

At 127.0.0.1 stands TMDB; a name's other addresses are boxes, at the same port. Without
`dns` the names are pinned to their `answers`. All is optional: `{}` is a sound network.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypedDict, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTCP, IReactorUDP

from streamr.simulator.hosts.host import Latency
from streamr.simulator.hosts.ports import LOOPBACK, all_done
from streamr.simulator.service import API_HOSTS, HOSTS, SimulatorService
from streamr.simulator.surroundings.dns import (
    FAILS,
    Answers,
    NameServer,
    Saying,
    lookup,
)
from streamr.simulator.surroundings.middleboxes import (
    BLACK_HOLE,
    CLOSED,
    BlackHole,
    Impostor,
)
from streamr.simulator.surroundings.remote_proxy import Vantage
from streamr.simulator.tmdb import images


class HostSpec(TypedDict, total=False):
    """What a name meets."""

    fault: str
    answers: Saying
    boxes: dict[str, str]


class Spec(TypedDict, total=False):
    """What a network is like."""

    clock: float
    dns: bool
    hosts: dict[str, HostSpec]
    pins: dict[str, list[str]]
    proxies: list[str]


class Network(Service):
    """The simulator with all that stands around it."""

    def __init__(
        self,
        reactor: IReactorTCP,
        directory: Path,
        spec: Mapping[str, object],
        *,
        keys: frozenset[str],
        control_port: int | None = None,
        seed: int = 0,
        latency: Latency | None = None,
    ) -> None:
        """Raises ValueError for a spec that makes no sense."""
        self.spec = check(spec)
        self.reactor = reactor
        self.simulator = SimulatorService(
            reactor,
            directory,
            keys=keys,
            control_port=control_port,
            seed=seed,
            latency=latency,
        )
        self.hosts = self.spec.get("hosts", {})
        for name, host in self.hosts.items():
            self.simulator.set_fault(name, host.get("fault", "none"))
        for one in self.simulator.hosts.values():
            one.ahead = float(self.spec.get("clock", 0))
        self.names: NameServer | None = None
        self.boxes: list[BlackHole | Impostor] = []
        self.proxies: list[Vantage] = []

    def startService(self) -> None:
        """Put everything up."""
        super().startService()
        self.simulator.startService()
        for name, host in self.hosts.items():
            port = self.simulator.doors[name].number
            for address, kind in host.get("boxes", {}).items():
                if kind != CLOSED:
                    self.boxes.append(self.box(name, address, port, kind))
        self.names = NameServer(IReactorUDP(self.reactor), self.table)
        for kind in self.spec.get("proxies", ()):
            self.proxies.append(Vantage(self.reactor, self.simulator.world, kind))

    def box(
        self, name: str, address: str, port: int, kind: str
    ) -> BlackHole | Impostor:
        """Put up what stands at an address in TMDB's place."""
        if kind == BLACK_HOLE:
            return BlackHole(address, port)
        front = self.simulator.impostor(name, kind)
        return Impostor(self.reactor, front, address, port)

    def stopService(self) -> Deferred[None]:
        """Take everything down."""
        super().stopService()
        parts = [*self.boxes, *self.proxies, self.names]
        # a reactor that shuts down may have closed a port itself: nothing to wait for
        stopping = [maybeDeferred(each.stop) for each in parts if each is not None]
        return all_done(self.simulator.stopService(), *stopping)

    def answers(self, name: str) -> Saying:
        """What the resolver says of a name."""
        return self.hosts.get(name, {}).get("answers", [LOOPBACK])

    @property
    def table(self) -> Answers:
        """What the resolver says of each name."""
        return {name: self.resolved(name) for name in HOSTS}

    def lookup(self, name: str) -> list[tuple[int, str]]:
        """A name's addresses as a program in this network finds them, blocking."""
        return lookup(self.table, name)

    def resolved(self, name: str) -> Saying:
        """What the resolver says: without `dns` it fails, so that nobody leaves."""
        return self.answers(name) if self.spec.get("dns") else FAILS

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead into this network."""
        found = {"TMDB_CA_FILE": str(self.simulator.ca_file)}
        if self.spec.get("dns"):
            ports = {name: door.number for name, door in self.simulator.doors.items()}
            base, *others = (f"https://{n}:{ports[n]}/3" for n in API_HOSTS)
            found["TMDB_BASE_URL"] = base
            found["TMDB_ALTERNATE_URLS"] = ",".join(others)
        pins = ",".join(self.pins())
        if pins:
            found["TMDB_PINS"] = pins
        if self.proxies:
            found["TMDB_PROXY_URL"] = ",".join(each.url for each in self.proxies)
        return found

    @property
    def pictures(self) -> str:
        """The base URL of TMDB's image host in this network."""
        # where names are looked up, no pin says which port it is
        port = self.simulator.doors[images.HOST].number
        return f"https://{images.HOST}{f':{port}' if self.spec.get('dns') else ''}"

    @property
    def dns(self) -> str:
        """Where the resolver answers, once started."""
        assert self.names is not None, "the network has not been started"
        return self.names.address

    def pins(self) -> Iterator[str]:
        """Those of the spec, or every name's answers where there is no DNS."""
        given = self.spec.get("pins", {})
        for name, door in self.simulator.doors.items():
            fixed = () if self.spec.get("dns") else self.answers(name)
            for address in given.get(name, fixed):
                where = f"[{address}]" if ":" in address else address
                yield f"{name}={where}:{door.number}"


def check(given: Mapping[str, object]) -> Spec:
    """The spec; raises ValueError for what is misspelt."""
    spec = cast("Spec", given)
    unknown = set(spec) - set(Spec.__annotations__)
    for name, host in spec.get("hosts", {}).items():
        if name not in HOSTS:
            raise ValueError(f"there is no host {name!r}; known: {', '.join(HOSTS)}")
        unknown |= set(host) - set(HostSpec.__annotations__)
    if unknown:
        raise ValueError(f"unknown names in a network: {', '.join(sorted(unknown))}")
    return spec
