"""What the daemon is made of: routes, gateways and doors, each handed what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from streamr.app.candidates import ladder
from streamr.app.routes import Upstream
from streamr.config.settings import Settings
from streamr.fields.loop import Loop
from streamr.gateway.gateway import Gateway
from streamr.interfaces import Observer, Route
from streamr.routing.failover import Ways
from streamr.routing.health import Health
from streamr.tmdb import catalogue
from streamr.upstream.dial.tls import MODERN
from streamr.web.access import Local
from streamr.web.api import target
from streamr.web.api.cors import Cors
from streamr.web.demo.pages import Demo
from streamr.web.pages import docs, health, metrics
from streamr.web.router import Door


@dataclass(frozen=True, slots=True)
class Builder:
    """Puts a gateway and its door together."""

    settings: Settings
    reactor: Any
    wall: Callable[[], float]
    observer: Observer
    upstream: Upstream
    offered: catalogue.Catalogue
    metrics: Local
    demo: Demo | None = None

    def main(
        self, loop: Loop, proxies: Sequence[str], address: str
    ) -> tuple[Gateway, Door]:
        """Main: direct first, then each proxy in its order. `address` is its own URL,
        for the examples of `/docs`."""
        base = self.settings.tmdb_base_url
        profile = MODERN.name if base.startswith("https:") else "plain"
        routes: list[Route] = [self.upstream.tmdb("direct", base, profile, loop)]
        routes += [self.upstream.proxy(url, loop) for url in proxies]
        ways = Ways(Health(routes, self.reactor, self.wall), self.reactor)
        gateway = Gateway("streamr-main", ways, self.reactor, self.observer)
        door = Door(
            gateway,
            target.main_query(self.offered),
            {
                "/api/health": health.main_health(
                    self.reactor, self.wall, self.settings.environment
                ),
                "/api/tmdb/health": health.TMDBHealth(gateway, self.reactor, self.wall),
                metrics.PATH: self.metrics,
                **docs.pages(self.offered, address),
            },
            Cors(self.settings.cors_origins),
            self.settings.deadline,
            loop.closed,
            guarded=frozenset({metrics.PATH}),
            admin_token=self.settings.admin_token,
        )
        if self.demo is not None:
            door = self.demo.opened(door, self.reactor, self.observer)
        return gateway, door

    def proxy(self, loop: Loop) -> tuple[Gateway, Door]:
        """The proxy: the ladder of ways that differ from direct."""
        found = self.settings
        routes: list[Route] = [
            self.upstream.tmdb(f"{profile}@{urlsplit(url).netloc}", url, profile, loop)
            for url, profile in ladder(found.tmdb_base_url, found.tmdb_alternate_urls)
        ]
        ways = Ways(Health(routes, self.reactor, self.wall), self.reactor)
        gateway = Gateway("streamr-proxy", ways, self.reactor, self.observer)
        door = Door(
            gateway,
            target.proxy_query(self.offered),
            {
                "/health": health.proxy_health(self.wall),
                metrics.PATH: self.metrics,
            },
            Cors(found.cors_origins),
            found.deadline,
            loop.closed,
            token=found.proxy_token,
            # the guard of /metrics is a narrower one than the proxy's token
            open_paths=frozenset({"/health", metrics.PATH}),
            guarded=frozenset({metrics.PATH}),
            admin_token=found.admin_token,
        )
        return gateway, door
