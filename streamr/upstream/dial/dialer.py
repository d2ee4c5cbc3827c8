"""The dialer: one connection, put together from endpoints that wrap endpoints.

TCP to one address ─► [tunnel of an outbound proxy] ─► tap ─► [TLS profile] ─► HTTP
└──────────── several of these race, the first that is ready wins ───────────┘
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from streamr.boundaries import Egress
from streamr.errors import Fault
from streamr.interfaces import Places, Reactor
from streamr.upstream.dial.addresses import (
    AddressesEndpoint,
    HostAddresses,
    TunnelledEndpoint,
    Wrap,
)
from streamr.upstream.dial.egress import through
from streamr.upstream.dial.handshake import TLSEndpoint
from streamr.upstream.dial.race import Rules
from streamr.upstream.dial.tap import Leg, TapEndpoint, Trace
from streamr.upstream.dial.tls import Creator, ProfilePolicy

T = TypeVar("T")

# The next address is tried this long after the one before: RFC 8305, 5 recommends
# 250 ms and allows 10 ms. It is what an address that does not answer costs, so there is
# less of it while none of the host's has answered.
FIRST_DELAY = 0.05
ATTEMPT_DELAY = 0.25
# Where handshakes are reset at random, three are tried at once: TMDB's CDN counts
# connections (docs/facts/tmdb.md, "Limits on requests and connections"), and a fourth
# would gain 6 %.
RACERS = 3


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outbound proxy, and how it is reached: where its name is looked up, and with
    which TLS, None where the proxy speaks none. `known` gives it as it is now: its
    user and password may change while it is in use."""

    known: Callable[[], Egress]
    addresses: HostAddresses
    policy: ProfilePolicy | None

    @property
    def egress(self) -> Egress:
        """The proxy, for the next connection."""
        return self.known()


@dataclass(frozen=True, slots=True)
class Dialer:
    """How a route makes its connections.

    `policy` is its TLS profile, None for a route over plain http; `outlet` is the
    outbound proxy that it goes through, None when it goes out from here.
    """

    reactor: Reactor
    addresses: HostAddresses
    policy: ProfilePolicy | None
    outlet: Outlet | None = None

    def attempt(self, trace: Trace, places: Places | None) -> IAgentEndpointFactory:
        """The endpoints of one attempt, which its trace follows. `places` are there
        when several connections should be raced."""
        return _Attempt(self, trace, places)

    def endpoint(
        self, host: str, port: int, trace: Trace, *, secure: bool, at_once: int
    ) -> IStreamClientEndpoint:
        """The connection to a host: the first of `at_once` that are tried together, and
        of those that follow. Raises Fault for https without a TLS profile."""
        wrap = _wrapped(self.reactor, self._creator(host, port) if secure else None)
        rules = _rules(trace, secure=secure, at_once=at_once)
        reactor, outlet = self.reactor, self.outlet
        if outlet is None:
            return AddressesEndpoint(
                host, port, self.addresses, reactor, reactor, wrap, trace, rules
            )

        def tunnel() -> IStreamClientEndpoint:
            where = self.addresses.fixed(host, port)
            return through(outlet.egress, _to_proxy(reactor, outlet, trace), *where)

        name = outlet.egress.name
        return TunnelledEndpoint(name, tunnel, reactor, wrap, trace, rules)

    def _creator(self, host: str, port: int) -> Creator:
        if self.policy is None:
            raise Fault("proxy_internal_error", "https without a TLS profile")
        return self.policy.creatorForNetloc(host.encode("ascii"), port)


def _rules(trace: Trace, *, secure: bool, at_once: int) -> Rules:
    """How addresses are tried on a line like this one."""
    line = trace.line

    def delay() -> float:
        return line.limit(FIRST_DELAY if line.is_new else ATTEMPT_DELAY)

    return Rules(secure, at_once, delay, line.limit(ATTEMPT_DELAY))


def _wrapped(reactor: Reactor, creator: Creator | None) -> Wrap:
    """What is above TCP, or above a tunnel: the tap, and TLS where there is any."""

    def wrap(tcp: IStreamClientEndpoint, leg: Leg) -> IStreamClientEndpoint:
        tapped = TapEndpoint(tcp, leg, secure=creator is not None)
        return tapped if creator is None else TLSEndpoint(creator, tapped, reactor)

    return wrap


def _to_proxy(reactor: Reactor, outlet: Outlet, trace: Trace) -> IStreamClientEndpoint:
    """The connection to an outbound proxy, whose evidence is not that of TMDB."""
    egress, policy = outlet.egress, outlet.policy
    creator = None
    if policy is not None:
        creator = policy.creatorForNetloc(egress.host.encode("ascii"), egress.port)
    return AddressesEndpoint(
        egress.host,
        egress.port,
        outlet.addresses,
        reactor,
        reactor,
        _wrapped(reactor, creator),
        trace.aside(),
        _rules(trace, secure=creator is not None, at_once=1),
    )


@implementer(IAgentEndpointFactory)
class _Attempt:
    """The endpoints of one attempt."""

    def __init__(self, dialer: Dialer, trace: Trace, places: Places | None) -> None:
        self._dialer = dialer
        self._trace = trace
        self._places = places

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        host, secure = uri.host.decode("ascii").strip("[]"), uri.scheme == b"https"
        places = self._places if secure else None

        def make(at_once: int) -> IStreamClientEndpoint:
            return self._dialer.endpoint(
                host, uri.port, self._trace, secure=secure, at_once=at_once
            )

        return _Lent(make, places)


@implementer(IStreamClientEndpoint)
class _Lent:
    """Races as many connections as there are places for, and one where none is lent.

    Nothing is made before a connection is needed: most requests find one kept alive.
    """

    def __init__(
        self, make: Callable[[int], IStreamClientEndpoint], places: Places | None
    ) -> None:
        self._make = make
        self._places = places

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        places = self._places
        more = places.borrow(RACERS - 1) if places is not None else 0
        connecting: Deferred[IProtocol] = self._make(1 + more).connect(protocolFactory)
        if places is None or more == 0:
            return connecting

        def over(result: T) -> T:
            places.give_back(more)
            return result

        return connecting.addBoth(over)
