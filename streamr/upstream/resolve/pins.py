"""Names to addresses: pins, address family, and a mark on the trace when it is done.

`HostnameEndpoint` takes its resolver from the reactor it is given, so each attempt gets
a view of the reactor with a resolver of its own. The pins change only where the bytes
go: URL, SNI and the verified name stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

from streamr.upstream.resolve.cache import Address, Resolution, address_of

Pins = Mapping[str, Sequence[tuple[str, int | None]]]

FAMILIES: dict[str, Sequence[type[Address]] | None] = {
    "auto": None,
    "ipv4": (IPv4Address,),
    "ipv6": (IPv6Address,),
}


@implementer(IHostnameResolver)
class PinnedResolver:
    """Answers pinned names from the settings and hands all others on.

    `family` limits what the inner resolver may return; a pin is always obeyed.
    """

    def __init__(self, inner: IHostnameResolver, pins: Pins, family: str) -> None:
        self._inner = inner
        self._pins = pins
        self._types = FAMILIES[family]

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[Any]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        pinned = self._pins.get(hostName.lower())
        if pinned is None:
            return self._inner.resolveHostName(
                resolutionReceiver,
                hostName,
                portNumber,
                addressTypes or self._types,
                transportSemantics,
            )
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        for text, port in pinned:
            resolutionReceiver.addressResolved(
                address_of(text, portNumber if port is None else port)
            )
        resolutionReceiver.resolutionComplete()
        return resolution


@implementer(IResolutionReceiver)
class _Marked:
    """A receiver that also tells when the resolution found something."""

    def __init__(self, inner: IResolutionReceiver, found: Callable[[], None]) -> None:
        self._inner = inner
        self._found = found
        self._count = 0

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._inner.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:
        self._count += 1
        self._inner.addressResolved(address)

    def resolutionComplete(self) -> None:
        if self._count:
            self._found()
        self._inner.resolutionComplete()


@implementer(IHostnameResolver)
class _MarkingResolver:
    def __init__(self, inner: IHostnameResolver, found: Callable[[], None]) -> None:
        self._inner = inner
        self._found = found

    def resolveHostName(
        self, resolutionReceiver: IResolutionReceiver, *args: Any, **kwargs: Any
    ) -> IHostResolution:
        marked = _Marked(resolutionReceiver, self._found)
        return self._inner.resolveHostName(marked, *args, **kwargs)


@implementer(IReactorTime, IReactorTCP, IReactorPluggableNameResolver)
class ReactorView:
    """The reactor as one attempt sees it: the same, with another name resolver."""

    def __init__(
        self, reactor: Any, resolver: IHostnameResolver, found: Callable[[], None]
    ) -> None:
        self.nameResolver = _MarkingResolver(resolver, found)
        self.seconds = reactor.seconds
        self.callLater = reactor.callLater
        self.getDelayedCalls = reactor.getDelayedCalls
        self.connectTCP = reactor.connectTCP
        self.listenTCP = reactor.listenTCP
        self.installNameResolver = reactor.installNameResolver
