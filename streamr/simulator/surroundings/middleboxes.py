"""Boxes on the path: what may stand at an address in TMDB's place.

black-hole   a connection is never answered
closed       nothing listens
a fault      a server that shows the fault of this name, `none` for a sound one
"""

import socket

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTCP

from streamr.simulator.hosts.front import FrontFactory
from streamr.simulator.hosts.ports import all_done, listen, stop_listening

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

    def stop(self) -> Deferred[None]:
        """Let go of the port."""
        for one in (*self.waiting, self.listening):
            one.close()
        return succeed(None)


class Impostor:
    """A server at another address of a name's, with a fault of its own."""

    def __init__(
        self, reactor: IReactorTCP, factory: FrontFactory, address: str, port: int
    ) -> None:
        """Listen."""
        self.factory = factory
        self.port = listen(reactor, factory, port, address)

    def stop(self) -> Deferred[None]:
        """Stop listening and abort every connection."""
        self.factory.host.timers.cancel()
        return all_done(stop_listening(self.port), self.factory.abort_all())
