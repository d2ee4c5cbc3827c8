"""One connection of a caller: one request at a time, and checked before it is one.

What twisted.web leaves open is closed here: a head or a body that drips for ever, a
body that is spooled to disk, over-long lines that end without a word, and memory that
grows with what is sent and not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, cast

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request

from streamr.errors import Envelope
from streamr.eventloop import Turns
from streamr.web.page import JSON, envelope
from streamr.web.server.head import (
    Body,
    HeadRefused,
    RequestHead,
    find_end,
    origin_in,
    read_head,
)
from streamr.web.server.response import response_head

# A head that is not complete by then is an attack or a broken client; Site's timeout
# does not see it (docs/facts/twisted.md, "Slow heads").
HEAD_SECONDS = 15
# What is read ahead of an answer, so that a caller who leaves is noticed.
MOST_AHEAD = 16 * 1024


class Home(Protocol):
    """What a connection asks of the site that it belongs to."""

    resource: Resource
    clock: IReactorTime
    cors: Callable[[str | None], Iterable[tuple[str, str]]]
    turns: Turns
    channels: set[Channel]
    draining: bool

    def gone(self, channel: Channel) -> None:
        """A connection has ended."""


class Channel(HTTPChannel):
    """One connection of a caller: one request at a time, and checked before it is one.

    What comes is kept here until a whole head is there (`head.py`), its body is thrown
    away, and twisted.web gets the head alone. The next one is looked at when the answer
    is written and the connection takes more: so what a caller sends without reading the
    answers costs no more than one answer.
    """

    site: Home

    def connectionMade(self) -> None:
        super().connectionMade()
        self._came = bytearray()
        self._deadline: IDelayedCall | None = None
        self._busy = self._choked = self._refused = self._queued = self._held = False
        self._body: Body | None = None
        self._head: RequestHead | None = None
        self.site.channels.add(self)

    @property
    def unread(self) -> bool:
        """True when something came that was not read yet."""
        return bool(self._came)

    def dataReceived(self, data: bytes) -> None:
        if self._refused or self not in self.site.channels:
            return
        self._came += data
        if (self._busy or self._choked) and len(self._came) > MOST_AHEAD:
            self._held = True
            self._transport().pauseProducing()
        self._look_later()

    def _look_later(self) -> None:
        """Look at what came when it is this connection's turn."""
        if self._came and not (self._busy or self._choked or self._queued):
            self._queued = True
            self.site.turns.run(self._look)

    def _look(self) -> None:
        self._queued = False
        if self._busy or self._choked or self._refused or self._gone():
            return
        try:
            head = self._take()
        except HeadRefused as refused:
            self.refuse(refused.status, refused.problem, origin_in(self._came))
            return
        if head is None:
            self._wait_for_more()
            return
        self._stop_deadline()
        self._busy = True
        self._closes = head.closes or self.site.draining
        super().dataReceived(head.handed_on)

    def _wait_for_more(self) -> None:
        """What came is no whole request yet, or only empty lines before one."""
        if self.site.draining:
            self._came.clear()
            self.loseConnection()
        elif not self._came and self._head is None:
            self._stop_deadline()
        elif self._deadline is None:
            self._deadline = self.site.clock.callLater(HEAD_SECONDS, self._too_slow)

    def _take(self) -> RequestHead | None:
        """The next request, its body thrown away; None when more has to come.

        Raises HeadRefused.
        """
        if self._head is None:
            while self._came[:2] == b"\r\n":  # 9112, 2.2: left over from a body
                del self._came[:2]
            end = find_end(self._came)
            if end < 0:
                return None
            self._head = read_head(bytes(self._came[:end]))
            self._body = Body(self._head.body)
            del self._came[:end]
        assert self._body is not None
        del self._came[: self._body.read(self._came)]
        if not self._body.over:
            return None
        head, self._head, self._body = self._head, None, None
        return head

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        return not self._closes

    def requestDone(self, request: Request) -> None:
        """An answer is written whole."""
        self._busy = False
        if self.site.draining:
            self.persistent = False
        if not self.persistent:
            # nothing behind the last request is read
            self._refused = True
            self._came.clear()
        super().requestDone(request)
        self._go_on()

    def pauseProducing(self) -> None:
        """The caller does not read what was written."""
        self._choked = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """What was written has gone."""
        self._choked = False
        super().resumeProducing()
        self._go_on()

    def _go_on(self) -> None:
        if self._busy or self._choked or self._gone():
            return
        if self._held:
            self._held = False
            self._transport().resumeProducing()
        self._look_later()

    def _gone(self) -> bool:
        return self not in self.site.channels

    def _transport(self) -> IPushProducer:
        return cast(IPushProducer, self.transport)

    def _too_slow(self) -> None:
        self._deadline = None
        self.refuse(408, "the request was not complete in time")

    def _stop_deadline(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def refuse(self, status: int, problem: str, origin: str | None = None) -> None:
        """Answer in TMDB's shape what never became a request, and close."""
        self._refused = True
        self._stop_deadline()
        self._came.clear()
        body = envelope(status, Envelope.INPUT, f"Invalid request: {problem}.")
        headers = [
            ("Content-Type", JSON),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
            *self.site.cors(origin),
        ]
        self.write(response_head("HTTP/1.1", status, headers) + body)
        self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_deadline()
        self._came.clear()
        super().connectionLost(reason)
        self.site.gone(self)
