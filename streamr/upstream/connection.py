"""One connection to an origin: HTTP/1.1 (RFC 9112), one request after the other.

    pool ─ ask ─► bytes …… head ─► Response ─ deliverBody ─► body ─► pool

It does what Twisted's own client does in a fraction of its time, and is stricter where
one response could be taken for another (docs/facts/performance.md, "A cache miss").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IProtocol, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface import implementer

from streamr.errors import Fault
from streamr.upstream.dial.tap import Tap
from streamr.upstream.framing import FramedBody, body_of
from streamr.upstream.head import END, MOST_HEAD, ResponseHead, read_head

# The end of a whole body, as Twisted's client tells it.
_WHOLE = Failure(ResponseDone())
_PERHAPS_WHOLE = Failure(PotentialDataLoss())


@implementer(IResponse)
class Response:
    """A response whose body is still coming.

    `headers` is empty for treq, which would decode the body in its own way: it turns a
    broken gzip stream into an empty body without an error. `head` has them all.
    """

    version = (b"HTTP", 1, 1)
    phrase = b""
    length = UNKNOWN_LENGTH
    request = None
    previousResponse = None

    def __init__(self, head: ResponseHead, transport: Any) -> None:
        self.head = head
        self.code = head.status
        self.headers = Headers()
        self._transport = transport
        self._reader: IProtocol | None = None
        self._waiting: list[bytes] = []
        self._ended: Failure | None = None

    def setPreviousResponse(self, response: IResponse) -> None:
        """No redirect is followed."""

    def deliverBody(self, protocol: IProtocol) -> None:
        """Hand the body to this protocol: what has come, and what is to come."""
        self._reader = protocol
        protocol.makeConnection(self._transport)
        waiting, self._waiting = self._waiting, []
        for piece in waiting:
            protocol.dataReceived(piece)
        if self._ended is not None:
            protocol.connectionLost(self._ended)

    def came(self, data: bytes) -> None:
        """A piece of the body."""
        if self._reader is None:
            self._waiting.append(data)
        else:
            self._reader.dataReceived(data)

    def end(self, reason: Failure) -> None:
        """The body is over, for this reason."""
        self._ended = reason
        if self._reader is not None:
            self._reader.connectionLost(reason)


class Connection(Protocol):
    """Carries one request at a time, in the words of `Client`: `origin` is what it
    leads to, `tap` what it looks like from below TLS."""

    transport: Any
    tap: Tap | None = None

    def __init__(
        self,
        origin: bytes,
        idle: Callable[[Connection], None],
        gone: Callable[[Connection], None],
    ) -> None:
        """`idle` is told when another request can be sent, `gone` when none can any
        more."""
        self.origin = origin
        self._idle = idle
        self._gone = gone
        self._asking: Deferred[Response] | None = None
        self._came = b""
        self._response: Response | None = None
        self._body: FramedBody | None = None
        self._closing: Deferred[None] | None = None
        self._closed = False

    def makeConnection(self, transport: ITransport) -> None:
        below: Any = transport
        while below is not None and not isinstance(below, Tap):
            below = getattr(below, "transport", None)
        self.tap = below
        super().makeConnection(transport)

    def ask(self, request: bytes) -> Deferred[Response]:
        """Send a request; fires when the head of its response has come.

        Cancelling it closes the connection. Fails with Fault, or with what ended the
        connection.
        """
        asking = self._asking = Deferred(self._left)
        self.transport.write(request)
        return asking

    def close(self) -> Deferred[None]:
        """Close it when nothing is under way; fires when it is closed."""
        if self._closed:
            return succeed(None)
        self._closing = Deferred()
        self.transport.loseConnection()
        return self._closing

    def dataReceived(self, data: bytes) -> None:
        try:
            if self._body is not None:
                self._body_came(self._body, data)
            elif self._asking is not None:
                self._head_came(data)
            else:
                # nobody has asked: it would be taken for the next answer
                self.abort()
        except Fault as fault:
            self._end(Failure(fault))
            self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._closed = True
        self._gone(self)
        open_ended = self._body is not None and self._body.open_ended
        self._end(_PERHAPS_WHOLE if open_ended else reason)
        if self._closing is not None:
            self._closing.callback(None)

    def _head_came(self, data: bytes) -> None:
        self._came += data
        head: ResponseHead | None = None
        while head is None or head.interim:
            end = END.search(self._came)
            if end is None:
                if len(self._came) > MOST_HEAD:
                    raise Fault("http_protocol_error", f"a head beyond {MOST_HEAD} B")
                return
            head = read_head(self._came[: end.end()])
            self._came = self._came[end.end() :]
        body, rest, self._came = body_of(head), self._came, b""
        self._answer(head, body, rest)

    def _answer(self, head: ResponseHead, body: FramedBody, rest: bytes) -> None:
        """Hand the response out, and then what came with its head."""
        asking, self._asking = self._asking, None
        response = Response(head, self.transport)
        self._response, self._body = response, body
        if asking is not None:
            asking.callback(response)
        if self._body is body:  # nobody has closed the connection meanwhile
            self._body_came(body, rest)

    def _body_came(self, body: FramedBody, data: bytes) -> None:
        response = self._response
        piece = body.take(data)
        if response is None:
            return
        if piece:
            response.came(piece)
        if body.over:
            reusable = not body.rest and not response.head.closes
            self._response = self._body = None
            # first, so that what the answer brings about can use the connection
            if reusable:
                self._idle(self)
            else:
                # all has come, and who is out of reach never agrees to an end
                self.abort()
            response.end(_WHOLE)

    def _end(self, reason: Failure) -> None:
        """Nothing more will come."""
        asking, self._asking = self._asking, None
        response, self._response = self._response, None
        self._body = None
        if asking is not None:
            asking.errback(reason)
        elif response is not None:
            response.end(reason)

    def _left(self, _asking: Deferred[Response]) -> None:
        self._asking = None
        self.abort()

    def abort(self) -> None:
        """Close it at once, whatever the other side does."""
        self._gone(self)
        self.transport.abortConnection()
