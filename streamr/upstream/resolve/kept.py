"""One connection to a resolver: opened when there is a question, kept for a while.

A new one for each question costs a handshake (docs/facts/routes.md, "What a lookup
costs").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    ITCPTransport,
)
from twisted.names import dns
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

from streamr.upstream.dial.tls import TLSError
from streamr.upstream.resolve.failures import ServerFailed

# How long a connection without a question is kept: unbound keeps one for 30 s (its
# tcp-idle-timeout), and a NAT for minutes.
IDLE_SECONDS = 30.0
# The other side has this long to agree to the end of a connection.
CLOSE_SECONDS = 3.0
# So many new connections for one question: a server may end each after one answer.
MOST_TRIES = 3


class NotAsked(Exception):
    """The connection took the question, and its end came before it."""


class KeptConnection(Protocol):
    """One connection on which questions are asked."""

    usable: bool

    def ask(self, query: dns.Query) -> Deferred[dns.Message]:
        """Ask one question."""

    def rest(self) -> None:
        """Close the connection later, unless somebody asks."""


C = TypeVar("C", bound=KeptConnection)


class KeptOpen(Generic[C]):
    """Asks over one connection, and opens another when that is gone."""

    def __init__(
        self, connect: Callable[[], Deferred[C]], clock: IReactorTime, seconds: float
    ) -> None:
        """A connection that was kept and says nothing for so many seconds is taken for
        dead: the network may be another one by now."""
        self._connect = connect
        self._clock = clock
        self._seconds = seconds
        self._connection: C | None = None
        self._opening: Deferred[None] | None = None
        self._waiting: list[Deferred[C]] = []

    def ask(self, query: dns.Query) -> Deferred[dns.Message]:
        """Ask one question; whoever cancels it closes the connection."""
        return Deferred.fromCoroutine(self._ask(query))

    async def _ask(self, query: dns.Query) -> dns.Message:
        kept = self._connection
        if kept is not None and kept.usable:
            try:
                return await kept.ask(query).addTimeout(self._seconds, self._clock)
            except (ConnectionClosed, TLSError, TimeoutError, NotAsked):
                pass  # it is gone, which is seen only now: ask once more over a new one
        for _ in range(MOST_TRIES):
            opened = await self._opened_for_all()
            try:
                return await opened.ask(query)
            except NotAsked:
                continue
        raise ServerFailed("it ends its connections without an answer")

    def _opened_for_all(self) -> Deferred[C]:
        """The next connection: one for all who wait for it."""
        waiter: Deferred[C] = Deferred(self._leave)
        self._waiting.append(waiter)
        if len(self._waiting) == 1:
            self._opening = self._connect().addCallbacks(self._opened, self._failed)
        return waiter

    def _leave(self, waiter: Deferred[C]) -> None:
        self._waiting.remove(waiter)
        if not self._waiting and self._opening is not None:
            self._opening.cancel()

    def _opened(self, connection: C) -> None:
        self._connection = connection
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(connection)
        connection.rest()

    def _failed(self, failure: Failure) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.errback(failure)


class Questions(TimeoutMixin):
    """What every connection to a resolver keeps: its open questions, by their number,
    and how long it may be idle. The base of a protocol."""

    transport: Any

    def __init__(self, clock: IReactorTime, idle: float) -> None:
        """`idle` is in seconds; with 0 it closes after the last answer."""
        self.usable = True
        self._clock = clock
        self._idle = idle
        self._closing = False
        self._open: dict[int, tuple[dns.Query, Deferred[dns.Message]]] = {}

    def callLater(self, period: float, func: Callable[[], object]) -> IDelayedCall:
        """The timers run on the clock that was given."""
        return self._clock.callLater(period, func)

    def connectionMade(self) -> None:
        """A question is small: it must not wait for an acknowledgement."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)

    def opened(self, number: int, query: dns.Query) -> Deferred[dns.Message]:
        """Keep a question until it is settled."""
        self.setTimeout(None)
        asked: Deferred[dns.Message] = Deferred(lambda _: self._left(number))
        self._open[number] = query, asked
        return asked

    def query(self, number: int) -> dns.Query | None:
        """The open question of this number."""
        found = self._open.get(number)
        return None if found is None else found[0]

    def settle(self, number: int, result: dns.Message | Exception) -> None:
        """End one question with its answer, or with why there is none."""
        _, asked = self._open.pop(number)
        self.rest()
        if isinstance(result, Exception):
            asked.errback(result)
        else:
            asked.callback(result)

    def rest(self) -> None:
        """Close later, or now, unless a question is open."""
        if self._open or self._closing:
            return
        if self._idle and self.usable:
            self.setTimeout(self._idle)
        else:
            self.timeoutConnection()

    def fail(self, reason: Failure) -> None:
        """End the connection, and with it all its questions."""
        self.usable = False
        self.setTimeout(None)
        asked, self._open = self._open, {}
        for _, each in asked.values():
            each.errback(reason)

    def abort(self) -> None:
        """Close at once, whatever the other side does."""
        self.transport.abortConnection()

    def timeoutConnection(self) -> None:
        """Close politely; and at once when the other side did not agree."""
        self.usable = False
        if self._closing:
            self.abort()
            return
        self._closing = True
        self.setTimeout(CLOSE_SECONDS)
        self.transport.loseConnection()

    def _left(self, number: int) -> None:
        """Nobody waits for this answer any more: the connection takes no further
        question, because it may be dead."""
        del self._open[number]
        self.usable = False
        if not self._open:
            self.abort()
