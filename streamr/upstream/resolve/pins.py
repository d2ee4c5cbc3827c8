"""Names to addresses: pins, and the address family.

The pins change only where the bytes go: URL, SNI and the verified name stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from streamr.net.networks import address_in
from streamr.upstream.resolve.cache import Address, Resolution, address_of

Pins = Mapping[str, Sequence[tuple[str, int | None]]]


class NameResolver(Protocol):
    """A name resolver of Twisted's kind, whose answers can be doubted."""

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[Any]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """As IHostnameResolver has it."""

    def doubt(self, host: str) -> None:
        """The last answer has led nowhere: ask again soon, and wait for it."""


FAMILIES: dict[str, Sequence[type[Address]] | None] = {
    "auto": None,
    "ipv4": (IPv4Address,),
    "ipv6": (IPv6Address,),
}


@implementer(IHostnameResolver)
class PinnedResolver:
    """Answers pinned names from the settings and hands all others on.

    `family` limits what a name may mean; a pin, and an address in place of a name, are
    always obeyed.
    """

    def __init__(self, inner: NameResolver, pins: Pins, family: str) -> None:
        self._inner = inner
        self._pins = pins
        self._types = FAMILIES[family]

    def is_pinned(self, host: str) -> bool:
        """True when the settings say where a host is."""
        return host.lower() in self._pins

    def pinned(self, host: str) -> tuple[str, int | None] | None:
        """The first pin of a host: an address, and a port where the pin names one."""
        pins = self._pins.get(host.lower())
        return pins[0] if pins else None

    def doubt(self, host: str) -> None:
        """The last answer has led nowhere."""
        self._inner.doubt(host)

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
            of_family = None if address_in(hostName) else self._types
            return self._inner.resolveHostName(
                resolutionReceiver,
                hostName,
                portNumber,
                addressTypes or of_family,
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
