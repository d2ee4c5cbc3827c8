"""What stands on the way in the lab's router: a middlebox, and the provider's resolver.

    python -m tests.network.box

The router sends it every connection to TMDB's port 443. It reads the ClientHello, and
lets the first rule that fits decide; without one the connection goes on to where it was
meant for. It is told its rules as lines of JSON on a port of the router's own, and
answers each with its counts.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as the_reactor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.names import dns
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from streamr.simulator.faults.client_hello import Hello, NotTls, read_hello
from streamr.simulator.faults.table import HELLO, SimulatedFault
from streamr.simulator.hosts.front import BLOCK_PAGE, Front, FrontFactory
from streamr.simulator.hosts.ports import listen
from streamr.simulator.hosts.site import Quiet
from streamr.simulator.service import SimulatorService
from streamr.simulator.surroundings.dns import Factory as NamesFactory
from streamr.simulator.surroundings.dns import Said
from tests.network import places
from tests.network.networks import Rule

reactor = cast("Any", the_reactor)
# of <linux/netfilter_ipv4.h>, and the same number for IPv6
ORIGINAL_DESTINATION = 80
TTL = 60
Json = dict[str, Any]


class Box:
    """The rules in force, who plays TMDB's part, and what they have seen."""

    def __init__(self) -> None:
        self.stranger = SimulatorService(reactor, Path(), keys=frozenset())
        self.said = Provider({})
        self.connections: set[Watched] = set()
        self.rules: list[Rule] = []
        self.idle: float | None = None
        self.parts: dict[tuple[int, str], FrontFactory] = {}
        self.pages = 0
        self.questions = 0
        self.block_page = self.stranger.impostor("block.example", "cert-self-signed")

    def become(self, wishes: Json) -> Json:
        """Other rules from now on; what stands is cut, as when a network changes."""
        self.rules = [Rule(**each) for each in wishes["path"]]
        self.idle = wishes["idle"]
        self.said.answers = wishes["dns"]
        for each in list(self.connections):
            each.cut()
        for factory in self.parts.values():
            self.pages += factory.host.ledger.requests
        self.parts.clear()
        return self.counts()

    def counts(self) -> Json:
        """How many requests came to somebody who is not TMDB."""
        everybody = [*self.parts.values(), self.block_page]
        known = sum(each.host.ledger.requests for each in everybody)
        return {"unverified": known + self.pages, "questions": self.said.asked}

    def part(self, number: int, name: str) -> FrontFactory:
        """Who plays a name's part under a rule, with its own dice."""
        key = (number, name)
        if key not in self.parts:
            fault = self.rules[number].fault
            self.parts[key] = self.stranger.impostor(name, fault)
        return self.parts[key]

    def decide(
        self, hello: Hello, address: str
    ) -> tuple[FrontFactory, SimulatedFault] | None:
        """Who answers instead of TMDB, and how; None lets it pass."""
        name = hello.server_name
        for number, rule in enumerate(self.rules):
            if rule.fits(name, address):
                factory = self.part(number, name or "unnamed.invalid")
                fault = factory.host.strike(HELLO, hello)
                if fault is not None:
                    return factory, fault
        return None


