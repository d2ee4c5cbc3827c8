"""The HTTP server around a resource: limits on what strangers send, and draining.

What twisted.web leaves open is closed here: a head or a body that drips for ever, a
body that is spooled to disk, over-long lines that end without a word, and requests that
are cut when the daemon stops.
"""

from __future__ import annotations

from collections.abc import Iterable
from http.client import responses as PHRASES

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from streamr.errors import Envelope
from streamr.eventloop import Turns, flush
from streamr.web.page import JSON, envelope

# An idle connection may stay this long; browsers and load balancers use 60-75 s.
IDLE_SECONDS = 60
# A head that is not complete by then is an attack or a broken client; Site's timeout
# does not see it (docs/facts/twisted.md, "Slow heads").
HEAD_SECONDS = 15
# No request of ours needs a body; this leaves room for a front end's careless JSON.
MOST_BODY = 64 * 1024
# With Twisted's 50, more than half of a burst of 1,000 connections waits a second for
# its next try (docs/facts/twisted.md, "A burst of connections").
BACKLOG = 4096
# Work on requests in one turn of the reactor, in seconds: one or two of them. A turn
# costs a tenth of that.
READING = 0.0005
# Answers that have no body, and so no length (RFC 9110, 8.6).
BODILESS = (204, 304)


class Channel(HTTPChannel):
    """One connection of a caller."""

    site: GatewaySite
    _head_timer: IDelayedCall | None = None
    _refused = False
    _came: list[bytes]

    def connectionMade(self) -> None:
        super().connectionMade()
        self._came = []
        self.site.channels.add(self)

    @property
    def unread(self) -> bool:
        """True when something came that was not read yet."""
        return bool(self._came)

    def dataReceived(self, data: bytes) -> None:
        self._came.append(data)
        if len(self._came) == 1:
            self.site.turns.run(self._read)

    def setLineMode(self, extra: bytes = b"") -> None:
        """A request is answered: what was read behind it and kept (`extra`) comes
        before what came later and still waits for its turn."""
        super().setLineMode()
        if extra:
            self._came.insert(0, extra)
            if len(self._came) == 1:
                self.site.turns.run(self._read)

    def _read(self) -> None:
        """Read what came, now that it is this connection's turn."""
        data, self._came = b"".join(self._came), []
        if self._refused or self not in self.site.channels:
            return
        if self._head_timer is None and not self.requests:
            self._head_timer = self.site.clock.callLater(
                HEAD_SECONDS, self.refuse, 408, "the request was not complete in time"
            )
        super().dataReceived(data)
        if self.site.draining and not self.requests:
            self.loseConnection()

    def lineLengthExceeded(self, line: bytes) -> None:
        if self.requests:
            self.refuse(431, "a header line is too long")
        else:
            self.refuse(414, "the request target is too long")

    def head_complete(self) -> None:
        """A request arrived whole and is being answered."""
        if self._head_timer is not None and self._head_timer.active():
            self._head_timer.cancel()
        self._head_timer = None
        if self.site.draining:
            self.persistent = False

    def refuse(self, status: int, problem: str) -> None:
        """Answer in TMDB's shape what never became a request, and close."""
        self._refused = True
        body = envelope(status, Envelope.INPUT, f"Invalid request: {problem}.")
        headers = [
            ("Content-Type", JSON),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        self.write(_head("HTTP/1.1", status, headers) + body)
        self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.head_complete()
        super().connectionLost(reason)
        self.site.gone(self)


class GatewayRequest(Request):
    """One request. Bodies are never used, so they are never kept.

    `left` says that the caller is gone and nobody reads an answer.
    """

    channel: Channel
    left = False
    _body_size = 0

    def gotLength(self, length: int | None) -> None:
        super().gotLength(0)

    def handleContentChunk(self, data: bytes) -> None:
        self._body_size += len(data)
        if self._body_size > MOST_BODY:
            self.channel.refuse(413, f"the body is longer than {MOST_BODY} bytes")

    def connectionLost(self, reason: Failure) -> None:
        self.left = True
        super().connectionLost(reason)

    def process(self) -> None:
        """Hand the whole request to the one resource of the site."""
        self.channel.head_complete()
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

    def __init__(self, resource: Resource, clock: IReactorTime) -> None:
        super().__init__(
            resource,
            requestFactory=GatewayRequest,
            timeout=IDLE_SECONDS,
            reactor=clock,
            parsePOSTFormSubmission=False,
        )
        self.clock = clock
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
