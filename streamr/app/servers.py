"""The two servers: which routes each has, and what each answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from twisted.internet.defer import gatherResults

from streamr.app.cache import Storage
from streamr.app.candidates import peers
from streamr.app.door import Door, callers_of
from streamr.app.pictures import Peer, PictureMaker, ServedPictures
from streamr.app.routes import Upstream
from streamr.app.search import search_over, space_of
from streamr.app.status import fleet_seen, pictures_of, shown, store_size_of
from streamr.boundaries import Dimensions
from streamr.config.settings import Settings
from streamr.config.warm import warm_queries
from streamr.errors import Attempt, RouteKind
from streamr.fields import names
from streamr.fields.loop import Loop
from streamr.gateway.cache import Cache
from streamr.gateway.fleet import FleetFlights
from streamr.gateway.gateway import Gateway
from streamr.gateway.negative import NegativeCache
from streamr.gateway.pictures import Pictures
from streamr.gateway.prefetch import Warm
from streamr.gateway.telling import Teller
from streamr.interfaces import Memory, Reactor, Route
from streamr.net.keypins import KeyPins
from streamr.observe.access import LogObserver
from streamr.observe.fan import Fan
from streamr.observe.history import History
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.routing.history import NetworkMemory
from streamr.routing.search import Search
from streamr.shared.tier import FleetTier
from streamr.tmdb.catalogue import Catalogue
from streamr.tmdb.tags import TagField, field_of
from streamr.web.access import Who
from streamr.web.api import pictures, target
from streamr.web.api.configuration import PictureAddress
from streamr.web.api.cors import Cors
from streamr.web.api.fastlane import FastLane
from streamr.web.api.picturelane import PictureLane
from streamr.web.api.surface import Surface
from streamr.web.callers import TrustedProxies
from streamr.web.demo.faults import WishGranter
from streamr.web.demo.pages import Demo
from streamr.web.hosts import Hosts, hosts_of
from streamr.web.pages import docs, health, metrics, readiness
from streamr.web.pages.readiness import Lifecycle
from streamr.web.router import Handler, Router, Row
from streamr.web.server.limits import Limits
from streamr.web.server.response import DateField
from streamr.web.status.pages import Status
from streamr.web.status.snapshot import Sources

# The servers' names in log, headers and metrics.
MAIN, PROXY, DOOR = "streamr-main", "streamr-proxy", "streamr-door"


def main_routes(
    settings: Settings, upstream: Upstream, loop: Loop, near: Near
) -> list[Route]:
    """Direct first, then the proxies that are named, then this machine's own."""
    direct, kind = space_of(settings).direct, RouteKind.DIRECT
    return [
        upstream.tmdb(kind.value, kind, settings.tmdb_base_url, direct, loop),
        *(
            upstream.proxy(url, loop, near=own, known=known)
            for url, own, known in main_peers(settings, near)
        ),
    ]


def main_peers(settings: Settings, near: Near) -> list[Peer]:
    """The proxies that main falls back to."""
    named, runs_here = settings.tmdb_proxy_url, near.gateway is not None
    return [
        (url, own, near.known if url == near.url else None)
        for url, own in peers(named, near.url, runs_here=runs_here)
    ]


