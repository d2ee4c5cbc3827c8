"""Ports on loopback, and a door: a port that can close and come back."""

import socket
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorTCP
from twisted.internet.protocol import ServerFactory

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
Served = TypeVar("Served", bound=IProtocolFactory)


def listen(
    reactor: IReactorTCP,
    factory: IProtocolFactory,
    number: int = 0,
    address: str = LOOPBACK,
) -> IListeningPort:
    """Listen; 0 lets the system choose the number."""
    # Twisted's annotation names one class; the reactor takes any IProtocolFactory
    served = cast("ServerFactory", factory)
    return reactor.listenTCP(number, served, BACKLOG, address)


def number_of(port: IListeningPort) -> int:
    """The number that a TCP or UDP port has, or got."""
    place = port.getHost()
    assert isinstance(place, IPv4Address | IPv6Address), place
    return place.port


def stop_listening(port: IListeningPort) -> Deferred[None]:
    """Stop listening; fires when the port is free."""
    return maybeDeferred(lambda: port.stopListening() or succeed(None))


def all_done(*parts: Deferred[Any]) -> Deferred[None]:
    """Fires when each of them has, whatever with."""
    return gatherResults(parts).addCallback(lambda results: None)


class Held(Protocol):
    """A number that is given to nobody else."""

    def close(self) -> None:
        """Give it back."""


def hold(number: int) -> Held | None:
    """Have the system give a number to nobody who leaves the choice to it.

    Connections to it are refused, and who asks for this number gets it. None when
    somebody has it already.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((LOOPBACK, number))
    except OSError:
        held.close()
        return None
    return held


class Door(Generic[Served]):
    """A listening port that can close and come back under the same number."""

    def __init__(
        self,
        reactor: IReactorTCP,
        factory: Served,
        number: int,
        hold: Callable[[int], Held | None] = hold,
    ) -> None:
        """Stay closed for now. `hold` keeps its number while it is closed."""
        self.reactor = reactor
        self.factory = factory
        self.number = number
        self.hold = hold
        self.wanted = False
        self.ended = False
        self.port: IListeningPort | None = None
        self.held: Held | None = None
        self.closing: Deferred[None] | None = None
        self.waiting: list[Deferred[None]] = []

    def want(self, wanted: bool) -> None:
        """Open or close, now or as soon as a closing has ended."""
        self.wanted = wanted
        if self.closing is not None:
            return
        if wanted and self.port is None:
            self.port = listen(self.reactor, self.factory, self.number)
            self.number = number_of(self.port)
            self.let_go()
        elif not wanted and self.port is not None:
            port, self.port = self.port, None
            self.closing = stop_listening(port)
            self.closing.addCallback(self.closed)

    def closed(self, ignored: object) -> None:
        """The port is closed; it may be wanted again by now."""
        self.closing = None
        if not self.ended:
            self.held = self.hold(self.number)
        waiting, self.waiting = self.waiting, []
        try:
            self.want(self.wanted)
        finally:
            for deferred in waiting:
                deferred.callback(None)

    def let_go(self) -> None:
        """Its number may be anybody's."""
        if self.held is not None:
            self.held.close()
            self.held = None

    def end(self) -> Deferred[None]:
        """Close for good; fires when its number is free."""
        self.ended = True
        self.want(False)
        self.let_go()
        return self.settled()

    def settled(self) -> Deferred[None]:
        """Fires when nothing is closing any more."""
        if self.closing is None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self.waiting.append(done)
        return done
