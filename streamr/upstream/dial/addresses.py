"""The addresses of a host, tried with TCP and TLS until one of them answers.

What was learned at each address goes into the book, for the next attempt and for all
routes; the evidence of each stays in the attempt's trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.address import IPv6Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTCP,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.net.networks import address_in
from streamr.upstream.classify import silence
from streamr.upstream.dial.names import look_up
from streamr.upstream.dial.race import ConnectionRace, Racer, Rules
from streamr.upstream.dial.tap import Leg, Trace
from streamr.upstream.resolve.book import AddressBook
from streamr.upstream.resolve.cache import Address, address_of
from streamr.upstream.resolve.pins import PinnedResolver

T = TypeVar("T")
# What a connection to one address is made of, above TCP.
Wrap = Callable[[IStreamClientEndpoint, Leg], IStreamClientEndpoint]

# The trace keeps the time of an attempt; TCP's own limit only has to be longer.
TCP_SECONDS = 60


class HostAddresses:
    """Where a route looks up its hosts, and what it makes of the answers."""

    def __init__(
        self, resolver: PinnedResolver, book: AddressBook, source: str, family: str
    ) -> None:
        """`source` is the resolver's name, and `family` is which addresses count."""
        self._resolver = resolver
        self._book = book
        self._source = source
        self._family = family

    def find(self, host: str, port: int) -> Deferred[list[Address]]:
        """The addresses to try, in their order; [] when there are none. A pin, and an
        address in place of a name, are obeyed as they stand."""
        finding = look_up(self._resolver, host, port)
        if self._fixed(host):
            return finding
        return finding.addCallback(self._ordered, host, port)

    def fixed(self, host: str, port: int) -> tuple[str, int]:
        """Where an outbound proxy is asked to connect to: the host by its name, or
        where the settings pin it."""
        pin = self._resolver.pinned(host)
        if pin is None:
            return host, port
        address, number = pin
        return address, port if number is None else number

    def ended(self, host: str, legs: list[Leg], *, won: bool) -> None:
        """An attempt to reach the host has ended: what was found at its addresses."""
        if self._fixed(host):
            return
        # our own load on the line says nothing of an address
        telling = [each for each in legs if each.fault is None or not each.own_load]
        for leg in telling:
            if leg.fault is not None:
                self._book.failed(host, leg.address, leg.fault)
        if not won and telling:
            self._resolver.doubt(host)

    def verified(self, host: str, leg: Leg) -> None:
        """A verified handshake has succeeded."""
        if not self._fixed(host):
            self._book.verified(host, leg.address)

    def _fixed(self, host: str) -> bool:
        return self._resolver.is_pinned(host) or address_in(host) is not None

    def _ordered(self, found: list[Address], host: str, port: int) -> list[Address]:
        named = [each.host for each in found]
        self._book.named(host, self._source, named)
        ordered = self._book.order(host, named, self._family)
        return [address_of(each, port) for each in ordered]


@implementer(IStreamClientEndpoint)
class AddressesEndpoint:
    """Connects to a host by one of its addresses.

    Fails with DNSLookupError when the host has none, and otherwise with the Fault that
    tells most.
    """

    def __init__(
        self,
        host: str,
        port: int,
        addresses: HostAddresses,
        reactor: IReactorTCP,
        clock: IReactorTime,
        wrap: Wrap,
        trace: Trace,
        rules: Rules,
    ) -> None:
        """`wrap` puts what is above TCP onto a connection to one address."""
        self._host = host
        self._port = port
        self._addresses = addresses
        self._reactor = reactor
        self._clock = clock
        self._wrap = wrap
        self._trace = trace
        self._rules = rules

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Look the host up, then connect; cancelling ends both."""
        looking = self._addresses.find(self._host, self._port)
        return looking.addCallback(self._race, protocolFactory)

    def _race(
        self, found: list[Address], factory: IProtocolFactory
    ) -> Deferred[IProtocol]:
        if not found:
            return fail(DNSLookupError(f"no address for {self._host}"))
        self._trace.resolved()
        racers = [self._racer(each) for each in found]
        if len(racers) < self._rules.at_once:
            # resets are random: the same address again is another chance
            more = self._rules.at_once - len(racers)
            racers += [self._racer(found[n % len(found)]) for n in range(more)]
        legs = [each.leg for each in racers]
        race = ConnectionRace(racers, factory, self._rules, self._clock)
        return race.won.addCallbacks(
            self._won, self._lost, callbackArgs=(legs,), errbackArgs=(legs,)
        )

    def _racer(self, address: Address) -> Racer:
        leg = self._trace.leg(address.host)
        return Racer(leg, lambda: self._wrap(self._tcp(address), leg))

    def _tcp(self, address: Address) -> IStreamClientEndpoint:
        kind = (
            TCP6ClientEndpoint
            if isinstance(address, IPv6Address)
            else TCP4ClientEndpoint
        )
        return kind(self._reactor, address.host, address.port, timeout=TCP_SECONDS)

    def _won(self, protocol: IProtocol, legs: list[Leg]) -> IProtocol:
        if self._rules.secure:
            for leg in legs:
                if leg.tap is not None and leg.tap is self._trace.tap:
                    self._addresses.verified(self._host, leg)
        self._addresses.ended(self._host, legs, won=True)
        return protocol

    def _lost(self, failure: T, legs: list[Leg]) -> T:
        _time_was_up(self._trace, legs)
        self._addresses.ended(self._host, legs, won=False)
        return failure


@implementer(IStreamClientEndpoint)
class TunnelledEndpoint:
    """Connects to a host through an outbound proxy, which finds its addresses."""

    def __init__(
        self,
        egress: str,
        tunnel: Callable[[], IStreamClientEndpoint],
        clock: IReactorTime,
        wrap: Wrap,
        trace: Trace,
        rules: Rules,
    ) -> None:
        """`tunnel` makes the connection to the host, over the egress of this name."""
        self._egress = egress
        self._tunnel = tunnel
        self._clock = clock
        self._wrap = wrap
        self._trace = trace
        self._rules = rules

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, several times where handshakes are reset at random."""
        self._trace.resolved()
        racers = [self._racer() for _ in range(self._rules.at_once)]
        legs = [each.leg for each in racers]
        race = ConnectionRace(racers, protocolFactory, self._rules, self._clock)
        return race.won.addErrback(self._lost, legs)

    def _racer(self) -> Racer:
        leg = self._trace.leg("", egress=self._egress)
        return Racer(leg, lambda: self._wrap(self._tunnel(), leg))

    def _lost(self, failure: Failure, legs: list[Leg]) -> Failure:
        _time_was_up(self._trace, legs)
        return failure


def _time_was_up(trace: Trace, legs: list[Leg]) -> None:
    """Note the silence of the legs that were under way when an attempt's time ended."""
    if trace.timed_out:
        for leg in legs:
            if leg.began is not None and leg.fault is None:
                leg.fault = silence(leg)
