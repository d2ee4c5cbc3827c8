"""The running daemon: both servers, or one of them; how they start and stop."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger

from streamr import __version__
from streamr.app.cache import Storage
from streamr.app.commands import commands
from streamr.app.control import Command, open_control
from streamr.app.descriptors import fitting, lowered, open_files
from streamr.app.door import door_of
from streamr.app.downstream import caches_in_front
from streamr.app.expiry import EndingWatch
from streamr.app.fleet import fleet_of
from streamr.app.identity import ProxyIdentity, identity_of
from streamr.app.metrics import VERSIONS, publish
from streamr.app.pictures import PictureDisk
from streamr.app.purges import Purges
from streamr.app.reload import Reloader, Served
from streamr.app.routes import Lookup, Upstream
from streamr.app.server import Server, url_at
from streamr.app.servers import DOOR, MAIN, Built, Near, Shared
from streamr.app.state import KeptState
from streamr.app.supervisor import Supervisor
from streamr.app.warnings import notices
from streamr.config.addresses import proxy_url
from streamr.config.settings import Notice, Settings
from streamr.config.state import state_directory
from streamr.downstream.purger import RESULTS
from streamr.fields.loop import Loop
from streamr.interfaces import Observer, Reactor
from streamr.observe.access import LogObserver
from streamr.observe.fan import Fan
from streamr.observe.history import History
from streamr.observe.lag import LoopLag
from streamr.observe.log import LineObserver, Sink
from streamr.observe.measures import buckets
from streamr.observe.metrics import Metrics
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.routing.statefile import RouteFile
from streamr.shared.tier import FleetTier
from streamr.tmdb import catalogue, images
from streamr.upstream.resolve.system import system_lookup
from streamr.web.api.resource import GatewayResource
from streamr.web.api.surface import Surface
from streamr.web.demo.pages import Demo
from streamr.web.pages.metrics import metrics_page
from streamr.web.pages.readiness import Lifecycle
from streamr.web.server.response import DateField
from streamr.web.server.site import GatewaySite
from streamr.web.server.tls import ServerTLS

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
    supervisor: Supervisor | None = None,
) -> Daemon:
    """Settings → routes → gateways → servers → daemon, in one pass.

    `sockets` are those of the servers that shall run: "proxy", "main", "door". `demo`
    is what `streamr demo` alone adds to main, and may have names of its own: `lookup`.
    Raises SettingsError.
    """
    directory = state_directory(settings)
    # what a simulator has said, and how it was reached, is nothing to go by later
    kept = directory if demo is None else None
    offered = catalogue.load(settings.extra_paths)
    templates = [*(each.template for each in offered.endpoints), images.TEMPLATE]
    metrics = Metrics(templates, buckets(settings.deadline), VERSIONS)
    history = History(MAIN, reactor.seconds, wall, DOOR)
    log = LogObserver(lines)
    state = KeptState(kept, reactor, wall)
    identity = identity_of(settings, runs_here="proxy" in sockets)
    tls = identity if isinstance(identity, ServerTLS) else None
    upstream = Upstream(settings, reactor, lookup)
    purges = _purges(settings, reactor, metrics)
    fleet = fleet_of(
        settings, reactor, upstream, state.fleet, purges.here, state.memory
    )
    shared = Shared(
        settings,
        reactor,
        wall,
        Fan([observer or log, metrics, history], reactor),
        log,
        offered,
        metrics_page(metrics.exposed),
        upstream,
        state.memory,
        kept,
        directory if demo is None else demo.folder,
        DateField(wall),
        Lifecycle(),
        fitting(settings, len(sockets), open_files()),
        door_of(directory, wall) if "door" in sockets else None,
        fleet,
    )
    built = _built(shared, sockets, history, demo, identity)
    purges.over(_storages(built), _disks(built), fleet)
    surfaces = _surfaces(built, shared)
    resources = _resources(surfaces, shared)
    served = {name: Served(resources[name], built[name].gateway) for name in built}
    sites = {name: _site(resources[name], surfaces[name], shared) for name in surfaces}
    publish(metrics, built, surfaces, sites, upstream.pacers, fleet)
    told = supervisor or Supervisor(reactor)
    return Daemon(
        Parts(
            settings,
            reactor,
            lines,
            upstream,
            built,
            shared.life,
            _servers(sites, sockets, shared, tls),
            directory,
            LoopLag(reactor, metrics.late),
            shared.observer.settle,
            state.remember(_healths(built), upstream.book, history, fleet),
            told,
            Reloader(settings, lines, upstream, served, told, identity, purges.renew),
            purges,
            fleet,
            tls,
            None if tls is None else EndingWatch(lambda: tls.ends, reactor, wall),
            demo,
        )
    )


def _purges(settings: Settings, reactor: Reactor, metrics: Metrics) -> Purges:
    """Who drops what, with the caches in front; each result is counted."""
    in_front = caches_in_front(settings, reactor, metrics.purged)
    metrics.in_front(in_front.purger.names, RESULTS)
    return Purges(in_front, reactor)


def _built(
    shared: Shared,
    sockets: Mapping[str, socket.socket],
    history: History,
    demo: Demo | None,
    shown: ProxyIdentity | None,
) -> dict[str, Built]:
    """The servers that shall run, by name. The proxy is the first: main's status page
    looks into it."""
    identity = f"streamr-{secrets.token_hex(6)}"
    built: dict[str, Built] = {}
    if "proxy" in sockets:
        built["proxy"] = shared.proxy(Loop(f"{identity}-proxy"))
    if "main" in sockets:
        own = built["proxy"].gateway if "proxy" in built else None
        known = None if shown is None else lambda: frozenset((shown.pin,))
        near = Near(_proxy_url(shared.settings, sockets), own, known)
        loop, address = Loop(f"{identity}-main"), url_at(sockets["main"])
        built["main"] = shared.main(loop, address, near, history, demo)
    return built


def _surfaces(built: Mapping[str, Built], shared: Shared) -> dict[str, Surface]:
    """What each server answers; the door has main's gateway."""
    surfaces = {name: each.surface for name, each in built.items()}
    if shared.door is not None:
        surfaces["door"] = shared.behind(shared.door, built["main"])
    return surfaces


