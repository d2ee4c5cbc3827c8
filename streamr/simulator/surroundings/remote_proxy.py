"""A streamr proxy elsewhere, as a doctor meets it: what it finds is set beforehand."""

import json

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTCP
from twisted.web.http import Request
from twisted.web.resource import Resource

from streamr import __version__
from streamr.simulator.hosts.ports import LOOPBACK, listen, number_of, stop_listening
from streamr.simulator.hosts.site import Quiet
from streamr.simulator.tmdb.answers import answer
from streamr.simulator.tmdb.world import World

WORKS, FAILS, TOKEN, CLOSED = "works", "fails", "token", "closed"
# It knows another token, its key is refused, it asks us, it is no streamr, it answers
# what nobody can read, it is of another version.
KEY, LOOP, STRANGER, BROKEN, OLD = "key", "loop", "stranger", "broken", "old"
_ANSWERED = 'streamr-proxy; next-hop="api.themoviedb.org"; route="classic"; ms=80'
# What such a proxy says of its attempts (RFC 9209), and with which status.
SAID = {
    WORKS: (200, _ANSWERED),
    FAILS: (502, 'streamr-proxy; error=tls_reset; route="classic"; ms=80'),
    TOKEN: (401, "streamr-proxy; error=http_request_denied"),
    KEY: (401, f"{_ANSWERED}; received-status=401"),
    LOOP: (508, "streamr-proxy; error=proxy_loop_detected"),
    STRANGER: (200, ""),
    BROKEN: (200, ""),
    OLD: (400, "streamr-proxy; error=of_another_version"),
}
_ENVELOPE = '{{"success":false,"status_code":{},"status_message":"no answer"}}'
_PAGE = b"<!doctype html><title>Welcome</title><p>It works!"


class RemoteSite(Resource):
    """Answers every path of a proxy alike, but for its health."""

    isLeaf = True

    def __init__(self, world: World, kind: str) -> None:
        """`kind` is one of `SAID`."""
        super().__init__()
        self.world = world
        self.kind = kind

    def render(self, request: Request) -> bytes:
        """The configuration, TMDB's envelope for an error, or what is no answer."""
        if request.path == b"/health" and self.kind != STRANGER:
            version = "0.0.1" if self.kind == OLD else __version__
            return json.dumps({"status": "ok", "version": version}).encode()
        status, said = SAID[self.kind]
        request.setResponseCode(status)
        request.setHeader("Content-Type", "application/json")
        if said:
            request.setHeader("Proxy-Status", said)
        return self.body()

    def body(self) -> bytes:
        """What stands in the answer."""
        if self.kind == WORKS:
            found = answer(self.world, "GET", "/3/configuration", {})
            return json.dumps(found.value).encode()
        if self.kind in (STRANGER, BROKEN):
            return _PAGE if self.kind == STRANGER else b'{"images":'
        return _ENVELOPE.format(7 if self.kind == KEY else 43).encode()


class Vantage:
    """A proxy on loopback; a closed one only knows its port."""

    def __init__(self, reactor: IReactorTCP, world: World, kind: str) -> None:
        """Listen on a port that the system chooses."""
        shown = kind if kind in SAID else WORKS
        site = Quiet(RemoteSite(world, shown), reactor=reactor)
        self.port = listen(reactor, site)
        self.url = f"http://{LOOPBACK}:{number_of(self.port)}"
        self.closed = kind == CLOSED
        if self.closed:
            stop_listening(self.port)

    def stop(self) -> Deferred[None]:
        """Stop listening."""
        return stop_listening(self.port)
