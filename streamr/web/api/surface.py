"""One server: what it answers, under which conditions, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from twisted.internet.defer import Deferred

from streamr.boundaries import Call, Exchange, Query
from streamr.fields import names
from streamr.gateway.gateway import Gateway
from streamr.web.access import Reset
from streamr.web.api.configuration import PictureAddress
from streamr.web.api.cors import Cors
from streamr.web.api.fastlane import FastLane
from streamr.web.api.ids import RequestIds
from streamr.web.api.picturelane import PictureLane
from streamr.web.api.render import Tagged
from streamr.web.api.target import FindQuery
from streamr.web.callers import TrustedProxies
from streamr.web.hosts import Hosts
from streamr.web.router import Router
from streamr.web.server.limits import Limits
from streamr.web.server.request import GatewayRequest


@dataclass(frozen=True, slots=True)
class Surface:
    """What one server answers, and under which conditions.

    `find` makes the Query of a path of TMDB's; `router` has our own pages. `deadline`
    is in seconds; `token` is what callers have to send, None when the server is open;
    `admin_token` makes an operator of who is not at this machine; `looped` tells
    whether a CDN-Loop field shows that a request was here; `wishes` grants the faults
    that callers ask for, None outside the demo; `settle` tells observers of what was
    put off, before a page of ours is made; `hosts` are the server's names, and
    `proxies` those whose word on their callers is believed; `limits` are its own;
    `images` says where callers find our pictures, None when TMDB's address stays.
    `tagged` names the tags of answers, for caches in front.
    A server that has no gateway of its own has a `name` of its own; `guard` raises
    Refusal for a request that may not come in at all.
    """

    gateway: Gateway
    find: FindQuery
    router: Router
    cors: Cors
    deadline: float
    looped: Callable[[str], bool]
    token: str | None = None
    admin_token: str | None = None
    wishes: GrantsWishes | None = None
    settle: Callable[[], object] = lambda: None
    ids: RequestIds = field(default_factory=RequestIds)
    lane: FastLane | None = None
    picture_lane: PictureLane | None = None
    hosts: Hosts = field(default_factory=Hosts)
    limits: Limits = field(default_factory=Limits)
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    images: PictureAddress | None = None
    tagged: Tagged | None = None
    name: str = ""
    guard: Callable[[GatewayRequest], None] = lambda _request: None

    @property
    def server(self) -> str:
        """Its name in log, headers and metrics."""
        return self.name or self.gateway.server

    @property
    def more(self) -> tuple[tuple[str, str], ...]:
        """Fields of every page that came of a query."""
        # else a browser's cache would answer the call that wishes for a fault
        return () if self.wishes is None else (("Vary", names.FAULT),)


class GrantsWishes(Protocol):
    """Who grants the faults that callers ask for."""

    def grant(
        self, text: str, query: Query, call: Call, *, past_store: bool
    ) -> Deferred[Exchange | Reset]:
        """What comes of the wish in a header. Raises Refusal for an unknown one."""
