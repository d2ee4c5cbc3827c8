"""Boxes on the way: what may stand at an address in TMDB's place.

black-hole   a connection is never answered
closed       nothing listens
a fault      a server that shows the fault of this name, `none` for a sound one
"""

import socket
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed

from streamr.simulator.host import Host
from streamr.simulator.network.front import FrontFactory
from streamr.simulator.service import SimulatorService
from streamr.simulator.site import Lookalike, Quiet

BLACK_HOLE, CLOSED = "black-hole", "closed"
# With this many connections waiting to be accepted the kernel drops the next SYNs.
FILLING = 3


def family(address: str) -> socket.AddressFamily:
    """Of an address's text."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class BlackHole:
    """A port whose queue of connections is full: what comes now gets no answer.

    The kernel drops a SYN when the queue is full, as a filter on the path would.
    """

    def __init__(self, address: str, port: int) -> None:
        """Listen, and fill the queue."""
        self.listening = socket.socket(family(address), socket.SOCK_STREAM)
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listening.bind((address, port))
        self.listening.listen(0)
        self.waiting = []
        for _ in range(FILLING):
            one = socket.socket(family(address), socket.SOCK_STREAM)
            one.setblocking(False)
            one.connect_ex((address, port))
            self.waiting.append(one)

    def stop(self) -> Deferred[Any]:
        """Let go of the port."""
        for one in (*self.waiting, self.listening):
            one.close()
        return succeed(None)


class Impostor:
    """A server at another address of a name's, with a fault of its own."""

    def __init__(
        self,
        simulator: SimulatorService,
        name: str,
        address: str,
        port: int,
        fault: str,
    ) -> None:
        """Listen. `none` makes it one more sound address."""
        reactor = simulator.reactor
        host = Host(name, reactor, 0, None, True)
        host.set_fault(fault)
        site = Quiet(
            Lookalike(host, simulator.world, simulator.keys, simulator.gallery),
            reactor=reactor,
        )
        self.factory = FrontFactory(host, simulator.vault, site, reactor)
        if fault == "none":
            self.factory.edge = simulator.doors[name].factory.edge
        self.port = reactor.listenTCP(port, self.factory, interface=address)

    def stop(self) -> Deferred[Any]:
        """Stop listening and abort every connection."""
        stopping = maybeDeferred(self.port.stopListening)
        self.factory.host.timers.cancel()
        return gatherResults([stopping, self.factory.abort_all()])


def put_up(
    simulator: SimulatorService, name: str, address: str, port: int, kind: str
) -> BlackHole | Impostor | None:
    """The box of a kind; None for one that is not there."""
    if kind == CLOSED:
        return None
    if kind == BLACK_HOLE:
        return BlackHole(address, port)
    return Impostor(simulator, name, address, port, kind)
