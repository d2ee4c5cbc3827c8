"""The only roads that a doctor under test may take: all of them end on loopback."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import (
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
)
from zope.interface import implementer

if TYPE_CHECKING:
    # the process that draws networks knows this module, and never the doctor
    from streamr.doctor.probe.examination import DoctorReactor


# TCP has no route to the broadcast address: ENETUNREACH, in every network and in none.
NO_ROAD = "255.255.255.255"


@implementer(IReactorTime, IReactorTCP, IReactorPluggableNameResolver)
class Roads:
    """The reactor, but some addresses lead elsewhere and none leaves this machine."""

    def __init__(self, reactor: DoctorReactor, roads: Mapping[str, str]) -> None:
        self._reactor = reactor
        self._roads = roads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(self, host: str, *args: Any, **kwargs: Any) -> Any:
        """Connect where the road leads. NO_ROAD is an address for which the system
        itself says, without sending anything, that it has no route."""
        target = self._roads.get(host, host)
        if target == NO_ROAD:
            return self._reactor.connectTCP(target, *args, **kwargs)
        assert ipaddress.ip_address(target).is_loopback, f"{host} is not on loopback"
        return self._reactor.connectTCP(target, *args, **kwargs)
