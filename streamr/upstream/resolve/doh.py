"""DNS over HTTPS (RFC 8484): by HTTP/2, or HTTP/1.1 where the server speaks only that.

The resolver is verified, its answers cannot be changed on the path, and the path sees
only HTTPS.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.names import dns
from twisted.python.failure import Failure

from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.dns import DNS_SECONDS
from streamr.upstream.resolve.failures import LookupFailed, ServerFailed
from streamr.upstream.resolve.http_wire import DNSResource, Http1, Http2, Reply, Wire
from streamr.upstream.resolve.kept import IDLE_SECONDS, KeptOpen, NotAsked, Questions
from streamr.upstream.resolve.question import answers, find_by, question, read

# What is offered to a resolver (RFC 7301). Some speak HTTP/2 only
# (docs/facts/routes.md, "What a lookup costs").
ALPN = (b"h2", b"http/1.1")
# The same question is the same bytes, for HTTP's caches (RFC 8484, 4.1).
_NUMBER = 0


class DoHChannel(Questions, Protocol):
    """One connection, which begins when TLS has agreed on the version of HTTP."""

    def __init__(self, place: DNSResource, clock: IReactorTime, idle: float) -> None:
        super().__init__(clock, idle)
        self._place = place
        self._wire: Wire | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        chosen = self.transport.negotiatedProtocol
        kind = Http2 if chosen == b"h2" else Http1
        self._wire = kind(self._place)
        self._write()

    def ask(self, query: dns.Query) -> Deferred[dns.Message]:
        """Ask one question."""
        assert self._wire is not None
        try:
            number = self._wire.ask(question(query, _NUMBER))
        except LookupFailed:
            self.usable = False
            self.rest()
            raise
        asked = self.opened(number, query)
        self._write()
        return asked

    def dataReceived(self, data: bytes) -> None:
        assert self._wire is not None
        try:
            replies = self._wire.receive(data)
        except LookupFailed as problem:
            self._write()
            self.fail(Failure(problem))
            self.abort()
            return
        self.usable = self.usable and self._wire.open
        self._write()
        for each in replies:
            query = self.query(each.number)
            if query is not None:
                self.settle(each.number, _outcome(each, query))
        if not self.usable:
            self.rest()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.fail(reason)

    def _write(self) -> None:
        if self._wire is not None and (data := self._wire.outgoing()):
            self.transport.write(data)


def server_over_https(
    clock: IReactorTime,
    endpoint: IStreamClientEndpoint,
    place: DNSResource,
    seconds: float = DNS_SECONDS,
) -> Find:
    """A resolver asked over HTTPS; the endpoint makes verified connections to it,
    which offer `ALPN` and are ready when their handshake is over."""

    def connect() -> Deferred[DoHChannel]:
        channel = DoHChannel(place, clock, IDLE_SECONDS)
        connecting: Deferred[DoHChannel] = connectProtocol(endpoint, channel)
        return connecting

    return find_by(KeptOpen(connect, clock, seconds / 3).ask, clock, seconds)


def _outcome(reply: Reply, query: dns.Query) -> dns.Message | Exception:
    """The answer in a response, or why there is none in it."""
    if reply.unread:
        return NotAsked()
    try:
        message = read(reply.message())
    except LookupFailed as problem:
        return problem
    if message is None:
        return ServerFailed("its HTTP response holds no DNS message")
    if not answers(message, query, _NUMBER):
        return ServerFailed("it answers another question")
    return message
