"""The HTTP server around a resource: its connections, and how it lets them finish."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import Resource
from twisted.web.server import Site

from streamr.eventloop import Turns
from streamr.web.server.channel import Channel
from streamr.web.server.request import GatewayRequest

# An idle connection may stay this long; browsers and load balancers use 60-75 s.
IDLE_SECONDS = 60
# With Twisted's 50, more than half of a burst of 1,000 connections waits a second for
# its next try (docs/facts/twisted.md, "A burst of connections").
BACKLOG = 4096
# Work on requests in one turn of the reactor, in seconds: one or two of them. A turn
# costs a tenth of that.
READING = 0.0005


class GatewaySite(Site):
    """Serves one resource, knows its connections, and can let them finish."""

    protocol = Channel  # type: ignore[assignment]  # Twisted documents a class here
    noisy = False

    def __init__(
        self,
        resource: Resource,
        clock: IReactorTime,
        cors: Callable[[str | None], Iterable[tuple[str, str]]] = lambda _origin: (),
    ) -> None:
        """`cors` gives the headers by which a page may read what is refused here."""
        super().__init__(
            resource,
            requestFactory=GatewayRequest,
            timeout=IDLE_SECONDS,
            reactor=clock,
            parsePOSTFormSubmission=False,
        )
        self.clock = clock
        self.cors = cors
        self.turns = Turns(clock, READING)
        self.channels: set[Channel] = set()
        self.draining = False
        self._drained: Deferred[None] | None = None

    def log(self, request: object) -> None:
        """Twisted's own access log writes the whole query; `observe` writes ours."""

    @property
    def waiting(self) -> int:
        """How many callers wait for their answer; nobody waits for a live page."""
        return sum(
            not request.startedWriting
            for channel in self.channels
            for request in channel.requests
        )

    def drain(self, seconds: float) -> Deferred[None]:
        """Close idle connections, let requests in flight finish, then fire.

        After `seconds` what is still open is cut.
        """
        self.draining = True
        for channel in list(self.channels):
            if channel.unread:
                continue  # that may be a request: it decides when it is read
            channel.persistent = False
            if not channel.requests:
                channel.loseConnection()
        if not self.channels:
            return succeed(None)
        self._drained = Deferred()
        return self._drained.addTimeout(seconds, self.clock, self._cut)

    def gone(self, channel: Channel) -> None:
        """A connection has ended."""
        self.channels.discard(channel)
        if self._drained is not None and not self.channels:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def _cut(self, _result: object, _seconds: float) -> None:
        self._drained = None
        for channel in list(self.channels):
            channel.forceAbortClient()
