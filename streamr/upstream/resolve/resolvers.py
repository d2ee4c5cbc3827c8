"""What STREAMR_RESOLVERS names, as something that finds addresses."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from streamr.boundaries import Budget, Resolver
from streamr.interfaces import Reactor
from streamr.upstream.dial.addresses import HostAddresses
from streamr.upstream.dial.dialer import Dialer
from streamr.upstream.dial.tap import Trace
from streamr.upstream.dial.tls import ProfilePolicy
from streamr.upstream.resolve import dns
from streamr.upstream.resolve.book import AddressBook, no_lie
from streamr.upstream.resolve.cache import Find, RememberingResolver
from streamr.upstream.resolve.doh import ALPN, server_over_https
from streamr.upstream.resolve.dot import server_over_tls
from streamr.upstream.resolve.http_wire import DNSResource
from streamr.upstream.resolve.pins import PinnedResolver
from streamr.upstream.resolve.question import as_lookup_failure
from streamr.upstream.resolve.system import Lookups

# The system's resolver has limits of its own, of up to 30 s (resolv.conf(5): three
# servers, two attempts of five seconds), and what it says late is remembered.
SYSTEM_SECONDS = 30.0
# The TLS policy that offers these protocols.
PolicyFor = Callable[[tuple[bytes, ...]], ProfilePolicy]


def find_of(
    resolver: Resolver,
    reactor: Reactor,
    lookups: Lookups,
    policy_for: PolicyFor,
    seconds: float = dns.DNS_SECONDS,
) -> Find:
    """Finds addresses by this resolver, each question within so many seconds; fails
    with LookupFailed. `lookups` is the system's resolver, which also finds the address
    of a resolver that is given by its name only."""
    address, port = resolver.address, resolver.port
    match resolver.scheme:
        case "udp":
            return dns.server(reactor, address, port, seconds)
        case "tcp":
            return dns.server_over_tcp(reactor, address, port, seconds)
        case "tls":
            endpoint = _Verified(resolver, reactor, lookups, policy_for(()))
            return server_over_tls(reactor, endpoint, seconds)
        case "https":
            endpoint = _Verified(resolver, reactor, lookups, policy_for(ALPN))
            place = DNSResource(resolver.authority, resolver.path)
            return server_over_https(reactor, endpoint, place, seconds)
    return lambda name: (
        lookups.find(name)
        .addTimeout(SYSTEM_SECONDS, reactor)
        .addErrback(as_lookup_failure)
    )


@implementer(IStreamClientEndpoint)
class _Verified:
    """TLS to a resolver, as routes make it: at its address, or at those that the
    system's resolver finds for its host, one after the other."""

    def __init__(
        self,
        resolver: Resolver,
        reactor: Reactor,
        lookups: Lookups,
        policy: ProfilePolicy,
    ) -> None:
        self._where = resolver.host or resolver.address, resolver.port
        self._reactor = reactor
        given = ((resolver.address, None),)
        pins = {self._where[0]: given} if resolver.address else {}
        names = PinnedResolver(RememberingResolver(lookups.find, reactor), pins, "auto")
        book = AddressBook(reactor, no_lie)
        self._dialer = Dialer(
            reactor, HostAddresses(names, book, "system", "auto"), policy
        )

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; fires when the handshake is over and the name was verified."""
        # who asks keeps the time, and cancels
        trace = Trace(self._reactor, Budget(*[dns.DNS_SECONDS] * 5))
        endpoint = self._dialer.endpoint(*self._where, trace, secure=True, at_once=1)
        return endpoint.connect(protocolFactory)
