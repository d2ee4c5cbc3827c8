"""A connection through an outbound proxy: a handshake first, then the real protocol.

The handshake is a generator, so that CONNECT and SOCKS5 read from top to bottom and
know nothing of sockets: it yields what it says and what it waits for, and is sent that.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, NoProtocol
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.errors import Fault
from streamr.eventloop import flush
from streamr.upstream.dial.handover import Handover

# What a proxy may say in its handshake, in bytes. A whole head of HTTP rarely has a
# tenth of it, and an answer of SOCKS5 has at most 262 (RFC 1928, 6).
MOST_BYTES = 16384


@dataclass(frozen=True, slots=True)
class Ask:
    """One step of a handshake: `says` is written, then `awaits` is waited for: so many
    bytes, or all up to and with an end mark."""

    says: bytes
    awaits: int | bytes


# Is sent what it has asked for. Returns when the tunnel is open; raises Fault.
Handshake = Generator[Ask, bytes, None]


@implementer(IStreamClientEndpoint)
class TunnelEndpoint:
    """Connects to a proxy, makes one handshake, and hands the transport over."""

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        handshake: Callable[[], Handshake],
        *,
        secure: bool = False,
    ) -> None:
        """`endpoint` connects to the proxy. `secure` says that it does so with TLS, so
        that an end before the first byte may be the end of that handshake."""
        self._endpoint = endpoint
        self._handshake = handshake
        self._secure = secure

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with the real protocol. Fails with Fault when the proxy refuses, with
        CancelledError when cancelled, and with what `endpoint` failed with."""
        tunnels = _Tunnels(protocolFactory, self._handshake, secure=self._secure)
        connecting: Deferred[Any] = self._endpoint.connect(tunnels)
        return connecting.addCallback(_begin)


def _begin(tunnel: Any) -> Deferred[Any]:
    opening: Deferred[Any] = tunnel.begin()
    return opening


class _Tunnels(Factory):
    """Makes a protocol for each connection of an endpoint, which may try several."""

    noisy = False

    def __init__(
        self,
        real: IProtocolFactory,
        handshake: Callable[[], Handshake],
        *,
        secure: bool,
    ) -> None:
        self._real = real
        self._handshake = handshake
        self._secure = secure

    def buildProtocol(self, addr: IAddress | None) -> _Tunnel:
        def build() -> Any:
            return self._real.buildProtocol(addr)  # type: ignore[arg-type]

        return _Tunnel(build, self._handshake(), secure=self._secure)


class _Inbox:
    """What the proxy has said and nobody has read yet, within its limit."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.taken = 0
        self._searched = 0

    def take(self, wanted: int | bytes) -> bytes | None:
        """What is wanted, None if it has not come yet. Raises Fault beyond the
        limit."""
        size = self._size(wanted)
        if self.taken + (len(self.bytes) if size is None else size) > MOST_BYTES:
            limit = f"an answer of more than {MOST_BYTES} bytes"
            raise Fault("egress_protocol_error", limit)
        if size is None:
            return None
        found = bytes(self.bytes[:size])
        del self.bytes[:size]
        self.taken += size
        self._searched = 0
        return found

    def _size(self, wanted: int | bytes) -> int | None:
        if isinstance(wanted, int):
            return wanted if len(self.bytes) >= wanted else None
        found = self.bytes.find(wanted, self._searched)
        if found < 0:
            # the mark may have begun
            self._searched = max(0, len(self.bytes) - len(wanted) + 1)
            return None
        return found + len(wanted)


@implementer(IHandshakeListener)
class _Tunnel(Handover):
    """The connection to the proxy until the handshake is over."""

    def __init__(
        self, build: Callable[[], Any], handshake: Handshake, *, secure: bool
    ) -> None:
        self._build = build
        self._handshake = handshake
        self._reached = not secure
        self._open: Deferred[Any] = Deferred(lambda _open: self._close())
        self._begun = False
        self._ended: Failure | None = None
        self._ask: Ask | None = None
        self._inbox = _Inbox()

    @property
    def progress(self) -> str:
        """How much the proxy has said."""
        came = self._inbox.taken + len(self._inbox.bytes)
        return f"after {came} bytes of an answer" if came else "no answer"

    def begin(self) -> Deferred[Any]:
        """The endpoint has chosen this connection: make the handshake. Fires with the
        real protocol."""
        self._begun = True
        if self._ended is not None:
            self._open.errback(self._ended)
            return self._open
        self._step(lambda: next(self._handshake))
        self._go_on()
        return self._open

    def handshakeCompleted(self) -> None:
        """TLS to the proxy is established."""
        self._reached = True

    def received(self, data: bytes) -> None:
        self._reached = True
        self._inbox.bytes += data
        self._go_on()

    def lost(self, reason: Failure) -> None:
        if self._reached:
            how = "closed" if reason.check(ConnectionDone) else "reset"
            reason = Failure(Fault("egress_closed", f"{how}, {self.progress}"))
        self._ended = reason
        if self._begun and not self._open.called:
            self._open.errback(reason)

    def _go_on(self) -> None:
        """Hand the generator what it has asked for, as far as that has come."""
        while self._ask is not None:
            try:
                said = self._inbox.take(self._ask.awaits)
            except Fault:
                self._fail(Failure())
                return
            if said is None:
                return
            self._step(lambda said=said: self._handshake.send(said))  # type: ignore[misc]

    def _step(self, step: Callable[[], Ask]) -> None:
        self._ask = None
        try:
            ask = step()
        except StopIteration:
            self._hand_over()
        except Fault:
            self._fail(Failure())
        else:
            self._ask = ask
            self.transport.write(ask.says)  # type: ignore[union-attr]
            flush(self.transport)

    def _hand_over(self) -> None:
        real = self._build()
        if real is None:
            self._fail(Failure(NoProtocol()))
            return
        self.adopt(real)
        self._open.callback(real)
        if self._inbox.bytes:
            real.dataReceived(bytes(self._inbox.bytes))

    def _fail(self, failure: Failure) -> None:
        self._close()
        self._open.errback(failure)

    def _close(self) -> None:
        """Close the connection now, with a reset: nothing that the proxy may still say
        is wanted."""
        self._ask = None
        self._handshake.close()
        self.transport.abortConnection()  # type: ignore[union-attr]