class Watched(Protocol):
    """A connection from home: its hello first, then the way on, or somebody's part."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.collected = b""
        self.front: Front | None = None
        self.onward: Onward | None = None
        self.last = 0.0

    @property
    def tcp(self) -> ITCPTransport:
        return cast("ITCPTransport", self.transport)

    def connectionMade(self) -> None:
        self.box.connections.add(self)
        self.tcp.setTcpNoDelay(True)
        self.meant_for = destination(cast("Any", self.transport).getHandle())

    def dataReceived(self, data: bytes) -> None:
        now = reactor.seconds()
        stale = (
            self.box.idle is not None and self.last and now - self.last > self.box.idle
        )
        self.last = now
        if stale:
            self.cut()
        elif self.front is not None:
            self.front.dataReceived(data)
        elif self.onward is not None:
            self.onward.send(data)
        else:
            self.collected += data
            self.look()

    def look(self) -> None:
        """Decide, once the hello is whole; what is not TLS goes on."""
        try:
            hello = read_hello(self.collected)
        except NotTls:
            self.go_on()
            return
        if hello is None:
            return
        decided = self.box.decide(hello, self.meant_for[0])
        if decided is None:
            self.go_on()
        else:
            self.play(*decided)

    def play(self, factory: FrontFactory, fault: SimulatedFault) -> None:
        """Somebody else answers."""
        self.front = Front(factory)
        self.front.makeConnection(self.tcp)
        if fault.name.startswith("cert-"):
            self.front.collected = self.collected
            self.front.hand_on(fault.name)
        else:
            self.front.strike(fault)

    def go_on(self) -> None:
        """To where it was meant for."""
        self.onward = Onward(self)
        reactor.connectTCP(*self.meant_for, Going(self.onward))
        self.onward.send(self.collected)

    def cut(self) -> None:
        """An RST to both."""
        self.tcp.abortConnection()
        if self.onward is not None:
            self.onward.cut()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.box.connections.discard(self)
        if self.front is not None:
            self.front.connectionLost(reason)
        if self.onward is not None:
            self.onward.finish()


class Onward(Protocol):
    """The other half of a connection that passes."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.waiting = b""
        self.over = False

    def connectionMade(self) -> None:
        assert self.transport is not None
        tcp = cast("ITCPTransport", self.transport)
        tcp.setTcpNoDelay(True)
        if self.over:
            tcp.abortConnection()
            return
        # each side is read as fast as the other takes it
        self.watched.tcp.registerProducer(cast("Any", self.transport), True)
        self.transport.registerProducer(cast("Any", self.watched.transport), True)
        self.transport.write(self.waiting)

    def send(self, data: bytes) -> None:
        """Now, or as soon as it is connected."""
        if self.transport is None:
            self.waiting += data
        else:
            self.transport.write(data)

    def dataReceived(self, data: bytes) -> None:
        self.watched.last = reactor.seconds()
        self.watched.tcp.write(data)

    def finish(self) -> None:
        """The other side has gone."""
        self.over = True
        if self.transport is not None:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def cut(self) -> None:
        """An RST."""
        self.over = True
        if self.transport is not None:
            cast("ITCPTransport", self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over = True
        self.watched.tcp.unregisterProducer()
        if reason.check(ConnectionDone) is None:
            self.watched.tcp.abortConnection()
        else:
            self.watched.tcp.loseConnection()


class Going(ClientFactory):
    """Connects what goes on; where nobody answers, the connection from home is cut."""

    noisy = False

    def __init__(self, onward: Onward) -> None:
        self.onward = onward

    def buildProtocol(self, addr: Any) -> Onward:
        return self.onward

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.onward.watched.cut()


def destination(handle: socket.socket) -> tuple[str, int]:
    """Where a connection was going when the router sent it here."""
    if handle.family == socket.AF_INET6:
        raw = handle.getsockopt(socket.IPPROTO_IPV6, ORIGINAL_DESTINATION, 28)
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack(
            "!H", raw[2:4]
        )[0]
    raw = handle.getsockopt(socket.IPPROTO_IP, ORIGINAL_DESTINATION, 16)
    return socket.inet_ntop(socket.AF_INET, raw[4:8]), struct.unpack("!H", raw[2:4])[0]


class Provider(Said):
    """Answers with a lifetime, and counts the questions."""

    asked = 0

    def query(self, query: dns.Query, timeout: Any = ()) -> Any:
        self.asked += 1
        return super().query(query, timeout)

    def record(self, name: str, address: str) -> dns.RRHeader:
        made = super().record(name, address)
        made.ttl = TTL
        return made


class BlockPage(Resource):
    """Any path."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return BLOCK_PAGE


class Told(LineReceiver):
    """One line of JSON: the rules; or an empty object, to hear the counts."""

    delimiter = b"\n"
    MAX_LENGTH = 1_000_000

    def __init__(self, box: Box) -> None:
        self.box = box

    def lineReceived(self, line: bytes) -> None:
        wishes = json.loads(line)
        told = self.box.become(wishes) if wishes else self.box.counts()
        self.sendLine(json.dumps(told).encode())


def quiet(protocol: Any, box: Box) -> Factory:
    """A factory of protocols that know the box."""
    made = Factory.forProtocol(lambda: protocol(box))
    made.noisy = False
    return made


def main() -> None:
    """Listen, say so, run until a signal."""
    box = Box()
    for address in (places.ROUTER_V4, places.ROUTER_V6):
        listen(reactor, quiet(Watched, box), places.BOX_PORT, address)
        names = NamesFactory(clients=[box.said])
        listen(reactor, names, 53, address)
        datagrams = dns.DNSDatagramProtocol(names, reactor=reactor)
        reactor.listenUDP(53, datagrams, address)
    for address in places.BLOCK_PAGES:
        listen(reactor, box.block_page, 443, address)
        listen(reactor, Quiet(BlockPage(), reactor=reactor), 80, address)
    listen(reactor, quiet(Told, box), places.BOX_CONTROL)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    reactor.run()


if __name__ == "__main__":
    main()
