"""What the daemon is made of: routes, gateways and doors, each handed what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from streamr.app.candidates import ladder
from streamr.boundaries import Dimensions
from streamr.config import values
from streamr.config.settings import Settings
from streamr.errors import SettingsError
from streamr.gateway.gateway import Gateway
from streamr.interfaces import Observer, Route
from streamr.routing.failover import Ways
from streamr.routing.health import Health
from streamr.tmdb import catalogue
from streamr.upstream.client import Client
from streamr.upstream.dial.tls import MODERN, PROFILES, ProfilePolicy, TLSError
from streamr.upstream.origin import Credentials, Loop, ProxyRoute, TMDBRoute
from streamr.upstream.ratelimit import Pacer
from streamr.upstream.resolve.cache import Lookups, RememberingResolver, system_lookup
from streamr.upstream.resolve.pins import PinnedResolver
from streamr.web.access import Local
from streamr.web.api import target
from streamr.web.api.cors import Cors
from streamr.web.demo.pages import Demo
from streamr.web.pages import docs, health, metrics
from streamr.web.router import Door

# Finds the (family, address) pairs of a name, blocking; raises OSError.
Lookup = Callable[[str], Sequence[tuple[int, str]]]


class Upstream:
    """Makes the routes, each with a client (and so a pool) of its own."""

    def __init__(
        self, found: Settings, reactor: Any, lookup: Lookup = system_lookup
    ) -> None:
        """`lookup` finds a name's addresses, in a thread; the demo brings its own."""
        self._settings = found
        self._reactor = reactor
        lookups = Lookups(reactor, lookup)
        self._resolver = PinnedResolver(
            RememberingResolver(lookups.find, reactor),
            found.tmdb_pins,
            found.address_family,
        )
        self._pacers: dict[str, Pacer] = {}
        self._policies: dict[str, ProfilePolicy] = {}
        self._credentials = Credentials(found.tmdb_access_token, found.tmdb_api_key)
        self.clients: list[Client] = []

    @property
    def pacers(self) -> Mapping[str, Pacer]:
        """The pacers made so far, by host."""
        return self._pacers

    def tmdb(self, name: str, url: str, profile: str, loop: Loop) -> TMDBRoute:
        """A route to TMDB itself."""
        parts = urlsplit(url)
        pacer = self._pacer(parts.netloc)
        return TMDBRoute(
            name,
            url,
            self._client(url, profile, pacer),
            self._credentials,
            Dimensions(parts.netloc, profile, self._settings.address_family, "here"),
            None if parts.hostname in values.OFFICIAL_HOSTS else loop,
            pacer,
        )

    def proxy(self, url: str, loop: Loop) -> ProxyRoute:
        """A route over a proxy of ours."""
        client = self._client(url, MODERN.name)
        return ProxyRoute(url, client, self._settings.proxy_token, loop)

    def _pacer(self, host: str) -> Pacer:
        """The host's one pacer, for main and proxy alike."""
        if host not in self._pacers:
            found = self._settings
            self._pacers[host] = Pacer(self._reactor, found.rate, found.connections)
        return self._pacers[host]

    def _client(self, url: str, profile: str, places: Pacer | None = None) -> Client:
        policy = self._policy(profile) if url.startswith("https:") else None
        client = Client(self._reactor, self._resolver, policy, places)
        self.clients.append(client)
        return client

    def _policy(self, profile: str) -> ProfilePolicy:
        if profile not in self._policies:
            ca_file = self._settings.tmdb_ca_file
            self._policies[profile] = tls_policy(profile, ca_file)
        return self._policies[profile]


def tls_policy(profile: str, ca_file: Path | None) -> ProfilePolicy:
    """How connections of a profile are made. Raises SettingsError for a wrong file."""
    try:
        return ProfilePolicy(PROFILES[profile], ca_file)
    except TLSError as error:
        raise SettingsError(
            [f"TMDB_CA_FILE {str(ca_file)!r} holds no PEM certificate"]
        ) from error


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
