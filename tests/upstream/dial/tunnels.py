"""What the tests of tunnels share: a connection in memory, and a handshake over it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.errors import Fault
from streamr.upstream.dial.tunnel import Handshake, TunnelEndpoint

ADDRESS = IPv4Address("TCP", "192.0.2.1", 8080)


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


@implementer(IStreamClientEndpoint)
class FakeEndpoint:
    """A connection to a proxy that the test makes and breaks."""

    def __init__(self) -> None:
        self.cancelled = False
        self.transport = Transport()

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        self._factory = protocolFactory
        self.result: Deferred[Any] = Deferred(self._cancel)
        return self.result

    def _cancel(self, _result: Deferred[Any]) -> None:
        self.cancelled = True

    def made(self) -> Any:
        """The connection stands, and is the one that the endpoint chooses."""
        self.protocol = self._factory.buildProtocol(ADDRESS)
        self.protocol.makeConnection(self.transport)
        self.result.callback(self.protocol)
        return self.protocol


class Real(Protocol):
    """What stands for the tap, TLS and HTTP."""

    def __init__(self) -> None:
        self.got = b""
        self.lost_for: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost_for.append(reason)


class Spoken:
    """A handshake with a proxy that says `chunks`, one after the other."""

    def __init__(self, handshake: Handshake, chunks: Iterable[bytes] = ()) -> None:
        self.endpoint = FakeEndpoint()
        self.real: Any = None
        self.fault: Fault | None = None
        factory = Factory.forProtocol(Real)
        tunnel = TunnelEndpoint(self.endpoint, lambda: handshake)
        tunnel.connect(factory).addCallbacks(self._opened, self._failed)
        self.proxy = self.endpoint.made()
        for chunk in chunks:
            self.says(chunk)

    def says(self, chunk: bytes) -> None:
        if not self.endpoint.transport.aborted:
            self.proxy.dataReceived(chunk)

    @property
    def said(self) -> bytes:
        """What the proxy was told."""
        return self.endpoint.transport.value()

    @property
    def told(self) -> tuple[str, str] | None:
        """Cause and detail of the fault."""
        return (self.fault.cause.name, self.fault.detail) if self.fault else None

    def _opened(self, real: Any) -> None:
        self.real = real

    def _failed(self, failure: Failure) -> None:
        failure.trap(Fault)
        self.fault = failure.value  # type: ignore[assignment]


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The bytes in the pieces that end at these places."""
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]
