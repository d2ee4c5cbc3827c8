"""The two servers: which routes each has, and what each answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from streamr.app.candidates import alternatives
from streamr.app.routes import Upstream
from streamr.config.settings import Settings
from streamr.errors import RouteKind
from streamr.fields import names
from streamr.fields.loop import Loop
from streamr.gateway.cache import Cache, Threads
from streamr.gateway.gateway import Gateway
from streamr.gateway.telling import Teller
from streamr.interfaces import Observer, Reactor, Route, Store
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.tmdb.catalogue import Catalogue
from streamr.upstream.dial.tls import MODERN
from streamr.web.access import Who
from streamr.web.api import target
from streamr.web.api.cors import Cors
from streamr.web.api.resource import Surface
from streamr.web.demo.faults import WishGranter
from streamr.web.demo.pages import Demo
from streamr.web.pages import docs, health, metrics
from streamr.web.router import Handler, Router, Row

# The servers' names in log, headers and metrics.
MAIN, PROXY = "streamr-main", "streamr-proxy"


def main_routes(
    settings: Settings, upstream: Upstream, loop: Loop, proxies: Iterable[str]
) -> list[Route]:
    """Direct first, then each proxy in its order."""
    base = settings.tmdb_base_url
    profile = MODERN.name if base.startswith("https:") else "plain"
    kind = RouteKind.DIRECT
    return [
        upstream.tmdb(kind.value, kind, base, profile, loop),
        *(upstream.proxy(url, loop) for url in proxies),
    ]


def proxy_routes(settings: Settings, upstream: Upstream, loop: Loop) -> list[Route]:
    """The routes that differ from main's direct one."""
    return [
        upstream.tmdb(
            f"{profile}@{urlsplit(url).netloc}", RouteKind.ORIGIN, url, profile, loop
        )
        for url, profile in alternatives(
            settings.tmdb_base_url, settings.tmdb_alternate_urls
        )
    ]


@dataclass(frozen=True, slots=True)
class Shared:
    """What both servers are made with. `scrape` answers `/metrics`."""

    settings: Settings
    reactor: Reactor
    wall: Callable[[], float]
    observer: Observer
    offered: Catalogue
    scrape: Handler

    def failover(self, server: str, routes: Sequence[Route]) -> Failover:
        """The chain over a server's routes."""
        return Failover(
            Health(routes, self.reactor, self.wall),
            self.reactor,
            tried=partial(self.observer.tried, server),
        )

    def teller(self, server: str) -> Teller:
        """Who closes a server's requests."""
        return Teller(server, self.reactor, self.observer)

    def proxy(self, routes: Sequence[Route]) -> Gateway:
        """The proxy's gateway, which keeps nothing."""
        failover = self.failover(PROXY, routes)
        return Gateway(failover, self.reactor, self.teller(PROXY))

    def cache(
        self, failover: Failover, store: Store, teller: Teller, threads: Threads
    ) -> Cache:
        """Main's cache in front of its chain."""
        return Cache(
            failover,
            store,
            self.reactor,
            self.settings.deadline,
            threads,
            teller.renewed,
        )

    def proxy_surface(self, gateway: Gateway, loop: Loop) -> Surface:
        """What the proxy answers."""
        settings = self.settings
        rows = [
            Row("/health", health.proxy_health(self.wall), who=Who.EVERYBODY),
            self._metrics(),
        ]
        return Surface(
            gateway,
            target.proxy_query(self.offered),
            Router(rows),
            Cors(settings.cors_origins),
            settings.deadline,
            loop.closed,
            token=settings.proxy_token,
            admin_token=settings.admin_token,
        )

    def main_surface(
        self,
        gateway: Gateway,
        loop: Loop,
        address: str,
        status: Iterable[Row],
        demo: Demo | None,
    ) -> Surface:
        """What main answers. `address` is its own URL, for the examples of `/docs`;
        `demo` is what `streamr demo` alone adds."""
        settings, reactor = self.settings, self.reactor
        up = health.main_health(reactor, self.wall, settings.environment)
        rows = [
            Row("/api/health", up),
            Row("/api/tmdb/health", health.TMDBHealth(gateway, reactor, self.wall)),
            self._metrics(),
            *docs.rows(self.offered, address),
            *status,
            *(demo.rows() if demo is not None else ()),
        ]
        cors = Cors(settings.cors_origins)
        return Surface(
            gateway,
            target.main_query(self.offered),
            Router(rows),
            cors if demo is None else cors.allowing(names.FAULT),
            settings.deadline,
            loop.closed,
            admin_token=settings.admin_token,
            wishes=None
            if demo is None
            else WishGranter(gateway, reactor, self.observer),
        )

    def _metrics(self) -> Row:
        return Row(metrics.PATH, self.scrape, who=Who.OPERATORS)
