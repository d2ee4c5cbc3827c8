"""The HTTP server around a resource: limits on what strangers send, and draining.

What twisted.web leaves open is closed here: a head or a body that drips for ever, a
body that is spooled to disk, over-long lines that end without a word, and requests that
are cut when the daemon stops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http.client import responses as PHRASES
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from streamr.errors import Envelope
from streamr.eventloop import Turns, flush
from streamr.web.page import JSON, envelope
from streamr.web.server.head import (
    Body,
    HeadRefused,
    RequestHead,
    find_end,
    origin_in,
    read_head,
)

# An idle connection may stay this long; browsers and load balancers use 60-75 s.
IDLE_SECONDS = 60
# A head that is not complete by then is an attack or a broken client; Site's timeout
# does not see it (docs/facts/twisted.md, "Slow heads").
HEAD_SECONDS = 15
# What is read ahead of an answer, so that a caller who leaves is noticed.
MOST_AHEAD = 16 * 1024
# With Twisted's 50, more than half of a burst of 1,000 connections waits a second for
# its next try (docs/facts/twisted.md, "A burst of connections").
BACKLOG = 4096
# Work on requests in one turn of the reactor, in seconds: one or two of them. A turn
# costs a tenth of that.
READING = 0.0005
# Answers that have no body, and so no length (RFC 9110, 8.6).
BODILESS = (204, 304)


class Channel(HTTPChannel):
    """One connection of a caller: one request at a time, and checked before it is one.

    What comes is kept here until a whole head is there (`head.py`), its body is thrown
    away, and twisted.web gets the head alone. The next one is looked at when the answer
    is written and the connection takes more: so what a caller sends without reading the
    answers costs no more than one answer.
    """

    site: GatewaySite

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
        self.write(_head("HTTP/1.1", status, headers) + body)
        self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stop_deadline()
        self._came.clear()
        super().connectionLost(reason)
        self.site.gone(self)


class GatewayRequest(Request):
    """One request, without a body: nothing here reads one.

    `left` says that the caller is gone and nobody reads an answer.
    """

    channel: Channel
    left = False

    def connectionLost(self, reason: Failure) -> None:
        self.left = True
        super().connectionLost(reason)

    def process(self) -> None:
        """Hand the whole request to the one resource of the site."""
        self.site = self.channel.site
        self.render(self.site.resource)

    def respond(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes
    ) -> None:
        """Answer with a whole response, and send it at once.

        In one piece: by way of Twisted's Headers it takes twice as long, and those who
        wait for the same answer wait for each other.
        """
        told = [*headers, *self._own_headers()]
        if status in BODILESS:
            body = b""
        else:
            told.append(("Content-Length", str(len(body))))
        head = _head(self.clientproto.decode(), status, told)
        self.code, self.startedWriting = status, 1
        self.channel.write(head if self.method == b"HEAD" else head + body)
        flush(self.channel.transport)
        self.finish()

    def begin(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Begin a response without an end; `write` adds to it."""
        self.setResponseCode(status, PHRASES.get(status, "").encode())
        for name, value in (*headers, *self._own_headers()):
            self.responseHeaders.addRawHeader(name, value)

    def _own_headers(self) -> list[tuple[str, str]]:
        """What HTTP itself wants to say."""
        headers = [("Date", datetimeToString().decode())]
        if not self.channel.persistent:
            headers.append(("Connection", "close"))
        return headers


def _head(version: str, status: int, headers: list[tuple[str, str]]) -> bytes:
    """The head of a response as it is written. No value can begin another line."""
    if not "".join([value for _, value in headers]).isprintable():
        headers = [(name, _one_line(value)) for name, value in headers]
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
    return f"{version} {status} {PHRASES.get(status, '')}\r\n{fields}\r\n".encode()


def _one_line(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value)


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
