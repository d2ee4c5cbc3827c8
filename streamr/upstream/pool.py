"""The pool of connections of one route, which tells an attempt which one it got."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IStreamClientEndpoint,
)
from twisted.web.client import HTTPConnectionPool

from streamr.upstream.dial.tap import Tap, Trace, TracedEndpoint


class TracedPool(HTTPConnectionPool):
    """A pool that tells each attempt which connection carries it.

    Retries are the gateway's decision, so the pool makes none of its own.
    """

    retryAutomatically = False
    # Many servers close idle connections after a minute, which costs a reset on the
    # next request (docs/facts/tls.md, "Idle connections").
    cachedConnectionTimeout = 45

    def __init__(self, reactor: Any, most_idle: int) -> None:
        """Every connection that may be in use at once is kept: with six of 16, one miss
        in eight paid for a new handshake (docs/facts/performance.md, "Idle
        connections")."""
        super().__init__(reactor)
        self.maxPersistentPerHost = most_idle

    def getConnection(self, key: Any, endpoint: IStreamClientEndpoint) -> Deferred[Any]:
        connecting: Deferred[Any] = super().getConnection(key, endpoint)
        if isinstance(endpoint, TracedEndpoint):
            connecting.addCallback(_carry, endpoint.trace)
        return connecting


def _carry(protocol: Any, trace: Trace) -> Any:
    """Find the tap below a pooled protocol (HTTP, perhaps TLS, tap)."""
    transport = protocol.transport
    while transport is not None and not isinstance(transport, Tap):
        transport = getattr(transport, "transport", None)
    if transport is not None:
        trace.carried_by(transport)
    return protocol
