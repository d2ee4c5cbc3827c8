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
from streamr.upstream.dial.addresses import Addresses, AddressesEndpoint
from streamr.upstream.dial.handshake import TLSEndpoint
from streamr.upstream.dial.race import Rules
from streamr.upstream.dial.tap import Leg, Trace
from streamr.upstream.dial.tls import ProfilePolicy
from streamr.upstream.resolve import dns
from streamr.upstream.resolve.book import AddressBook, no_lie
from streamr.upstream.resolve.cache import Find, RememberingResolver
from streamr.upstream.resolve.doh import ALPN, server_over_https
from streamr.upstream.resolve.dot import server_over_tls
from streamr.upstream.resolve.http_wire import Place
from streamr.upstream.resolve.pins import PinnedResolver
from streamr.upstream.resolve.question import as_lookup_failure
from streamr.upstream.resolve.system import Lookups

# The system's resolver has limits of its own, of up to 30 s (resolv.conf(5): three
# servers, two attempts of five seconds), and what it says late is remembered.
SYSTEM_SECONDS = 30.0
# The next address of a resolver is tried this long after the one before.
ATTEMPT_DELAY = 0.05

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
            policy = policy_for(())
            return server_over_tls(
                reactor, address, port, resolver.host or address, policy, seconds
            )
        case "https":
            tcp = _tcp(resolver, reactor, lookups)
            creator = policy_for(ALPN).creatorForNetloc(resolver.host.encode(), port)
            endpoint = TLSEndpoint(creator, tcp, reactor)
            place = Place(resolver.authority, resolver.path)
            return server_over_https(reactor, endpoint, place, seconds)
    return lambda name: (
        lookups.find(name)
        .addTimeout(SYSTEM_SECONDS, reactor)
        .addErrback(as_lookup_failure)
    )


def _tcp(
    resolver: Resolver, reactor: Reactor, lookups: Lookups
) -> IStreamClientEndpoint:
    """TCP to the resolver's address, or to one that the system finds for its host."""
    if resolver.address:
        return dns.endpoint_of(reactor, resolver.address, resolver.port)
    return _ByName(resolver.host, resolver.port, reactor, lookups)


@implementer(IStreamClientEndpoint)
class _ByName:
    """A resolver that is given by its name only: the system's finds its addresses."""

    def __init__(
        self, host: str, port: int, reactor: Reactor, lookups: Lookups
    ) -> None:
        self._where = host, port
        self._reactor = reactor
        names = RememberingResolver(lookups.find, reactor)
        book = AddressBook(reactor, no_lie)
        self._addresses = Addresses(
            PinnedResolver(names, {}, "auto"), book, "system", "auto"
        )

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """TCP to the first of its addresses that answers."""
        limit = dns.DNS_SECONDS
        reactor, rules = self._reactor, Rules(False, 1, ATTEMPT_DELAY)
        trace = Trace(reactor, Budget(limit, limit, limit, limit, limit))
        endpoint = AddressesEndpoint(
            *self._where, self._addresses, reactor, reactor, _bare, trace, rules
        )
        return endpoint.connect(protocolFactory)


def _bare(tcp: IStreamClientEndpoint, _leg: Leg) -> IStreamClientEndpoint:
    return tcp