def _resources(
    surfaces: Mapping[str, Surface], shared: Shared
) -> dict[str, GatewayResource]:
    return {
        name: GatewayResource(surface, shared.reactor, shared.observer)
        for name, surface in surfaces.items()
    }


def _failovers(built: Mapping[str, Built]) -> dict[str, Failover]:
    """What goes over routes, by the names under which those are told and remembered."""
    found = {name: each.gateway.failover for name, each in built.items()}
    for name, each in built.items():
        if each.pictures is not None:
            found[f"{name}-pictures"] = each.pictures.gateway.failover
    return found


def _storages(built: Mapping[str, Built]) -> list[Storage]:
    return [each.storage for each in built.values() if each.storage is not None]


def _disks(built: Mapping[str, Built]) -> list[PictureDisk]:
    pictures = [each.pictures for each in built.values() if each.pictures is not None]
    return [each.disk for each in pictures if each.disk is not None]


def _healths(built: Mapping[str, Built]) -> dict[str, Health]:
    return {name: each.health for name, each in _failovers(built).items()}


def _site(resource: GatewayResource, surface: Surface, shared: Shared) -> GatewaySite:
    return GatewaySite(
        resource,
        shared.reactor,
        surface.cors.headers,
        date=shared.date,
        lane=surface.lane,
        picture_lane=surface.picture_lane,
        refused=resource.refused,
        limits=surface.limits,
    )


def _servers(
    sites: Mapping[str, GatewaySite],
    sockets: Mapping[str, socket.socket],
    shared: Shared,
    tls: ServerTLS | None,
) -> dict[str, Server]:
    """The servers by name; `tls` is the proxy's."""
    reactor, drain = shared.reactor, drain_seconds(shared.settings)
    door = None if shared.door is None else shared.door.tls
    secured = {"proxy": tls, "door": door}
    return {
        name: Server(name, reactor, sockets[name], site, drain, secured.get(name))
        for name, site in sites.items()
    }


def drain_seconds(settings: Settings) -> float:
    """How long a server that stops waits for the requests in flight."""
    return settings.deadline + DRAIN_GRACE


def _proxy_url(settings: Settings, sockets: Mapping[str, socket.socket]) -> str:
    """Where this machine's proxy answers: its socket, or what the settings say."""
    if "proxy" in sockets:
        return url_at(sockets["proxy"], secure=settings.proxy_tls_cert is not None)
    return proxy_url(settings)


