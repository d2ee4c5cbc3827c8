"""DNS servers of the tests' own: one table of answers, over every transport."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import trustme
from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLContextFactory
from twisted.internet.protocol import (
    DatagramProtocol,
    Factory,
    Protocol,
    connectionDone,
)
from twisted.internet.task import deferLater
from twisted.internet.tcp import Connection
from twisted.internet.udp import Port as UDP
from twisted.names import dns
from twisted.protocols.basic import Int16StringReceiver
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from streamr.interfaces import Reactor

NAME = "api.test.invalid"
V4, V6 = (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")
HOST = "dns.test.invalid"
MEDIA_TYPE = "application/dns-message"


# What is to come, comes after some; only a test that fails sees so many.
MOST_TURNS = 100_000


async def until(reactor: Any, so: Callable[[], object]) -> None:
    """Turn the reactor until it is so."""
    for _ in range(MOST_TURNS):
        if so():
            return
        await deferLater(reactor, 0)
    raise AssertionError("it never is")


def held(reactor: Any) -> set[Any]:
    """The connections, the UDP sockets and the timers in the reactor."""
    kinds = (Connection, UDP)
    sockets = [each for each in reactor.getReaders() if isinstance(each, kinds)]
    return {*sockets, *(e for e in reactor.getDelayedCalls() if e.active())}


async def let_go(reactor: Any, before: set[Any]) -> None:
    """End the connections that are new since then, and wait until nothing is left."""
    for each in held(reactor) - before:
        if isinstance(each, Connection):
            each.abortConnection()
    await until(reactor, lambda: not held(reactor) - before)


@dataclass
class Table:
    """What the servers answer; `change` has the last word on each reply."""

    code: int = dns.OK
    silent: bool = False
    long_over_udp: bool = False
    change: Callable[[dns.Message], object] = lambda message: None
    asked: list[str] = field(default_factory=list)

    def reply(self, data: bytes, by: str) -> bytes | None:
        """The answer to a question; None for silence."""
        message = dns.Message()
        message.fromStr(data)
        self.asked.append(by)
        if self.silent:
            return None
        reply = dns.Message(message.id, answer=1, rCode=self.code)
        reply.queries = message.queries
        reply.trunc = int(by == "udp" and self.long_over_udp)
        if self.code == dns.OK and not reply.trunc:
            reply.answers = [_record(message.queries[0])]
        self.change(reply)
        return reply.toStr()


def _record(query: dns.Query) -> dns.RRHeader:
    payload = dns.Record_A(V4[1]) if query.type == dns.A else dns.Record_AAAA(V6[1])
    return dns.RRHeader(query.name.name, query.type, payload=payload)


class Servers:
    """Every server on loopback over one table, with a certificate for `HOST` and the
    loopback address; `stop` ends all, and the connections to them."""

    def __init__(self, reactor: Reactor, folder: Path) -> None:
        self.table = Table()
        self.connections: list[Any] = []
        self.taken = 0
        self._reactor = reactor
        self._ports: list[Any] = []
        authority = trustme.CA()
        self.leaf = authority.issue_cert(HOST, "127.0.0.1")
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))

    def udp(self) -> int:
        return self._kept(
            self._reactor.listenUDP(0, _Datagrams(self.table), "127.0.0.1", 8192)
        )

    def tcp(self, port: int = 0) -> int:
        made = Factory.forProtocol(lambda: _Stream(self.table, "tcp"))
        return self._listen(made, port=port)

    def tls(self) -> int:
        made = Factory.forProtocol(lambda: _Stream(self.table, "tls"))
        return self._listen(made, ())

    def http2(self, status: str = "200", media_type: str = MEDIA_TYPE) -> int:
        """HTTP/2 or nothing."""
        made = Factory.forProtocol(lambda: _Http2(self.table, status, media_type))
        return self._listen(made, (b"h2",))

    def http1(self, *, close: bool = False, alpn: bool = True) -> int:
        """HTTP/1.1, by Twisted; `close` ends each connection after an answer."""
        site = Site(_Page(self.table, close=close), reactor=self._reactor)
        return self._listen(site, (b"http/1.1",) if alpn else ())

    def impostor(self, port: int) -> None:
        """Somebody with a certificate of another name, at 127.0.0.2."""
        leaf = trustme.CA().issue_cert("other.test.invalid")
        made: Any = Factory.forProtocol(Protocol)
        context = _Context(leaf, (b"h2",))
        made = TLSMemoryBIOFactory(context, False, made, self._reactor)
        self._kept(self._reactor.listenTCP(port, made, 50, "127.0.0.2"))

    def drop(self) -> None:
        """Close every connection that there is."""
        for each in self.connections[:]:
            each.abortConnection()

    async def stop(self) -> None:
        self.drop()
        for each in self._ports:
            await each.stopListening()

    def _listen(
        self, factory: Any, alpn: tuple[bytes, ...] | None = None, port: int = 0
    ) -> int:
        if alpn is not None:
            context = _Context(self.leaf, alpn)
            factory = TLSMemoryBIOFactory(context, False, factory, self._reactor)
        noting = _Noting(factory, self)
        return self._kept(self._reactor.listenTCP(port, noting, 50, "127.0.0.1"))

    def _kept(self, port: Any) -> int:
        self._ports.append(port)
        number: int = port.getHost().port
        return number


@implementer(IOpenSSLContextFactory)
class _Context:
    """A server's TLS, as Twisted asks for it."""

    def __init__(self, leaf: trustme.LeafCert, alpn: tuple[bytes, ...]) -> None:
        self._leaf, self._alpn = leaf, alpn

    def getContext(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._leaf.configure_cert(context)

        def choose(_connection: SSL.Connection, offered: list[bytes]) -> Any:
            common = [each for each in self._alpn if each in offered]
            return common[0] if common else SSL.NO_OVERLAPPING_PROTOCOLS

        context.set_alpn_select_callback(choose)
        return context


class _Noted(ProtocolWrapper):
    """One TCP connection, of which the servers know while it is open."""

    def makeConnection(self, transport: Any) -> None:
        self.factory.noting.connections.append(transport)
        self.factory.noting.taken += 1
        super().makeConnection(transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.noting.connections.remove(self.transport)
        super().connectionLost(reason)


class _Noting(WrappingFactory):
    protocol = _Noted
    noisy = False

    def __init__(self, wrapped: Any, noting: Servers) -> None:
        super().__init__(wrapped)
        self.noting = noting


class _Datagrams(DatagramProtocol):
    def __init__(self, table: Table) -> None:
        self._table = table

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        reply = self._table.reply(datagram, "udp")
        if reply is not None:
            assert self.transport is not None
            self.transport.write(reply, addr)


class _Stream(Int16StringReceiver):
    def __init__(self, table: Table, by: str) -> None:
        self._table, self._by = table, by

    def stringReceived(self, string: bytes) -> None:
        reply = self._table.reply(string, self._by)
        if reply is not None:
            self.sendString(reply)


@implementer(IHandshakeListener)
class _Http2(Protocol):
    """A resolver that speaks nothing but HTTP/2."""

    def __init__(self, table: Table, status: str, media_type: str) -> None:
        self._table, self._status, self._type = table, status, media_type
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self._bodies: dict[int, bytes] = {}

    def handshakeCompleted(self) -> None:
        transport: Any = self.transport
        assert transport.negotiatedProtocol == b"h2"
        self.h2.initiate_connection()
        self._write()

    def dataReceived(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            match event:
                case h2.events.RequestReceived():
                    fields = dict(event.headers or ())
                    assert fields[":method"] == "POST", fields
                    assert fields["content-type"] == fields["accept"] == MEDIA_TYPE
                    self._bodies[event.stream_id] = b""
                case h2.events.DataReceived():
                    self._bodies[event.stream_id] += event.data
                case h2.events.StreamEnded():
                    self._answer(event.stream_id)
        self._write()

    def _answer(self, number: int) -> None:
        body = self._bodies.pop(number)
        assert body[:2] == b"\0\0", "the number is 0 (RFC 8484, 4.1)"
        reply = self._table.reply(body, "https")
        if reply is not None:
            head = [(":status", self._status), ("content-type", self._type)]
            self.h2.send_headers(number, head)
            self.h2.send_data(number, reply, end_stream=True)

    def _write(self) -> None:
        assert self.transport is not None
        self.transport.write(self.h2.data_to_send())


class _Page(Resource):
    """A resolver that speaks HTTP/1.1."""

    isLeaf = True

    def __init__(self, table: Table, *, close: bool) -> None:
        super().__init__()
        self._table, self._close = table, close

    def render_POST(self, request: Any) -> Any:
        from twisted.web.server import NOT_DONE_YET

        assert request.getHeader("content-type") == MEDIA_TYPE
        reply = self._table.reply(request.content.read(), "https")
        if reply is None:
            return NOT_DONE_YET
        request.setHeader("content-type", MEDIA_TYPE)
        if self._close:
            request.setHeader("connection", "close")
        return reply
