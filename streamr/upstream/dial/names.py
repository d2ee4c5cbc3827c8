"""The addresses of a name, as a Deferred."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from streamr.upstream.resolve.cache import Address


@implementer(IResolutionReceiver)
class _Collected:
    """Collects what a resolver finds."""

    def __init__(self, found: Deferred[list[Address]]) -> None:
        self._found = found
        self._addresses: list[Address] = []

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Nothing to do: who does not want the addresses any more leaves them."""

    def addressResolved(self, address: IAddress) -> None:
        if isinstance(address, Address):
            self._addresses.append(address)

    def resolutionComplete(self) -> None:
        # who has left, has a result already; Deferred swallows one after a cancel
        self._found.callback(self._addresses)


def look_up(
    resolver: IHostnameResolver, host: str, port: int
) -> Deferred[list[Address]]:
    """The addresses of a host, in the resolver's order; [] when there are none."""
    found: Deferred[list[Address]] = Deferred()
    resolver.resolveHostName(_Collected(found), host, port)
    return found