class NoLog(Exception):
    """A daemon without a console has no file for its log, either."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a daemon starts and stops. `built` and `servers` are by "main" and "proxy";
    the door is a server of main's gateway;
    `settle` tells observers of what was put off; `directory` is where state is kept,
    None when there is no place for it; `demo` is what `streamr demo` adds."""

    settings: Settings
    reactor: Reactor
    lines: LineObserver
    upstream: Upstream
    built: Mapping[str, Built]
    life: Lifecycle
    servers: Mapping[str, Server]
    directory: Path | None
    lag: LoopLag
    settle: Callable[[], object]
    routes_file: RouteFile | None
    supervisor: Supervisor
    reloader: Reloader
    purges: Purges
    fleet: FleetTier | None
    tls: ServerTLS | None = None
    expiry: EndingWatch | None = None
    demo: Demo | None = None


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
        if parts.expiry is not None:
            parts.expiry.start()
        if parts.fleet is not None:
            parts.fleet.start()
        for built in parts.built.values():
            built.start()
        parts.lag.start()
        super().startService()
        for built in parts.built.values():
            for health in built.healths:
                health.start()
        # a wrong key shows now, and not to the first caller
        first = parts.built.get("main") or parts.built["proxy"]
        first.gateway.failover.health.probe_first()
        self._control = open_control(parts.reactor, parts.directory, self._commands())
        signal.signal(signal.SIGUSR1, self._reopen)
        # asked now: a terminal that is gone is none any more
        self._on_terminal = on_terminal()
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as behind nohup
            signal.signal(signal.SIGHUP, self._hung_up)
        parts.reactor.callWhenRunning(parts.supervisor.ready)

    @property
    def urls(self) -> dict[str, str]:
        """Where main and the proxy are asked how they are; the door tells nobody."""
        return {name: self.servers[name].url for name in self.parts.built}

    @property
    def door(self) -> str | None:
        """The URL of the door, which is open under TMDB's names only."""
        return self.servers["door"].url if "door" in self.servers else None

    @property
    def waiting(self) -> int:
        """How many callers wait for their answer; main, asking the proxy, is none."""
        first = self.servers.get("main") or self.servers["proxy"]
        return first.waiting or max(each.waiting for each in self.servers.values())

    @property
    def longest_stop(self) -> float:
        """Seconds that stopping may take: what came to the proxy while main and its
        door drained has its own time."""
        draining = len(self.parts.built) * drain_seconds(self.settings)
        return self.settings.stop_delay + draining

    def stopService(self) -> Deferred[None]:
        self.running = 0
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        parts = self.parts
        parts.life.draining = True
        parts.supervisor.stopping()
        await deferLater(parts.reactor, parts.settings.stop_delay)
        for built in parts.built.values():
            built.end_live_pages()
        for server in parts.servers.values():
            server.leave()
        # the proxy's port last: main's requests in flight may still need it
        for names in (("main", "door"), ("proxy",)):
            await self._end(names)
        parts.lag.stop()
        if parts.expiry is not None:
            parts.expiry.stop()
        parts.purges.stop()
        if parts.fleet is not None:
            parts.fleet.stop()
        parts.settle()
        if parts.routes_file is not None:
            parts.routes_file.write()
        await gatherResults([client.close() for client in parts.upstream.clients])
        for built in parts.built.values():
            await built.stop()
        if self._control is not None:
            await maybeDeferred(self._control.stopListening)
        parts.supervisor.stopped()
        _log.info("streamr has stopped")

    async def _end(self, names: Iterable[str]) -> None:
        """Stop some servers at once; each lets its requests finish."""
        built = [self.parts.built[each] for each in names if each in self.parts.built]
        for health in [health for each in built for health in each.healths]:
            health.stop()
        servers = [self.servers[each] for each in names if each in self.servers]
        await gatherResults([each.stopService() for each in servers])

    def _notices(self) -> list[Notice]:
        """What an operator should know at the start."""
        dimensions = {
            name: {
                route.name: route.dimensions for route in built.gateway.failover.routes
            }
            for name, built in self.parts.built.items()
        }
        files = lowered(self.settings, len(self.servers), open_files())
        return files + notices(self.settings, dimensions, self.parts.directory)

    def _commands(self) -> list[Command]:
        """What the control socket answers."""
        built, demo = self.parts.built, self.parts.demo
        return commands(
            self.urls,
            self.settings.proxy_tls_cert,
            _failovers(built),
            _storages(built),
            _disks(built),
            self.parts.purges,
            None if demo is None else demo.network,
            self.door,
        )

    def _reopen(self, _signal: int, _frame: object) -> None:
        self.parts.reactor.callFromThread(self.parts.lines.reopen)

    def _hung_up(self, _signal: int, _frame: object) -> None:
        self.parts.reactor.callFromThread(self._end_or_reload)

    def _end_or_reload(self) -> None:
        parts = self.parts
        if parts.life.draining:
            return
        if self._on_terminal:
            parts.reactor.stop()
        else:
            parts.reloader.reload()

    def _keep_a_log(self) -> None:
        """A daemonised twistd has closed the console: a file has to take its place."""
        if (
            self.settings.log_file is None
            and _console_is_null()
            and not self._console_at_start
        ):
            path = Path(DAEMON_LOG).absolute()
            try:
                self.parts.lines.add(Sink(path=path))
            except OSError as error:
                # twistd shows the first hundred characters
                raise NoLog(
                    f"{DAEMON_LOG} cannot be opened ({error.strerror}): "
                    "set STREAMR_LOG_FILE"
                ) from None


def on_terminal() -> bool:
    """True when a person has started us, and SIGHUP says that the terminal is gone."""
    return any(os.isatty(each) for each in range(3))


def _console_is_null() -> bool:
    """True when standard error goes to /dev/null, or nowhere."""
    try:
        return os.path.samestat(os.fstat(2), os.stat(os.devnull))  # noqa: PTH116
    except OSError:
        return True
