"""A protocol that begins a connection and hands it over to the real one."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure


class Handover(Protocol):
    """Until `adopt` what comes is for `received` and `lost`; then for the real
    protocol, which has the very transport."""

    _real: Any = None

    def adopt(self, real: Any) -> None:
        """From now on this connection is the real protocol's."""
        self._real = real
        real.makeConnection(self.transport)

    def received(self, data: bytes) -> None:
        """Take what came before the connection was handed over."""

    def lost(self, reason: Failure) -> None:
        """The connection has ended before it was handed over."""

    def dataReceived(self, data: bytes) -> None:
        if self._real is not None:
            self._real.dataReceived(data)
        else:
            self.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._real is not None:
            self._real.connectionLost(reason)
        else:
            self.lost(reason)
