"""TLS over an endpoint, with every write on its way at once."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from zope.interface import implementer

from streamr.upstream.dial.tap import above


class _Factory(TLSMemoryBIOFactory):
    """Twisted's own TLS without its buffer, which keeps a write until the reactor's
    next turn to join it with others. A request is one write, and in a crowd that turn
    comes 2 ms later (measured)."""

    protocol = TLSMemoryBIOProtocol


@implementer(IStreamClientEndpoint)
class TLSEndpoint:
    """What `twisted.internet.endpoints.wrapClientTLS` makes, without the buffer."""

    def __init__(
        self,
        creator: IOpenSSLClientConnectionCreator,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
    ) -> None:
        self._creator = creator
        self._endpoint = endpoint
        self._clock = clock

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; fires with the protocol above TLS, before the handshake is over."""
        factory = _Factory(self._creator, True, protocolFactory, self._clock)
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(above)
