"""A streamr proxy elsewhere, as a doctor meets it: what it finds is set beforehand."""

import json

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTCP
from twisted.web.http import Request
from twisted.web.resource import Resource

from streamr.simulator.hosts.ports import LOOPBACK, listen, number_of, stop_listening
from streamr.simulator.hosts.site import Quiet
from streamr.simulator.tmdb.answers import answer
from streamr.simulator.tmdb.world import World

WORKS, FAILS, TOKEN, CLOSED = "works", "fails", "token", "closed"
# What such a proxy says of its attempts (RFC 9209), and with which status.
SAID = {
    WORKS: (
        200,
        'streamr-proxy; next-hop="api.themoviedb.org"; route="classic"; ms=80',
    ),
    FAILS: (502, 'streamr-proxy; error=tls_reset; route="classic"; ms=80'),
    TOKEN: (401, "streamr-proxy; error=http_request_denied"),
}


class Elsewhere(Resource):
    """Answers every path of a proxy alike."""

    isLeaf = True

    def __init__(self, world: World, kind: str) -> None:
        """`kind` is one of `SAID`."""
        super().__init__()
        self.world = world
        self.status, self.proxy_status = SAID[kind]

    def render(self, request: Request) -> bytes:
        """The configuration, or TMDB's envelope for an error."""
        request.setResponseCode(self.status)
        request.setHeader("Content-Type", "application/json")
        request.setHeader("Proxy-Status", self.proxy_status)
        if self.status == 200:
            return json.dumps(
                answer(self.world, "GET", "/3/configuration", {}).value
            ).encode()
        return b'{"success":false,"status_code":43,"status_message":"no route"}'


class Vantage:
    """A proxy on loopback; a closed one only knows its port."""

    def __init__(self, reactor: IReactorTCP, world: World, kind: str) -> None:
        """Listen on a port that the system chooses."""
        shown = kind if kind in SAID else WORKS
        site = Quiet(Elsewhere(world, shown), reactor=reactor)
        self.port = listen(reactor, site)
        self.url = f"http://{LOOPBACK}:{number_of(self.port)}"
        self.closed = kind == CLOSED
        if self.closed:
            stop_listening(self.port)

    def stop(self) -> Deferred[None]:
        """Stop listening."""
        return stop_listening(self.port)
