"""Who may ask, how often, and under which name: what is checked of a request before
anything answers it. Each check raises Refusal, or does nothing."""

from __future__ import annotations

from streamr.errors import Envelope, Refusal
from streamr.tmdb.target import split
from streamr.web.access import brings_token, holds
from streamr.web.api.surface import Surface
from streamr.web.server.limits import MOST_STREAMS, RETRY_SECONDS, retry_after
from streamr.web.server.request import GatewayRequest


class Checks:
    """The checks of one server."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def token(self, request: GatewayRequest, now: float) -> None:
        """The peer token, where the server asks for one."""
        token = self._surface.token
        if token is None:
            return
        if holds(request.header, token):
            self._surface.limits.vouched(request.peer)
            return
        self.guess(request, now)
        raise Refusal(
            401,
            Envelope.AUTHENTICATION,
            "Authentication failed: send STREAMR_PROXY_TOKEN as a bearer token.",
        )

    def caller(self, request: GatewayRequest) -> str:
        """The address that limits are counted for."""
        said = request.header("x-forwarded-for")
        return self._surface.proxies.caller(request.peer, said)

    def rate(self, request: GatewayRequest, now: float) -> None:
        """Whether an address asks too often."""
        surface = self._surface
        if not surface.limits.rate:
            return
        row = surface.router.find(split(request.uri)[0])
        if (row is not None and row.probe) or holds(request.header, surface.token):
            return
        wait = surface.limits.wait(self.caller(request), now)
        if wait is not None:
            raise _slower(
                "Too many requests: one address may make "
                f"{surface.limits.rate} in a second.",
                wait,
            )

    def guess(self, request: GatewayRequest, now: float) -> None:
        """Whether an address sends one wrong token after another; the right one passes
        all the same."""
        header, surface = request.header, self._surface
        right = holds(header, surface.admin_token) or holds(header, surface.token)
        if right or not brings_token(header):
            return
        wait = surface.limits.failed(self.caller(request), now)
        if wait is not None:
            raise _slower("Too many wrong tokens from one address.", wait)

    def streams(self, request: GatewayRequest) -> None:
        """Whether an address has as many live pages as it may have."""
        if self._surface.limits.has_streams(self.caller(request)):
            raise _slower(
                f"Too many listeners: one address may have {MOST_STREAMS} live pages; "
                "ask /status.json instead.",
                RETRY_SECONDS,
            )

    def host(self, request: GatewayRequest) -> None:
        """The server's own name. A token needs none: a page that let its name point
        here has no token."""
        header, surface = request.header, self._surface
        if not (holds(header, surface.admin_token) or holds(header, surface.token)):
            surface.hosts.check(header("host"))


def _slower(message: str, seconds: float) -> Refusal:
    """Too much of something; it may be asked for again in so many seconds."""
    after = retry_after(seconds)
    told = f"{message} Try again in {after} s."
    return Refusal(429, Envelope.RATE, told, retry_after=after)
