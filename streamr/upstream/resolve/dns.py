"""A DNS server of choice, asked over UDP, or over TCP where that does not pass."""

from __future__ import annotations

import secrets
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns

from streamr.interfaces import Reactor
from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.failures import Unreachable
from streamr.upstream.resolve.question import Ask, answers, find_by, question, read
from streamr.upstream.resolve.stream import over_stream

# A resolver that has not answered by then makes every page late.
DNS_SECONDS = 3.0
# Without EDNS (RFC 6891) no answer is longer than 512 bytes; some servers do not care.
LONGEST_DATAGRAM = 8192


def server(
    reactor: Reactor, address: str, port: int, seconds: float = DNS_SECONDS
) -> Find:
    """A DNS server asked over UDP; what does not fit a datagram, over TCP."""
    over_tcp = _tcp(reactor, address, port, seconds)

    def ask(query: dns.Query) -> Deferred[dns.Message]:
        asking = _Asking(reactor, query, seconds / 3)
        asked: Deferred[Any] = asking.begin(address, port)
        return asked.addCallback(lambda m: over_tcp(query) if m.trunc else m)

    return find_by(ask, reactor, seconds)


def server_over_tcp(
    reactor: Reactor, address: str, port: int, seconds: float = DNS_SECONDS
) -> Find:
    """The same over TCP (RFC 7766)."""
    return find_by(_tcp(reactor, address, port, seconds), reactor, seconds)


def endpoint_of(reactor: Reactor, address: str, port: int) -> IStreamClientEndpoint:
    """TCP to one address."""
    kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
    return kind(reactor, address, port)


def _tcp(reactor: Reactor, address: str, port: int, seconds: float) -> Ask:
    # not kept: a handshake without TLS is one round trip
    return over_stream(endpoint_of(reactor, address, port), reactor, seconds, idle=0)


class _Asking(DatagramProtocol):
    """One question, from a socket of its own, so that the port is a random one."""

    def __init__(self, reactor: Reactor, query: dns.Query, again: float) -> None:
        """It is asked once more after `again` seconds: UDP loses packets."""
        self._reactor = reactor
        self._query = query
        self._number = secrets.randbelow(1 << 16)
        self._again = again
        self._timer: IDelayedCall | None = None
        self._done: Deferred[dns.Message] = Deferred(lambda _: self._end())

    def begin(self, address: str, port: int) -> Deferred[dns.Message]:
        """Ask; only what comes from that address is heard."""
        try:
            here = "::" if ":" in address else ""
            self._reactor.listenUDP(0, self, here, LONGEST_DATAGRAM)
            assert self.transport is not None
            self.transport.connect(address, port)
        except (OSError, CannotListenError) as problem:
            self._fail(problem)
        else:
            self._timer = self._reactor.callLater(self._again, self._send)
            self._send()
        return self._done

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if self._done.called:
            return  # Twisted hands on what it has read together, also to a closed port
        message = read(datagram)
        # what does not fit may be forged: the answer can still come (RFC 5452, 9)
        if message is not None and answers(message, self._query, self._number):
            self._end()
            self._done.callback(message)

    def connectionRefused(self) -> None:
        """The other machine says that nobody listens there."""
        self._fail(Unreachable("nobody listens on its port"))

    def stopProtocol(self) -> None:
        """Epoll tells of the same as an error of the socket, which Twisted closes."""
        self.connectionRefused()

    def _send(self) -> None:
        assert self.transport is not None
        try:
            self.transport.write(question(self._query, self._number), None)
        except OSError as problem:
            self._fail(problem)

    def _fail(self, problem: Exception) -> None:
        self._end()
        if not self._done.called:
            self._done.errback(problem)

    def _end(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self.transport is not None:
            self.transport.stopListening()
