"""The running daemon: both servers, or one of them; how they start and stop."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError

from streamr import __version__
from streamr.app import warnings
from streamr.app.cache import Keeping
from streamr.app.control import SOCKET_NAME, ControlFactory, Handler, make_way
from streamr.app.metrics import Measuring
from streamr.app.routes import Lookup, Upstream
from streamr.app.server import Server, _log, _url
from streamr.app.servers import Builder
from streamr.app.state import NO_FOLDER, state_directory
from streamr.app.status import Watching
from streamr.config.addresses import url_of
from streamr.config.settings import Settings
from streamr.fields.loop import Loop
from streamr.gateway.gateway import Gateway
from streamr.interfaces import Observer
from streamr.observe.fan import Fan
from streamr.observe.log import LineObserver, LogObserver, Sink
from streamr.routing.report import told_route
from streamr.routing.statefile import FILE_NAME, RouteFile
from streamr.tmdb import catalogue
from streamr.upstream.resolve.system import system_lookup
from streamr.web.api.resource import GatewayResource
from streamr.web.demo.pages import Demo
from streamr.web.server.site import GatewaySite

# Requests in flight end by their own deadline; this is for writing the last bytes.
DRAIN_GRACE = 1.0
# Where the log goes when twistd has sent the console to /dev/null.
DAEMON_LOG = "server.log"


class Daemon(MultiService):
    """Both servers, or one of them, and the connections to TMDB."""

    def __init__(
        self,
        found: Settings,
        reactor: Any,
        sockets: Mapping[str, socket.socket],
        lines: LineObserver,
        observer: Observer | None = None,
        wall: Callable[[], float] = time.time,
        demo: Demo | None = None,
        lookup: Lookup = system_lookup,
    ) -> None:
        """`demo` is what `streamr demo` alone adds to main, and may have names of its
        own: `lookup`."""
        super().__init__()
        self.settings = found
        self._reactor = reactor
        self._lines = lines
        self._console_at_start = _console_is_null()
        self._upstream = Upstream(found, reactor, lookup)
        self._identity = f"streamr-{secrets.token_hex(6)}"
        offered = catalogue.load(found.extra_paths)
        self._measuring = Measuring(found, reactor, offered, self._upstream.pacers)
        self.gateways: dict[str, Gateway] = {}
        self.servers: dict[str, Server] = {}
        self._watching = Watching(
            found, reactor, wall, self.gateways, demo=demo is not None
        )
        told = observer or LogObserver()
        build = Builder(
            found,
            reactor,
            wall,
            Fan([told, self._measuring.metrics, self._watching.history], reactor),
            self._upstream,
            offered,
            self._measuring.page,
            demo,
        )
        for name in sockets:
            self._open(name, sockets, build)
        self._directory = state_directory(found)
        self._keeping: Keeping | None = None
        if "main" in self.gateways and found.cache_mb:
            self._keep(self.gateways["main"], wall, offered)
        self._control: Any = None
        self._routes_file: RouteFile | None = None
        if self._directory is not None:
            self._remember_routes(self._directory)
        for gateway in self.gateways.values():
            self._watching.watch(gateway.ways.health)

    def _keep(
        self, main: Gateway, wall: Callable[[], float], offered: catalogue.Catalogue
    ) -> None:
        """Let main have a store, and those who look at the daemon see it."""
        self._keeping = Keeping(
            self.settings, self._reactor, wall, main, offered, self._directory
        )
        self._measuring.watch_cache(main, self._keeping.memory)
        self._watching.keeping = self._keeping

    def _open(
        self, name: str, sockets: Mapping[str, socket.socket], build: Builder
    ) -> None:
        """Put one server together: its gateway, its door, its site."""
        loop = Loop(f"{self._identity}-{name}")
        own_proxy = _own_proxy(self.settings, sockets)
        if name == "proxy":
            gateway, door = build.proxy(loop)
        else:
            proxies = self.settings.tmdb_proxy_url or (own_proxy,)
            gateway, door = build.main(loop, proxies, _url(sockets[name]))
            door = self._watching.opened(gateway, door, own_proxy)
        resource = GatewayResource(door, self._reactor, build.observer)
        site = GatewaySite(resource, self._reactor)
        drain = self.settings.deadline + DRAIN_GRACE
        server = Server(name, self._reactor, sockets[name], site, drain)
        server.setServiceParent(self)
        self._measuring.watch(gateway, door, site)
        self.gateways[name], self.servers[name] = gateway, server

    def startService(self) -> None:
        self._keep_a_log()
        _log.info("streamr {version} starts", version=__version__)
        for warning in (*self.settings.warnings, *self._advice()):
            _log.warn("{warning}", warning=warning)
        if self._keeping is not None:
            self._keeping.start()
        self._measuring.start()
        super().startService()
        for gateway in self.gateways.values():
            gateway.ways.health.start()
        self._open_control()
        signal.signal(signal.SIGUSR1, self._reopen)

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._watching.stop()
        # main first: its requests in flight may still need the proxy
        for name in ("main", "proxy"):
            if name in self.servers:
                self.gateways[name].ways.health.stop()
                await self.servers[name].stopService()
        self._measuring.stop()
        if self._routes_file is not None:
            self._routes_file.write()
        await gatherResults([client.close() for client in self._upstream.clients])
        if self._keeping is not None:
            await self._keeping.stop()
        if self._control is not None:
            await self._control.stopListening()
        _log.info("streamr has stopped")

    def _advice(self) -> list[str]:
        main, proxy = self.gateways.get("main"), self.gateways.get("proxy")
        said = warnings.exposure(self.settings, self.servers)
        if self._directory is None:
            said.append(NO_FOLDER)
        if main is not None and proxy is not None and not self.settings.tmdb_proxy_url:
            direct = main.ways.routes[0].dimensions
            rungs = {rung.name: rung.dimensions for rung in proxy.ways.routes}
            said += warnings.fate(direct, rungs.values())
            for line in warnings.differences(direct, rungs):
                _log.info("{line}", line=line)
        return said

    def _remember_routes(self, directory: Path) -> None:
        """Begin with what was known of the routes before the last end."""
        healths = {name: gate.ways.health for name, gate in self.gateways.items()}
        self._routes_file = RouteFile(
            directory / FILE_NAME,
            self._reactor,
            lambda: {name: health.known() for name, health in healths.items()},
        )
        before = self._routes_file.read()
        for name, health in healths.items():
            known = before.get(name)
            health.learn(known if isinstance(known, dict) else {})
            health.changed = self._routes_file.changed

    def _open_control(self) -> None:
        """Answer the `streamr` command; a second daemon in one folder goes without."""
        if self._directory is None:
            return
        path = self._directory / SOCKET_NAME
        if not make_way(path):
            _log.warn("another streamr has {path}: no control socket", path=str(path))
            return
        handlers: dict[str, Handler] = {"routes": self._routes}
        if self._keeping is not None:
            handlers["cache stats"] = self._keeping.stats
            handlers["cache purge"] = self._keeping.purge
        try:
            self._control = self._reactor.listenUNIX(
                str(path), ControlFactory(handlers), mode=0o600
            )
        except CannotListenError as error:
            _log.warn("no control socket: {error}", error=str(error))

    def _routes(self, _request: dict[str, Any]) -> dict[str, Any]:
        """What each route last did, for `streamr routes`."""
        return {
            name: [
                told_route(route, gateway.ways.health) for route in gateway.ways.routes
            ]
            for name, gateway in self.gateways.items()
        }

    def _reopen(self, _signal: int, _frame: object) -> None:
        self._reactor.callFromThread(self._lines.reopen)

    def _keep_a_log(self) -> None:
        """A daemonised twistd has closed the console: a file has to take its place."""
        if (
            self.settings.log_file is None
            and _console_is_null()
            and not self._console_at_start
        ):
            self._lines.add(Sink(path=Path(DAEMON_LOG).absolute()))


def _own_proxy(found: Settings, sockets: Mapping[str, socket.socket]) -> str:
    """Where this machine's proxy answers: its socket, or what the settings say."""
    if "proxy" in sockets:
        return _url(sockets["proxy"])
    return url_of(found.proxy_host, found.proxy_port)


def _console_is_null() -> bool:
    """True when standard error goes to /dev/null, or nowhere."""
    try:
        return os.path.samestat(os.fstat(2), os.stat(os.devnull))  # noqa: PTH116
    except OSError:
        return True
