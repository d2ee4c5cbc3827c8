"""One connection: requests in turn, and the same answers as with Twisted's client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import URI, Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from zope.interface import implementer
from zope.interface.verify import verifyObject

from streamr.errors import Fault
from streamr.upstream.connection import Connection, Response
from tests.properties import examples

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE, PERHAPS = "whole", "perhaps whole"


class Reader(Protocol):
    """Reads a body to its end."""

    def __init__(self) -> None:
        self.body = b""
        self.ended: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.body += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert self.ended is None
        self.ended = reason

    @property
    def end(self) -> str:
        """How a body has ended."""
        if self.ended is None:
            return "not yet"
        if self.ended.check(ResponseDone):
            return WHOLE
        return PERHAPS if self.ended.check(PotentialDataLoss) else "broken"


class ConnectionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.transport = StringTransport()
        self.idle: list[Connection] = []
        self.gone: list[Connection] = []
        self.connection = Connection(b"", self.idle.append, self.gone.append)
        self.connection.makeConnection(self.transport)

    def ask(self) -> tuple[Deferred[Response], Reader]:
        """Ask, and read what comes."""
        reader = Reader()
        asking = self.connection.ask(b"GET / HTTP/1.1\r\n\r\n")

        def read(response: Response) -> Response:
            response.deliverBody(reader)
            return response

        return asking.addCallback(read), reader

    def come(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.dataReceived(piece)


class InTurn(ConnectionCase):
    def test_a_response_is_one(self) -> None:
        asking, _ = self.ask()
        self.come(OK + b"Content-Length: 0\r\n\r\n")
        response = self.successResultOf(asking)
        verifyObject(IResponse, response)
        self.assertEqual(response.code, 200)

    def test_after_a_whole_answer_the_next_can_be_asked(self) -> None:
        for raw, body in (
            (OK + b"Content-Length: 2\r\n\r\nab", b"ab"),
            (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", b"ab"),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", b""),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ):
            for cut in range(len(raw)):
                self.idle.clear()
                asking, reader = self.ask()
                self.come(raw[:cut], raw[cut:])
                self.successResultOf(asking)
                self.assertEqual((reader.body, reader.end), (body, WHOLE))
                self.assertEqual(self.idle, [self.connection], raw)
        self.assertFalse(self.transport.disconnecting)

    def test_it_is_idle_in_front_of_what_the_answer_brings_about(self) -> None:
        asking, reader = self.ask()
        reader.connectionLost = (  # type: ignore[method-assign]
            lambda reason=connectionDone: self.idle.append(self.connection.ask(b"next"))  # type: ignore[arg-type,misc]
        )
        self.come(OK + b"Content-Length: 2\r\n\r\nab")
        self.successResultOf(asking)
        self.assertIs(self.idle[0], self.connection)
        self.assertTrue(self.transport.value().endswith(b"next"))

    def test_it_is_closed_when_one_of_the_two_says_so(self) -> None:
        for raw in (
            OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
        ):
            self.setUp()
            _, reader = self.ask()
            self.come(raw)
            self.assertEqual(reader.end, WHOLE)
            self.assertEqual(self.idle, [])
            self.assertTrue(self.transport.disconnected)

    def test_what_comes_behind_an_answer_is_never_the_next_one(self) -> None:
        raw = OK + b"Content-Length: 2\r\n\r\nab"
        _, reader = self.ask()
        self.come(raw + OK)
        self.assertEqual((reader.body, reader.end), (b"ab", WHOLE))
        self.assertEqual(self.idle, [])
        self.assertTrue(self.transport.disconnected)
        self.setUp()
        self.ask()
        self.come(raw, raw)
        self.assertEqual(self.gone, [self.connection])
        self.assertTrue(self.transport.disconnected)

    def test_interim_answers_are_passed_over(self) -> None:
        early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        for pieces in ((early, early), (early + early,), (early[:9], early[9:])):
            asking, reader = self.ask()
            self.come(*pieces)
            self.assertNoResult(asking)
            self.come(b"HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx")
            self.assertEqual(self.successResultOf(asking).code, 404)
            self.assertEqual(reader.body, b"x")

    def test_who_reads_late_misses_nothing(self) -> None:
        for early, late in ((b"ab", b""), (b"a", b"b"), (b"", b"ab")):
            asking = self.connection.ask(b"")
            self.come(OK + b"Content-Length: 2\r\n\r\n" + early)
            reader = Reader()
            self.successResultOf(asking).deliverBody(reader)
            if late:
                self.assertEqual(reader.end, "not yet")
                self.come(late)
            self.assertEqual((reader.body, reader.end), (b"ab", WHOLE))


class Ending(ConnectionCase):
    def lose(self, reason: Exception) -> None:
        self.connection.connectionLost(Failure(reason))

    def test_the_end_of_the_connection_is_the_end_of_what_is_under_way(self) -> None:
        for ended in (ConnectionDone(), ConnectionLost()):
            for raw in (b"", OK, b"HTTP/1.1 100 Continue\r\n\r\n"):
                self.setUp()
                asking, _ = self.ask()
                self.come(raw)
                self.lose(ended)
                self.failureResultOf(asking, type(ended))
            for fields in (b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n"):
                self.setUp()
                _, reader = self.ask()
                self.come(OK + fields + b"\r\n2\r\nab")
                self.lose(ended)
                assert reader.ended is not None
                self.assertIs(reader.ended.value, ended)
            self.setUp()
            _, reader = self.ask()
            self.come(OK + b"\r\nab")
            self.lose(ended)
            self.assertEqual((reader.body, reader.end), (b"ab", PERHAPS))
            self.assertEqual((self.idle, self.gone), ([], [self.connection]))

    def test_who_leaves_closes_the_connection(self) -> None:
        asking, _ = self.ask()
        self.come(OK)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(self.transport.disconnected)
        self.come(b"\r\n")
        self.lose(ConnectionLost())
        self.assertEqual(self.idle, [])

    def test_what_is_no_answer_closes_the_connection(self) -> None:
        for raw in (b"NONSENSE\r\n\r\n", OK + b"A: " + b"x" * 20_000):
            self.setUp()
            asking, _ = self.ask()
            self.come(raw)
            self.failureResultOf(asking, Fault)
            self.assertTrue(self.transport.disconnected)
        self.setUp()
        _, reader = self.ask()
        self.come(OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n")
        assert reader.ended is not None
        self.assertTrue(reader.ended.check(Fault))
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(self.idle, [])


@dataclass
class Came:
    """What a client has made of some bytes."""

    status: int | None = None
    fields: dict[bytes, list[bytes]] = field(default_factory=dict)
    body: bytes = b""
    end: str = "broken"


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class Wire:
    """A connection for Twisted's own client."""

    def __init__(self) -> None:
        self.transport = StringTransport()

    def endpointForURI(self, uri: URI) -> Wire:
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        made: Deferred[Any] = Deferred()
        made.callback(self.protocol)
        return made


