"""Racing fresh connections: where half of the handshakes are reset, a few at a time.

The connections of one race differ in nothing; the first whose handshake ends well
carries the request and is kept alive by the pool, the others are closed. So random
resets are paid once, and not by each request (at p = 0.5 all three fail once in eight).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.interfaces import Places

T = TypeVar("T")

# Three tries at once: TMDB's CDN counts connections (docs/facts/tmdb.md, "Limits on
# requests and connections"), and a fourth would gain 6 %.
RACERS = 3


@implementer(IHandshakeListener)
class _Racer(Protocol):
    """One connection of a race; the winner hands everything on to the real protocol."""

    def __init__(self, race: _Race) -> None:
        self._race = race
        self._real: Any = None

    def handshakeCompleted(self) -> None:
        self._race.secure(self)

    def adopt(self, real: Any) -> None:
        """From now on this connection is the real protocol's."""
        self._real = real
        real.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        if self._real is not None:
            self._real.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._real is not None:
            self._real.connectionLost(reason)
        else:
            self._race.lost(self, reason)


class _Race:
    """Several connections, one of which will carry the request."""

    def __init__(
        self, endpoints: list[IStreamClientEndpoint], factory: IProtocolFactory
    ) -> None:
        self._factory = factory
        self._running: list[_Racer] = []
        self._connecting: list[Deferred[IProtocol]] = []
        self._left = len(endpoints)
        self.won: Deferred[IProtocol] = Deferred(lambda _won: self._stop())
        racers = _Racers(self)
        for endpoint in endpoints:
            connecting: Deferred[IProtocol] = endpoint.connect(racers)
            self._connecting.append(connecting)
            connecting.addErrback(self._not_connected)

    def secure(self, racer: _Racer) -> None:
        """A handshake has ended well: the first one wins."""
        if self.won.called:
            racer.transport.abortConnection()  # type: ignore[union-attr]
            return
        real: Any = self._factory.buildProtocol(None)  # type: ignore[arg-type]
        self._running.remove(racer)
        racer.adopt(real)
        self.won.callback(real)
        self._stop()

    def lost(self, racer: _Racer, reason: Failure) -> None:
        """A connection has ended before it was secure."""
        if racer in self._running:
            self._running.remove(racer)
            self._one_less(reason)

    def enter(self) -> _Racer:
        """One more connection stands."""
        racer = _Racer(self)
        self._running.append(racer)
        return racer

    def _not_connected(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._one_less(failure)

    def _one_less(self, failure: Failure) -> None:
        self._left -= 1
        if self._left == 0 and not self.won.called:
            self.won.errback(failure)

    def _stop(self) -> None:
        for connecting in self._connecting:
            connecting.cancel()
        running, self._running = self._running, []
        for racer in running:
            racer.transport.abortConnection()  # type: ignore[union-attr]


class _Racers(Factory):
    """Makes the protocols of one race."""

    noisy = False

    def __init__(self, race: _Race) -> None:
        self._race = race

    def buildProtocol(self, addr: IAddress | None) -> _Racer:
        return self._race.enter()


@implementer(IStreamClientEndpoint)
class RacingEndpoint:
    """Connects several times at once and keeps the first that gets through.

    Nothing is made before a connection is needed: most requests find one kept alive.
    """

    def __init__(
        self, make: Callable[[], IStreamClientEndpoint], places: Places | None
    ) -> None:
        """`make` makes an endpoint for each of the racers, with TLS; there are as many
        as `places` grants, and one alone without."""
        self._make = make
        self._places = places

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        places = self._places
        more = places.borrow(RACERS - 1) if places is not None else 0
        if places is None or more == 0:
            return self._make().connect(protocolFactory)
        race = _Race([self._make() for _ in range(1 + more)], protocolFactory)

        def over(result: T) -> T:
            places.give_back(more)
            return result

        return race.won.addBoth(over)