@dataclass(frozen=True, slots=True)
class Near:
    """The proxy on this machine: its URL, its gateway if it is in this process, and
    the pins of its certificate if it has one, as they are when it is asked."""

    url: str
    gateway: Gateway | None
    known: Callable[[], KeyPins] | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A server but for its socket: its gateway, and what it answers, with pictures
    unless they are off. Main has a status page, and a store with its warm set unless it
    is off."""

    gateway: Gateway
    surface: Surface
    pictures: ServedPictures | None = None
    status: Status | None = None
    storage: Storage | None = None
    warm: Warm | None = None

    @property
    def healths(self) -> list[Health]:
        """Those of all its routes."""
        found = [self.gateway.failover.health]
        if self.pictures is not None:
            found.append(self.pictures.gateway.failover.health)
        return found

    def start(self) -> None:
        """Fill the memory, then fetch what is to be warm."""
        if self.storage is not None:
            self.storage.start()
        if self.warm is not None:
            self.warm.start()
        if self.pictures is not None:
            self.pictures.start()

    def end_live_pages(self) -> None:
        """A daemon that stops does not wait for the live pages."""
        if self.status is not None:
            self.status.live.end()

    async def stop(self) -> None:
        """Write what waits to be written."""
        if self.pictures is not None:
            self.pictures.stop()
        if self.warm is not None:
            self.warm.stop()
        if self.storage is not None:
            await self.storage.stop()


@dataclass(frozen=True, slots=True)
class Shared:
    """What both servers are made with. `log` makes the lines of hits; `scrape`
    answers `/metrics`; `memory` is what is known of the routes on this network;
    `directory` is where state is kept, and `pictures_in` where pictures are, None when
    there is no place for it; `life` says
    whether the daemon is about to stop; `connections` is how many each server can take;
    `door` is None where there is none; `fleet` is what is shared with other nodes.
    """

    settings: Settings
    reactor: Reactor
    wall: Callable[[], float]
    observer: Fan
    log: LogObserver
    offered: Catalogue
    scrape: Handler
    upstream: Upstream
    memory: NetworkMemory
    directory: Path | None
    pictures_in: Path | None
    date: DateField
    life: Lifecycle
    connections: int
    door: Door | None = None
    fleet: FleetTier | None = None

    def proxy(self, loop: Loop) -> Built:
        """The proxy, which keeps nothing."""

        def make(name: str, url: str, route: Dimensions) -> Route:
            return self.upstream.tmdb(name, RouteKind.ORIGIN, url, route, loop)

        health, search = search_over(
            space_of(self.settings), make, self.memory, self.reactor, self._health
        )
        asking = self._over(PROXY, health, search)
        teller = self._teller(PROXY)
        gateway = Gateway(asking, self.reactor, teller)
        images = None
        if self.settings.images:
            images = self._maker.proxy(teller, self._tried(PROXY))
        return Built(gateway, self._proxy_surface(gateway, loop, images), images)

    def main(
        self, loop: Loop, address: str, near: Near, history: History, demo: Demo | None
    ) -> Built:
        """Main. `address` is its own URL, for the examples of `/docs`; `history` is
        what its status page shows; `demo` is what `streamr demo` alone adds.

        Raises SettingsError for a warm path that TMDB does not have.
        """
        settings, reactor = self.settings, self.reactor
        routes = main_routes(settings, self.upstream, loop, near)
        asking = self._over(MAIN, self._health(routes))
        teller = self._teller(MAIN)
        storage, cache, warm = self._stored(asking, teller)
        gateway = Gateway(asking, reactor, teller, cache)
        images = None
        if settings.images:
            tried, peers = self._tried(MAIN), main_peers(settings, near)
            images = self._maker.main(teller, tried, loop, peers)
            if cache is not None and storage is not None:
                lists = warm_queries(settings, self.offered)
                images = images.warmed(lists, storage.memory, cache, self._maker)
        own_route = f"proxy@{urlsplit(near.url).netloc}"
        sources = Sources(
            gateway=gateway,
            history=history,
            now=reactor.seconds,
            wall=self.wall,
            started=self.wall(),
            environment=settings.environment,
            proxy_gateways={own_route: near.gateway} if near.gateway else {},
            store_size=store_size_of(storage.memory if storage is not None else None),
            pictures=pictures_of(images),
            fleet=fleet_seen(
                "" if settings.shared is None else settings.shared.name, self.fleet
            ),
            door=callers_of(self.door),
            demo=demo is not None,
        )
        status = Status(sources, lambda: shown(settings), reactor)
        looks = [each for each in (gateway, near.gateway) if each is not None]
        look_again = partial(_look_again, looks, status)
        probes = readiness.rows(
            self.life,
            gateway.failover.health,
            lambda: 0 if storage is None else len(storage.memory),
        )
        tmdb = health.TMDBHealth(gateway, reactor, self.wall, near.gateway)
        own = [*probes, *self._main_rows(tmdb, address, status, demo, look_again)]
        if images is not None:
            own += pictures.rows(images.gateway, self._picture_tags())
        surface = self._main_surface(gateway, loop, own, demo)
        if storage is not None:
            surface = replace(surface, lane=self._lane(surface, storage.memory))
        if images is not None and images.disk is not None:
            lane = self._picture_lane(surface, images.gateway)
            surface = replace(surface, picture_lane=lane)
        return Built(gateway, surface, images, status, storage, warm)

    def behind(self, door: Door, main: Built) -> Surface:
        """What main's gateway answers to apps that have a name of TMDB's built in."""
        images = main.pictures
        return Surface(
            main.gateway,
            target.door_query(self.offered),
            Router([] if images is None else [pictures.row(images.gateway)]),
            main.surface.cors,
            self.settings.deadline,
            main.surface.looped,
            settle=self.observer.settle,
            limits=self._limits(),
            name=DOOR,
            guard=door.keeper.check,
        )

    def _lane(self, surface: Surface, memory: Memory) -> FastLane:
        """Main's stored answers, as they are written."""
        return FastLane(
            surface.gateway.server,
            memory,
            self.reactor,
            self.observer.hit,
            surface.cors,
            surface.ids,
            self.date,
            worded=self.log.worded,
            masked=self.log.masked,
            more=surface.more,
            tagged=surface.tagged,
            images=surface.images,
            hosts=surface.hosts,
            admits=self._admits(surface),
        )

    def _picture_lane(self, surface: Surface, gateway: Pictures) -> PictureLane:
        """Main's stored pictures."""
        return PictureLane(
            surface.gateway.server,
            gateway,
            self.observer.hit,
            surface.cors,
            surface.ids,
            self.date,
            worded=self.log.worded,
            masked=self.log.masked,
            more=self._picture_tags(),
            hosts=surface.hosts,
            admits=self._admits(surface),
        )

    def _admits(self, surface: Surface) -> Callable[[str, str], bool] | None:
        """Whether a caller may ask now, where that is limited."""

        def admits(peer: str, forwarded_for: str) -> bool:
            caller = surface.proxies.caller(peer, forwarded_for)
            return surface.limits.wait(caller, self.reactor.seconds()) is None

        return admits if surface.limits.rate else None

    def _health(self, routes: Sequence[Route], most: int = 0) -> Health:
        return Health(routes, self.reactor, self.wall, memory=self.memory, most=most)

    def _over(
        self, server: str, health: Health, search: Search | None = None
    ) -> NegativeCache:
        """What asks over routes, and tells of each try."""
        tried = self._tried(server)
        failover = Failover(health, self.reactor, tried=tried, search=search)
        return NegativeCache(failover, self.reactor)

    @property
    def _maker(self) -> PictureMaker:
        return PictureMaker(
            self.settings,
            self.reactor,
            self.wall,
            self.upstream,
            self.memory,
            self._health,
            self.pictures_in,
        )

    def _tried(self, server: str) -> Callable[[Attempt], object]:
        return partial(self.observer.tried, server)

    def _teller(self, server: str) -> Teller:
        return Teller(server, self.reactor, self.observer)

    def _stored(
        self, asking: NegativeCache, teller: Teller
    ) -> tuple[Storage | None, Cache | None, Warm | None]:
        """Main's store, the cache that uses it, and the warm set; None when off."""
        settings, reactor = self.settings, self.reactor
        if not settings.cache_mb:
            return None, None, None
        storage = Storage(settings, reactor, self.wall, self.directory)
        cache = Cache(
            asking,
            storage.memory,
            reactor,
            settings.deadline,
            storage.in_thread,
            teller.renewed,
            None
            if self.fleet is None
            else FleetFlights(self.fleet, storage.memory, reactor),
        )
        queries = warm_queries(settings, self.offered)
        warm = Warm(queries, cache, storage.memory, reactor, settings.deadline)
        return storage, cache, warm

    def _proxy_surface(
        self, gateway: Gateway, loop: Loop, images: ServedPictures | None
    ) -> Surface:
        settings = self.settings
        rows = [
            Row(
                "/health",
                health.proxy_health(self.wall),
                who=Who.EVERYBODY,
                probe=True,
            ),
            *readiness.rows(self.life, gateway.failover.health),
            self._metrics(),
            *(pictures.rows(images.gateway) if images is not None else ()),
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
            settle=self.observer.settle,
            hosts=self._hosts(),
            proxies=TrustedProxies(settings.trusted_proxies),
            limits=self._limits(),
        )

    def _main_rows(
        self,
        tmdb: health.TMDBHealth,
        address: str,
        status: Status,
        demo: Demo | None,
        look_again: Callable[[], object],
    ) -> list[Row]:
        """Main's own pages but for the probes."""
        reactor = self.reactor
        up = health.main_health(reactor, self.wall, self.settings.environment)
        return [
            Row("/api/health", up, probe=True),
            Row("/api/tmdb/health", tmdb, probe=True),
            self._metrics(),
            *docs.rows(
                self.offered,
                self.settings.public_url or address,
                pictures=self.settings.images,
            ),
            *status.rows(),
            *(demo.rows(look_again) if demo is not None else ()),
        ]

    def _main_surface(
        self, gateway: Gateway, loop: Loop, rows: list[Row], demo: Demo | None
    ) -> Surface:
        settings, reactor = self.settings, self.reactor
        cors = Cors(settings.cors_origins)
        return Surface(
            gateway,
            target.main_query(self.offered),
            Router(rows),
            cors if demo is None else cors.for_demo(names.FAULT),
            settings.deadline,
            loop.closed,
            admin_token=settings.admin_token,
            settle=self.observer.settle,
            wishes=None
            if demo is None
            else WishGranter(gateway, reactor, self.observer),
            hosts=self._hosts(),
            proxies=TrustedProxies(settings.trusted_proxies),
            limits=self._limits(),
            images=self._picture_address(),
            tagged=None if self._tags is None else self._tags.of,
        )

    @property
    def _tags(self) -> TagField | None:
        """What tells caches in front of main how to find an answer again."""
        return field_of(self.settings.tags)

    def _picture_tags(self) -> list[tuple[str, str]]:
        return [] if self._tags is None else [self._tags.of_pictures()]

    def _picture_address(self) -> PictureAddress | None:
        settings = self.settings
        if not (settings.images and settings.rewrite_images):
            return None
        proxies = TrustedProxies(settings.trusted_proxies)
        return PictureAddress(settings.public_url, self._hosts(), proxies)

    def _limits(self) -> Limits:
        proxies = TrustedProxies(self.settings.trusted_proxies)
        return Limits(self.connections, self.settings.caller_rate, proxies)

    def _hosts(self) -> Hosts:
        settings = self.settings
        return hosts_of(
            settings.allowed_hosts, settings.public_url, settings.cors_origins
        )

    def _metrics(self) -> Row:
        return Row(metrics.PATH, self.scrape, who=Who.OPERATORS)


def _look_again(gateways: Sequence[Gateway], status: Status) -> None:
    """Look at all routes, and show on the live pages what was found."""
    looking = [each.failover.health.look_again() for each in gateways]
    gatherResults(looking).addCallback(lambda _: status.live.show())