def received(
    asking: Deferred[Any],
    headers: Callable[[Any], dict[bytes, list[bytes]]],
    protocol: Any,
    transport: StringTransport,
    pieces: Sequence[bytes],
) -> Came:
    """What comes of these bytes and the end of the connection."""
    came, reader = Came(), Reader()

    def read(response: Any) -> None:
        came.status, came.fields = response.code, headers(response)
        response.deliverBody(reader)

    asking.addCallbacks(read, lambda _failure: None)
    for piece in pieces:
        if not (transport.disconnecting or transport.disconnected):
            protocol.dataReceived(piece)
    protocol.connectionLost(Failure(ConnectionLost()))
    came.body, came.end = reader.body, reader.end if came.status else "broken"
    return came


def by_twisted(pieces: Sequence[bytes]) -> Came:
    wire, clock = Wire(), Clock()
    pool = HTTPConnectionPool(clock)
    agent = Agent.usingEndpointFactory(clock, wire, pool)
    asking = agent.request(b"GET", b"http://a.test/")
    return received(
        asking,
        lambda response: {
            name.lower(): list(values)
            for name, values in response.headers.getAllRawHeaders()
        },
        wire.protocol,
        wire.transport,
        pieces,
    )


# Twisted's client keeps what frames a body to itself.
FRAMING = {"content-length", "connection", "keep-alive", "transfer-encoding"}


