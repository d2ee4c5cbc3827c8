"""What `/metrics` needs of a daemon: an observer, a page, a look at what runs."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from streamr import __version__
from streamr.config.settings import Settings
from streamr.gateway.gateway import Gateway
from streamr.observe.lag import LoopLag
from streamr.observe.measures import buckets
from streamr.observe.metrics import Metrics
from streamr.observe.scraped import Kept, Pace, Reading, Scraped
from streamr.store.memory import MemoryStore
from streamr.tmdb.catalogue import Catalogue
from streamr.upstream.ratelimit import Pacer
from streamr.web.pages.metrics import metrics_page
from streamr.web.router import Door
from streamr.web.server.site import GatewaySite
from twisted import __version__ as twisted_version

VERSIONS = {
    "version": __version__,
    "python": platform.python_version(),
    "twisted": twisted_version,
}


class Measuring:
    """The metrics of one daemon, over all its servers."""

    def __init__(
        self,
        found: Settings,
        reactor: Any,
        offered: Catalogue,
        pacers: Mapping[str, Pacer],
    ) -> None:
        """`pacers` may grow: it is read at each scrape."""
        templates = (each.template for each in offered.endpoints)
        self.metrics = Metrics(templates, buckets(found.deadline), VERSIONS)
        self.page = metrics_page(self.metrics.exposed)
        self._pacers = pacers
        self._gateways: dict[str, Gateway] = {}
        self._sites: dict[str, GatewaySite] = {}
        self._memory: MemoryStore | None = None
        self._lag = LoopLag(reactor, self.metrics.late)
        self.metrics.add(Scraped(self._read))

    def watch(self, gateway: Gateway, door: Door, site: GatewaySite) -> None:
        """Know one more server."""
        name = gateway.server
        self._gateways[name], self._sites[name] = gateway, site
        routes = [each.name for each in gateway.ways.routes]
        pages = (*door.local, *door.below, *door.actions)
        self.metrics.serves(name, routes, pages)

    def watch_cache(self, gateway: Gateway, memory: MemoryStore) -> None:
        """Know where this server keeps its answers."""
        self._memory = memory
        self.metrics.caches(gateway.server)

    def start(self) -> None:
        """Begin to measure the reactor's lag."""
        self._lag.start()

    def stop(self) -> None:
        """End it."""
        self._lag.stop()

    def _read(self) -> Reading:
        memory = self._memory
        return Reading(
            breakers={
                (server, route): breaker.state
                for server, gateway in self._gateways.items()
                for route, breaker in gateway.ways.health.breakers.items()
            },
            connections={
                name: len(site.channels) for name, site in self._sites.items()
            },
            paces={host: _pace(pacer) for host, pacer in self._pacers.items()},
            calls=self._calls(),
            kept=Kept(len(memory), memory.bytes, memory.most_bytes)
            if memory is not None
            else None,
        )

    def _calls(self) -> int:
        """Main's calls: what it asks of the proxy beside it is no caller's request.
        The proxy's own when it runs alone."""
        names = list(self._gateways)
        first = "streamr-main" if "streamr-main" in names else names[0]
        return self.metrics.calls[first]


def _pace(pacer: Pacer) -> Pace:
    return Pace(pacer.passed, pacer.waiting, pacer.free, pacer.paused)
