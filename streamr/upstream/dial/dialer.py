"""The dialer: one connection, put together from endpoints that wrap endpoints."""

from __future__ import annotations

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IHostnameResolver, IStreamClientEndpoint
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from streamr.errors import Fault
from streamr.interfaces import Places, Reactor
from streamr.upstream.dial.handshake import TLSEndpoint
from streamr.upstream.dial.names import ReactorView
from streamr.upstream.dial.race import RacingEndpoint
from streamr.upstream.dial.tap import TapEndpoint, Trace, TracedEndpoint
from streamr.upstream.dial.tls import ProfilePolicy

# The next address is tried this long after the one before (RFC 8305, 5 recommends
# 250 ms and allows 10 ms). It is also what a refused connection costs: some 55 ms,
# where Twisted's default of 0.3 s costs some 305 (docs/facts/tls.md, "Cost of a refused
# connection").
ATTEMPT_DELAY = 0.05


@implementer(IAgentEndpointFactory)
class Dialer:
    """Builds the connection of one attempt, so that its trace can follow it."""

    def __init__(
        self,
        reactor: Reactor,
        resolver: IHostnameResolver,
        policy: ProfilePolicy | None,
        trace: Trace,
        places: Places | None,
    ) -> None:
        """`places` are there when connections should be raced."""
        self._reactor = reactor
        self._resolver = resolver
        self._policy = policy
        self._trace = trace
        self._places = places

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        places = self._places if uri.scheme == b"https" else None
        endpoint = RacingEndpoint(lambda: self._endpoint(uri), places)
        return TracedEndpoint(endpoint, self._trace)

    def _endpoint(self, uri: URI) -> IStreamClientEndpoint:
        view = ReactorView(self._reactor, self._resolver, self._trace.resolved)
        host = uri.host.decode("ascii").strip("[]")
        tcp: IStreamClientEndpoint = HostnameEndpoint(
            view, host, uri.port, attemptDelay=ATTEMPT_DELAY
        )
        secure = uri.scheme == b"https"
        endpoint: IStreamClientEndpoint = TapEndpoint(tcp, self._trace, secure=secure)
        if secure:
            if self._policy is None:
                raise Fault("proxy_internal_error", "https without a TLS profile")
            creator = self._policy.creatorForNetloc(uri.host, uri.port)
            endpoint = TLSEndpoint(
                creator.watched(self._trace.requested), endpoint, self._reactor
            )
        return endpoint