def by_us(pieces: Sequence[bytes]) -> Came:
    transport = StringTransport()
    connection = Connection(b"", lambda _idle: None, lambda _gone: None)
    connection.makeConnection(transport)
    return received(
        connection.ask(b""),
        lambda response: {
            name.encode(): [value.encode() for value in values]
            for name, values in response.head.fields.items()
            if name not in FRAMING
        },
        connection,
        transport,
        pieces,
    )


STATUS = st.sampled_from(
    [OK] * 4
    + [b"HTTP/1.1 %d x\r\n" % each for each in (204, 301, 304, 404, 429, 503)]
    + [b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200\n", b"HTTP/1.1 x OK\r\n", b"HTTP 200\r\n"]
    + [b"HTTP/1.1 100 Continue\r\n\r\n" + OK]
)
FIELD = st.sampled_from(
    (
        *(b"Content-Type: application/json\r\n", b'ETag: W/"x"\r\n', b"Age:7\n"),
        *(b"Vary: a\r\n", b"vary:  b \r\n", b"X-Cache: Hit\r\n", b"A: b: c\r\n"),
        *(b"Connection: close\r\n", b"Keep-Alive: timeout=5\r\n", b"Empty:\r\n"),
        *(b"Set-Cookie: a=b; Path=/\r\n", "A: \xe9\r\n".encode(), b"Via: 1.1 x\r\n"),
    )
)
ODD = st.sampled_from((b"A b\r\n", b"A : b\r\n", b": b\r\n", b"\xff: b\r\n"))
BODY = st.binary(max_size=60)


def counted(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def chunked(body: bytes) -> bytes:
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(body[at : at + 7]), body[at : at + 7])
        for at in range(0, len(body), 7)
    )
    return b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


FRAMED = st.one_of(
    BODY.map(counted),
    BODY.map(chunked),
    BODY.map(lambda body: b"\r\n" + body),
    st.sampled_from(
        (
            *(b"Content-Length: x\r\n\r\nab", b"Content-Length: -1\r\n\r\nab"),
            *(b"Content-Length: 2, 2\r\n\r\nab", b"Content-Length: 2, 3\r\n\r\nab"),
            *(b"Transfer-Encoding: br\r\n\r\nab", b"Transfer-Encoding: x\r\n\r\n"),
            b"Transfer-Encoding: chunked\r\n\r\nx\r\nab\r\n0\r\n\r\n",
            b"Content-Length: 9\r\n" + chunked(b"ab"),
        )
    ),
)


class AsTwisted(SynchronousTestCase):
    """Whatever comes, and in whatever pieces, Twisted's own client makes the same of
    it: this one may be quicker, and not more lenient."""

    @examples(700)
    @given(
        STATUS,
        st.lists(FIELD, max_size=6),
        st.lists(ODD, max_size=1) | st.just([]),
        FRAMED,
        st.integers(0, 30) | st.just(0),
        st.lists(st.integers(1, 300), max_size=5),
    )
    def test_each_answer_is_the_same(
        self,
        status: bytes,
        fields: list[bytes],
        odd: list[bytes],
        framed: bytes,
        missing: int,
        cuts: list[int],
    ) -> None:
        raw = status + b"".join((*fields, *odd)) + framed
        raw = raw[: len(raw) - missing]
        at = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
        pieces = [raw[a:b] for a, b in pairwise(at)]
        self.assertEqual(by_us(pieces), by_twisted(pieces), raw)
