"""DNS over TLS (RFC 7858): the resolver is verified, and its answers cannot be changed
on the path."""

from __future__ import annotations

from streamr.interfaces import Reactor
from streamr.upstream.dial.handshake import TLSEndpoint
from streamr.upstream.dial.tls import ProfilePolicy
from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.dns import DNS_SECONDS, endpoint_of
from streamr.upstream.resolve.kept import IDLE_SECONDS
from streamr.upstream.resolve.question import find_by
from streamr.upstream.resolve.stream import over_stream


def server_over_tls(
    reactor: Reactor,
    address: str,
    port: int,
    name: str,
    policy: ProfilePolicy,
    seconds: float = DNS_SECONDS,
) -> Find:
    """A DNS server asked over TLS. `name` is what its certificate has to be for: a host
    name, or the address itself."""
    creator = policy.creatorForNetloc(name.encode("ascii"), port)
    endpoint = TLSEndpoint(creator, endpoint_of(reactor, address, port), reactor)
    return find_by(
        over_stream(endpoint, reactor, seconds, IDLE_SECONDS), reactor, seconds
    )
