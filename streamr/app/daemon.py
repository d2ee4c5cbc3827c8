"""The running daemon: both servers, or one of them; how they start and stop."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from streamr import __version__
from streamr.app.cache import Storage, warm_queries
from streamr.app.control import (
    SOCKET_NAME,
    Command,
    ControlFactory,
    remove_stale_socket,
)
from streamr.app.metrics import VERSIONS, Readings
from streamr.app.routes import Lookup, Upstream
from streamr.app.server import Server, url_at
from streamr.app.servers import MAIN, Shared, main_routes, proxy_routes
from streamr.app.state import state_directory
from streamr.app.status import let_know, shown, store_size_of
from streamr.app.warnings import notices
from streamr.config.addresses import url_of
from streamr.config.settings import Notice, Settings
from streamr.fields.loop import Loop
from streamr.gateway.gateway import Gateway
from streamr.gateway.prefetch import Warm
from streamr.interfaces import Observer, Reactor
from streamr.observe.fan import Fan
from streamr.observe.history import History
from streamr.observe.lag import LoopLag
from streamr.observe.log import LineObserver, LogObserver, Sink
from streamr.observe.measures import buckets
from streamr.observe.metrics import Metrics
from streamr.observe.scraped import Scraped
from streamr.routing.report import ToldRoute, told_route
from streamr.routing.statefile import FILE_NAME, RouteFile
from streamr.tmdb import catalogue
from streamr.upstream.resolve.system import system_lookup
from streamr.web.api.resource import GatewayResource, Surface
from streamr.web.demo.pages import Demo
from streamr.web.pages.metrics import metrics_page
from streamr.web.server.site import GatewaySite
from streamr.web.status.pages import Status
from streamr.web.status.snapshot import Sources

_log = Logger(namespace="streamr")

# Requests in flight end by their own deadline; this is for writing the last bytes.
DRAIN_GRACE = 1.0
# Where the log goes when twistd has sent the console to /dev/null.
DAEMON_LOG = "server.log"


def build(
    settings: Settings,
    reactor: Reactor,
    sockets: Mapping[str, socket.socket],
    lines: LineObserver,
    observer: Observer | None = None,
    wall: Callable[[], float] = time.time,
    demo: Demo | None = None,
    lookup: Lookup = system_lookup,
) -> Daemon:
    """Settings → routes → gateways → servers → daemon, in one pass.

    `sockets` are those of the servers that shall run, "proxy" and "main". `demo` is
    what `streamr demo` alone adds to main, and may have names of its own: `lookup`.
    Raises SettingsError.
    """
    offered = catalogue.load(settings.extra_paths)
    directory = state_directory(settings)

    # who is told
    templates = (each.template for each in offered.endpoints)
    metrics = Metrics(templates, buckets(settings.deadline), VERSIONS)
    history = History(MAIN, reactor.seconds, wall)
    told = Fan([observer or LogObserver(), metrics, history], reactor)

    # routes
    upstream = Upstream(settings, reactor, lookup)
    identity = f"streamr-{secrets.token_hex(6)}"
    loops = {name: Loop(f"{identity}-{name}") for name in sockets}
    own_proxy = (
        url_at(sockets["proxy"])
        if "proxy" in sockets
        else url_of(settings.proxy_host, settings.proxy_port)
    )

    # gateways: the proxy first, because main's pages look into it
    shared = Shared(
        settings, reactor, wall, told, offered, metrics_page(metrics.exposed)
    )
    gateways: dict[str, Gateway] = {}
    surfaces: dict[str, Surface] = {}
    storage: Storage | None = None
    warm: Warm | None = None
    status: Status | None = None
    if "proxy" in sockets:
        loop = loops["proxy"]
        gateways["proxy"] = shared.proxy(proxy_routes(settings, upstream, loop))
        surfaces["proxy"] = shared.proxy_surface(gateways["proxy"], loop)
    if "main" in sockets:
        loop = loops["main"]
        proxies = settings.tmdb_proxy_url or (own_proxy,)
        failover = shared.failover(MAIN, main_routes(settings, upstream, loop, proxies))
        teller, cache = shared.teller(MAIN), None
        if settings.cache_mb:
            storage = Storage(settings, reactor, wall, directory)
            cache = shared.cache(failover, storage.memory, teller, storage.in_thread)
            queries = warm_queries(settings, offered)
            warm = Warm(queries, cache, storage.memory, reactor, settings.deadline)
        gateways["main"] = Gateway(failover, reactor, teller, cache)
        sources = Sources(
            gateway=gateways["main"],
            history=history,
            now=reactor.seconds,
            wall=wall,
            started=wall(),
            environment=settings.environment,
            proxy_gateways=(
                {f"proxy@{urlsplit(own_proxy).netloc}": gateways["proxy"]}
                if "proxy" in gateways
                else {}
            ),
            store_size=store_size_of(storage.memory if storage is not None else None),
            demo=demo is not None,
        )
        status = Status(sources, lambda: shown(settings), reactor)
        surfaces["main"] = shared.main_surface(
            gateways["main"], loop, url_at(sockets["main"]), status.rows(), demo
        )

    # servers
    drain = settings.deadline + DRAIN_GRACE
    sites = {
        name: GatewaySite(GatewayResource(surface, reactor, told), reactor)
        for name, surface in surfaces.items()
    }
    servers = {
        name: Server(name, reactor, sockets[name], sites[name], drain)
        for name in sockets
    }

    # what is known of routes, told on and kept
    healths = {name: gateway.failover.health for name, gateway in gateways.items()}
    routes_file: RouteFile | None = None
    if directory is not None:
        routes_file = RouteFile(
            directory / FILE_NAME,
            reactor,
            lambda: {name: health.known() for name, health in healths.items()},
        )
        known = routes_file.read()
        for name, health in healths.items():
            before = known.get(name)
            health.learn(before if isinstance(before, dict) else {})
            health.subscribe(routes_file.changed)
    for health in healths.values():
        let_know(history, health)

    # what can be scraped
    by_server = {gateway.server: gateway for gateway in gateways.values()}
    for name, gateway in gateways.items():
        metrics.serves(
            gateway.server,
            [route.name for route in gateway.failover.routes],
            surfaces[name].router.paths,
        )
    if storage is not None:
        metrics.caches(MAIN)
    readings = Readings(
        by_server,
        {gateways[name].server: site for name, site in sites.items()},
        upstream.pacers,
        metrics.calls,
        storage.memory if storage is not None else None,
    )
    metrics.add(Scraped(readings.read))

    return Daemon(
        Parts(
            settings,
            reactor,
            lines,
            upstream,
            gateways,
            servers,
            directory,
            LoopLag(reactor, metrics.late),
            storage,
            warm,
            status,
            routes_file,
        )
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """What a daemon starts and stops. `gateways` and `servers` are by "main" and
    "proxy"; `directory` is where state is kept, None when there is no place for it."""

    settings: Settings
    reactor: Reactor
    lines: LineObserver
    upstream: Upstream
    gateways: Mapping[str, Gateway]
    servers: Mapping[str, Server]
    directory: Path | None
    lag: LoopLag
    storage: Storage | None
    warm: Warm | None
    status: Status | None
    routes_file: RouteFile | None


class Daemon(MultiService):
    """Both servers, or one of them, and the connections to TMDB."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.parts = parts
        self.settings = parts.settings
        self.servers = parts.servers
        self._console_at_start = _console_is_null()
        self._control: IListeningPort | None = None
        for server in parts.servers.values():
            server.setServiceParent(self)

    def startService(self) -> None:
        parts = self.parts
        self._keep_a_log()
        _log.info("streamr {version} starts", version=__version__)
        for notice in (*parts.settings.warnings, *self._notices()):
            _log.warn("{notice}", notice=notice.text, code=notice.code)
        if parts.storage is not None:
            parts.storage.start()
        if parts.warm is not None:
            parts.warm.start()
        parts.lag.start()
        super().startService()
        for gateway in parts.gateways.values():
            gateway.failover.health.start()
        self._open_control()
        signal.signal(signal.SIGUSR1, self._reopen)

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        parts = self.parts
        if parts.status is not None:
            # a daemon that stops does not wait for the live pages
            parts.status.live.end()
        # main first: its requests in flight may still need the proxy
        for name in ("main", "proxy"):
            if name in parts.servers:
                parts.gateways[name].failover.health.stop()
                await parts.servers[name].stopService()
        parts.lag.stop()
        if parts.routes_file is not None:
            parts.routes_file.write()
        await gatherResults([client.close() for client in parts.upstream.clients])
        if parts.warm is not None:
            parts.warm.stop()
        if parts.storage is not None:
            await parts.storage.stop()
        if self._control is not None:
            await maybeDeferred(self._control.stopListening)
        _log.info("streamr has stopped")

    def _notices(self) -> list[Notice]:
        """What an operator should know at the start."""
        dimensions = {
            name: {route.name: route.dimensions for route in gateway.failover.routes}
            for name, gateway in self.parts.gateways.items()
        }
        return notices(self.settings, dimensions, self.parts.directory)

    def _open_control(self) -> None:
        """Answer the `streamr` command; a second daemon in one folder goes without."""
        if self.parts.directory is None:
            return
        path = self.parts.directory / SOCKET_NAME
        if not remove_stale_socket(path):
            _log.warn(
                "another streamr has {path}: no control socket",
                path=str(path),
                code="second-daemon",
            )
            return
        handlers: dict[str, Command] = {"routes": self._routes}
        if self.parts.storage is not None:
            handlers["cache stats"] = self.parts.storage.stats
            handlers["cache purge"] = self.parts.storage.purge
        try:
            self._control = self.parts.reactor.listenUNIX(
                str(path), ControlFactory(handlers), mode=0o600
            )
        except CannotListenError as error:
            _log.warn("no control socket: {error}", error=str(error), code="no-control")

    def _routes(self, _request: Mapping[str, object]) -> dict[str, list[ToldRoute]]:
        """What each route last did, for `streamr routes`."""
        return {
            name: [
                told_route(route, gateway.failover.health)
                for route in gateway.failover.routes
            ]
            for name, gateway in self.parts.gateways.items()
        }

    def _reopen(self, _signal: int, _frame: object) -> None:
        self.parts.reactor.callFromThread(self.parts.lines.reopen)

    def _keep_a_log(self) -> None:
        """A daemonised twistd has closed the console: a file has to take its place."""
        if (
            self.settings.log_file is None
            and _console_is_null()
            and not self._console_at_start
        ):
            self.parts.lines.add(Sink(path=Path(DAEMON_LOG).absolute()))


def _console_is_null() -> bool:
    """True when standard error goes to /dev/null, or nowhere."""
    try:
        return os.path.samestat(os.fstat(2), os.stat(os.devnull))  # noqa: PTH116
    except OSError:
        return True
