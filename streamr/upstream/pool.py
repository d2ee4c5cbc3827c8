"""The pool of connections of one route: those that are open and have nothing to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from streamr.upstream.connection import Connection

# Many servers close idle connections after a minute, which costs a reset on the next
# request (docs/facts/tls.md, "Idle connections").
LONGEST_IDLE = 45.0
# Takes a connection that it is offered, or says no.
Taker = Callable[[Connection], bool]
# The other side has this long to agree to the end of a connection (seconds).
CLOSE_SECONDS = 3.0


class Pool:
    """Keeps connections for the next requests; the one that has waited longest goes
    first, so that all of them stay in use."""

    def __init__(self, clock: IReactorTime, most_idle: int) -> None:
        """Every connection that may be in use at once is kept: with six of 16, one miss
        in eight paid for a new handshake (docs/facts/performance.md, "Idle
        connections")."""
        self._clock = clock
        self._most_idle = most_idle
        # since when each is idle; in the order of these times
        self._idle: dict[Connection, float] = {}
        self._timer: IDelayedCall | None = None
        # who connects, and would rather have one that becomes idle
        self._wanting: dict[Taker, bytes] = {}

    def take(self, origin: bytes) -> Connection | None:
        """A connection to this origin that is open and idle."""
        for connection in self._idle:
            if connection.origin == origin:
                del self._idle[connection]
                return connection
        return None

    def want(self, origin: bytes, taker: Taker) -> None:
        """Offer each connection to this origin that becomes idle, until `forgo`."""
        self._wanting[taker] = origin

    def forgo(self, taker: Taker) -> None:
        """It needs none any more."""
        self._wanting.pop(taker, None)

    def put(self, connection: Connection) -> None:
        """This connection is idle."""
        for taker, origin in list(self._wanting.items()):
            if origin == connection.origin and taker(connection):
                return
        self._idle[connection] = self._clock.seconds()
        if len(self._idle) > self._most_idle:
            oldest = next(iter(self._idle))
            self.forget(oldest)
            self._close(oldest)
        if self._timer is None:
            self._timer = self._clock.callLater(LONGEST_IDLE, self._look)

    def forget(self, connection: Connection) -> None:
        """This connection is of no use any more."""
        self._idle.pop(connection, None)

    def close(self) -> Deferred[Any]:
        """Close what is idle; fires when all of it is closed."""
        idle, self._idle = self._idle, {}
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return gatherResults([self._close(each) for each in idle])

    def _close(self, connection: Connection) -> Deferred[None]:
        """Close politely, and at once when the other side does not agree: with TLS it
        has to answer, and one that is out of reach never does."""
        closing = connection.close()
        if closing.called:
            return closing
        timer = self._clock.callLater(CLOSE_SECONDS, connection.abort)

        def closed(_result: None) -> None:
            if timer.active():
                timer.cancel()

        return closing.addCallback(closed)

    def _look(self) -> None:
        """Close what has been idle for too long. One timer for all of them: each
        request would begin one, and end it."""
        self._timer = None
        now = self._clock.seconds()
        for connection, since in list(self._idle.items()):
            if now - since >= LONGEST_IDLE:
                self.forget(connection)
                self._close(connection)
            else:
                self._timer = self._clock.callLater(
                    since + LONGEST_IDLE - now, self._look
                )
                return
