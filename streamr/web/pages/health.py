"""The health pages: is the server up, and what did each route to TMDB last do."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime

from streamr import __version__
from streamr.errors import CAUSES
from streamr.gateway.gateway import Gateway
from streamr.routing.health import RouteState
from streamr.routing.probe import PROBE
from streamr.routing.report import iso, told_routes
from streamr.tmdb.parameters import choice, only
from streamr.web.access import Visit
from streamr.web.page import Page, json_page
from streamr.web.router import Answered

Wall = Callable[[], float]

# Probes are for whoever calls: this keeps TMDB from feeling it.
PROBE_INTERVAL = 5.0
# What `probe` may be; the first is the default.
PROBES = ("0", "1")


def main_health(
    clock: IReactorTime, wall: Wall, environment: str
) -> Callable[[Visit], Page]:
    """`/api/health`: the main server is up; TMDB is not asked."""
    started = clock.seconds()

    def page(_visit: Visit) -> Page:
        return json_page(
            200,
            {
                "status": "ok",
                "timestamp": iso(wall()),
                "uptime": round(clock.seconds() - started, 3),
                "environment": environment,
                "version": __version__,
            },
        )

    return page


def proxy_health(wall: Wall) -> Callable[[Visit], Page]:
    """`/health` of the proxy."""

    def page(_visit: Visit) -> Page:
        return json_page(
            200,
            {
                "status": "ok",
                "service": "TMDB Proxy Server",
                "timestamp": iso(wall()),
                "version": __version__,
            },
        )

    return page


class TMDBHealth:
    """`/api/tmdb/health`: what each route last did; `probe=1` tries them all now."""

    def __init__(
        self,
        gateway: Gateway,
        clock: IReactorTime,
        wall: Wall,
        proxy: Gateway | None = None,
    ) -> None:
        """`proxy` is the gateway of the proxy in this process, if there is one."""
        self._gateway = gateway
        self._proxy = proxy
        self._clock = clock
        self._wall = wall
        self._probed_at: float | None = None

    def __call__(self, visit: Visit) -> Page | Deferred[Answered]:
        """The page, after a probe when one is asked for. Raises Refusal."""
        wanted = choice("probe", only("probe", visit.pairs) or PROBES[0], PROBES)
        if wanted == "1" and self._may_probe():
            self._probed_at = self._clock.seconds()
            asking = [
                self._gateway.ask(route, PROBE, visit.call)
                for route in self._gateway.failover.routes
            ]
            return gatherResults(asking).addCallback(self._probed)
        return self._page()

    def _probed(self, _exchanges: object) -> Answered:
        return self._page()

    def _may_probe(self) -> bool:
        last = self._probed_at
        return last is None or self._clock.seconds() - last >= PROBE_INTERVAL

    def _page(self) -> Page:
        found = self._gateway.failover.health
        states = [found.states[each.name] for each in found.routes]
        status, message = verdict(states, found.key_trouble)
        return json_page(
            503 if status == "error" else 200,
            {
                "status": status,
                "message": message,
                "timestamp": iso(self._wall()),
                "routes": told_routes(self._gateway.failover),
                "proxy_routes": []
                if self._proxy is None
                else told_routes(self._proxy.failover),
            },
        )


def verdict(states: list[RouteState], key: str | None) -> tuple[str, str]:
    """The word and the sentence for what the routes last did, the direct one first;
    `key` is why TMDB does not take our key, None when nothing speaks against it."""
    works = [state.at is not None and state.cause is None for state in states]
    fails = [state.cause is not None for state in states]
    if key is not None:
        told = f"{CAUSES[key].meaning}: set a valid TMDB_ACCESS_TOKEN or TMDB_API_KEY."
        return (
            ("degraded", f"{told} A proxy answers.")
            if any(works)
            else (
                "error",
                told,
            )
        )
    if works[0]:
        return "ok", "TMDB answers directly."
    if any(works) and not fails[0]:
        return "ok", "A proxy answers; the direct route has not been tried yet."
    if any(works):
        return "degraded", "The direct route fails; a proxy answers."
    if all(fails):
        return "error", "No route to TMDB works."
    if any(fails):
        return "degraded", "A route has failed; another has not been tried yet."
    return "ok", "No request has been made yet; ?probe=1 makes one."
