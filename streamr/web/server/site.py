"""The HTTP server around a resource: its connections, and how it lets them finish."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Site

from streamr.eventloop import Turns
from streamr.web.server.channel import Channel, Lane, PictureLane
from streamr.web.server.limits import Limits
from streamr.web.server.request import GatewayRequest
from streamr.web.server.response import DateField

# With Twisted's 50, more than half of a burst of 1,000 connections waits a second for
# its next try (docs/facts/twisted.md, "A burst of connections").
BACKLOG = 4096
# Work on requests in one turn of the reactor, in seconds: one or two of them. A turn
# costs a tenth of that.
READING = 0.0005
# Connections whose time is up are looked for so often (seconds): a timer for each would
# cost more than an answer does.
LOOK_EVERY = 1.0
# A flood of connections is told to the log so often (seconds).
WARN_EVERY = 60.0

_log = Logger()


class GatewaySite(Site):
    """Serves one resource, knows its connections, and can let them finish."""

    protocol = Channel  # type: ignore[assignment]  # Twisted documents a class here
    noisy = False

    def __init__(
        self,
        resource: Resource,
        clock: IReactorTime,
        cors: Callable[[str | None], Iterable[tuple[str, str]]] = lambda _origin: (),
        *,
        date: DateField | None = None,
        lane: Lane | None = None,
        picture_lane: PictureLane | None = None,
        refused: Callable[[int], str] = lambda _status: "",
        limits: Limits | None = None,
    ) -> None:
        """`cors` gives the headers by which a page may read what is refused here;
        `lane` has answers that are ready, and `picture_lane` pictures; `refused` is
        told of each status with which something was refused that never became a
        request; without `limits` nobody is turned away."""
        super().__init__(
            resource,
            requestFactory=GatewayRequest,
            timeout=None,  # a connection's own deadlines are ours
            reactor=clock,
            parsePOSTFormSubmission=False,
        )
        self.clock = clock
        self.cors = cors
        self.turns = Turns(clock, READING)
        self.channels: set[Channel] = set()
        self.lane = lane
        self.picture_lane = picture_lane
        self._refused = refused
        self.limits = limits
        self._warned_at = -math.inf
        self.date = date or DateField(time.time)
        self.draining = False
        self._looking: IDelayedCall | None = None
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

    def leave(self) -> None:
        """Keep no connection from now on: each answer says that it is the last."""
        self.draining = True
        self.lane = None  # its answers do not

    def drain(self, seconds: float) -> Deferred[None]:
        """Let requests in flight finish, close connections that are quiet, then fire.

        After `seconds` what is still open is cut.
        """
        self.leave()
        for channel in list(self.channels):
            channel.drain()
        if not self.channels:
            return succeed(None)
        self._drained = Deferred()
        return self._drained.addTimeout(seconds, self.clock, self._cut)

    def refused(self, status: int) -> str:
        """Something was refused with this status. Returns its request id, if any."""
        return self._refused(status)

    def opened(self, channel: Channel) -> None:
        """A connection is there."""
        self.channels.add(channel)
        if self._looking is None:
            self._looking = self.clock.callLater(LOOK_EVERY, self._look)
        if self.limits is not None:
            self._admit(channel, self.limits)

    def _admit(self, channel: Channel, limits: Limits) -> None:
        """Turn a connection away that is beyond a limit."""
        refusal = limits.opened(channel, channel.peer)
        if refusal is None:
            return
        if limits.crowded:
            channel.forceAbortClient()
        else:
            channel.turn_away(refusal)
        now = self.clock.seconds()
        if now - self._warned_at >= WARN_EVERY:
            self._warned_at = now
            _log.warn(
                "Connections are turned away: {why}",
                why=refusal.message,
                code="connections-full",
            )

    def _look(self) -> None:
        """End the connections whose time is up."""
        now = self.clock.seconds()
        self._looking = self.clock.callLater(LOOK_EVERY, self._look)
        for channel in [each for each in self.channels if each.due <= now]:
            channel.overdue()

    def gone(self, channel: Channel) -> None:
        """A connection has ended."""
        self.channels.discard(channel)
        if self.limits is not None:
            self.limits.closed(channel)
        if not self.channels and self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if self._drained is not None and not self.channels:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def _cut(self, _result: object, _seconds: float) -> None:
        self._drained = None
        for channel in list(self.channels):
            channel.forceAbortClient()
