"""What a scrape of `/metrics` reads of a running daemon."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamr import __version__
from streamr.app.servers import DOOR, MAIN, Built
from streamr.interfaces import Memory, PictureFiles
from streamr.observe.metrics import Metrics
from streamr.observe.scraped import Kept, Pace, Reading, Scraped, SharedCounts
from streamr.routing.health import Health
from streamr.shared.tier import FleetTier
from streamr.upstream.ratelimit import Pacer
from streamr.web.api.surface import Surface
from streamr.web.server.site import GatewaySite
from twisted import __version__ as twisted_version

VERSIONS = {
    "version": __version__,
    "python": platform.python_version(),
    "twisted": twisted_version,
}


@dataclass(frozen=True, slots=True)
class Readings:
    """Looks at what runs, each time it is asked.

    `healths` and `sites` are by the servers' names; `calls` counts callers' requests
    by the same names; `memory` is None without a store, `files` without pictures on
    disk; `fleet` without other nodes.
    """

    healths: Mapping[str, Sequence[Health]]
    sites: Mapping[str, GatewaySite]
    pacers: Mapping[str, Pacer]
    calls: Counter[str]
    memory: Memory | None
    files: PictureFiles | None = None
    fleet: FleetTier | None = None

    def read(self) -> Reading:
        """Everything as it is now."""
        memory, files = self.memory, self.files
        return Reading(
            breakers={
                (server, route): breaker.state
                for server, healths in self.healths.items()
                for health in healths
                for route, breaker in health.breakers.items()
            },
            connections={name: len(site.channels) for name, site in self.sites.items()},
            paces={host: _pace(pacer) for host, pacer in self.pacers.items()},
            calls=self._calls(),
            kept=Kept(len(memory), memory.bytes, memory.most_bytes)
            if memory is not None
            else None,
            pictures=Kept(len(files), files.bytes, files.most_bytes)
            if files is not None
            else None,
            shared=None if self.fleet is None else _shared(self.fleet),
        )

    def _calls(self) -> int:
        """Main's calls, and those through its door: what it asks of the proxy beside
        it is no caller's request. The proxy's own when it runs alone."""
        first = MAIN if MAIN in self.healths else next(iter(self.healths))
        return self.calls[first] + self.calls[DOOR]


def _shared(tier: FleetTier) -> SharedCounts:
    looks = {"hit": tier.hits, "miss": tier.misses, "broken": tier.broken}
    return SharedCounts(tier.up, tier.fleet.nodes, looks)


def _pace(pacer: Pacer) -> Pace:
    return Pace(pacer.passed, pacer.waiting, pacer.free, pacer.paused)


def publish(
    metrics: Metrics,
    built: Mapping[str, Built],
    surfaces: Mapping[str, Surface],
    sites: Mapping[str, GatewaySite],
    pacers: Mapping[str, Pacer],
    fleet: FleetTier | None = None,
) -> None:
    """Let the metrics name what there is, and read it at each scrape. The door, which
    is one of the `surfaces`, has main's routes."""
    healths = {each.gateway.server: each.healths for each in built.values()}
    memory = files = None
    for each in built.values():
        if each.storage is not None:
            memory = each.storage.memory
        if each.pictures is not None and each.pictures.disk is not None:
            files = each.pictures.disk.files
    for name, surface in surfaces.items():
        own = built.get(name) or built["main"]
        routes = [route for health in own.healths for route in health.breakers]
        metrics.serves(surface.server, routes, surface.router.paths)
        if own.storage is not None:
            metrics.caches(surface.server)
    by_server = {surfaces[name].server: site for name, site in sites.items()}
    readings = Readings(healths, by_server, pacers, metrics.calls, memory, files, fleet)
    metrics.add(Scraped(readings.read))
