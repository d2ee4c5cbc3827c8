"""DNS over TLS (RFC 7858): the resolver is verified, and its answers cannot be changed
on the path."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.dns import DNS_SECONDS
from streamr.upstream.resolve.kept import IDLE_SECONDS
from streamr.upstream.resolve.question import find_by
from streamr.upstream.resolve.stream import over_stream


def server_over_tls(
    clock: IReactorTime, endpoint: IStreamClientEndpoint, seconds: float = DNS_SECONDS
) -> Find:
    """A DNS server asked over TLS; the endpoint makes verified connections to it."""
    ask = over_stream(endpoint, clock, seconds, IDLE_SECONDS)
    return find_by(ask, clock, seconds)
