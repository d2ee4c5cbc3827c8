"""What both servers are made with to serve pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from streamr.app.routes import Upstream
from streamr.app.search import picture_space_of, search_over
from streamr.boundaries import Dimensions
from streamr.config.settings import Settings
from streamr.errors import Attempt, RouteKind
from streamr.fields.loop import Loop
from streamr.gateway.pictures import Pictures
from streamr.gateway.telling import Teller
from streamr.interfaces import PictureFiles, Reactor, Route
from streamr.net.keypins import KeyPins
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.routing.history import NetworkMemory
from streamr.upstream.picture import SUFFIX, Sample

# A proxy's URL, whether it is this machine's own, and the pins that it is known by.
Peer = tuple[str, bool, Callable[[], KeyPins] | None]


@dataclass(frozen=True, slots=True)
class PictureMaker:
    """Makes the pictures of a server; `health_of` makes the health of some routes, and
    is told how many there can be."""

    settings: Settings
    reactor: Reactor
    wall: Callable[[], float]
    upstream: Upstream
    memory: NetworkMemory
    health_of: Callable[[Sequence[Route], int], Health]

    def main(
        self,
        teller: Teller,
        tried: Callable[[Attempt], object],
        loop: Loop,
        peers: Sequence[Peer],
        files: PictureFiles | None,
    ) -> Pictures:
        """Main's: the picture host first, then the proxies as for the API."""
        sample, url = Sample(), self.settings.tmdb_image_base_url
        direct, kind = picture_space_of(self.settings).direct, RouteKind.DIRECT
        name = f"{kind.value}{SUFFIX}"
        routes: list[Route] = [self.upstream.pictures(name, kind, url, direct, sample)]
        routes += [
            self.upstream.proxy_pictures(url, loop, sample, near=near, known=known)
            for url, near, known in peers
        ]
        failover = Failover(self.health_of(routes, 0), self.reactor, tried=tried)
        return self._over(failover, teller, files)

    def proxy(self, teller: Teller, tried: Callable[[Attempt], object]) -> Pictures:
        """The proxy's, which keeps none."""
        make = partial(self._local, Sample())
        health, search = search_over(
            picture_space_of(self.settings),
            make,
            self.memory,
            self.reactor,
            self.health_of,
        )
        failover = Failover(
            health,
            self.reactor,
            tried=tried,
            plan=search.plan,
            failed=search.failed,
        )
        return self._over(failover, teller, None)

    def _local(self, sample: Sample, name: str, url: str, route: Dimensions) -> Route:
        return self.upstream.pictures(name, RouteKind.ORIGIN, url, route, sample)

    def _over(
        self, failover: Failover, teller: Teller, files: PictureFiles | None
    ) -> Pictures:
        deadline = self.settings.deadline
        return Pictures(failover, self.reactor, self.wall, teller, deadline, files)
