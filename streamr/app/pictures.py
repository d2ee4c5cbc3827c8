"""What both servers are made with to serve pictures, and where main keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

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
from streamr.store.pictures.files import PictureStore
from streamr.store.pictures.space import MB, usual_bytes
from streamr.upstream.picture import SUFFIX, Sample

T = TypeVar("T")

# Where pictures are, in the state directory.
FOLDER = "pictures"
# One stored picture is read and compared with its digest so often (seconds): 10,000 of
# 100 kB in three hours, at the cost of one more read of 100 kB a second.
SCRUB_EVERY = 1.0
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


class PictureDisk:
    """Main's pictures on the disk, and the thread that looks after them."""

    def __init__(
        self,
        settings: Settings,
        reactor: Reactor,
        wall: Callable[[], float],
        directory: Path,
    ) -> None:
        """They are kept below this directory."""
        self._reactor = reactor
        self._wall = wall
        self._threads = ThreadPool(0, 1, "streamr-pictures")
        self._timer: IDelayedCall | None = None
        most = settings.image_cache_mb
        self.files = PictureStore(
            directory / FOLDER,
            usual(directory) if most is None else most * MB,
            reactor,
            wall,
        )

    def start(self) -> None:
        """Find what is there, and look through it from then on."""
        self._threads.start()
        self._timer = self._reactor.callLater(SCRUB_EVERY, self._look)
        self._in_thread(self.files.load)

    async def stop(self) -> None:
        """Leave no timer and no thread."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._threads.stop()

    def stats(self, _given: Mapping[str, str]) -> dict[str, object]:
        """What is stored, for `streamr cache stats`."""
        return asdict(self.files.stats())

    def purge(self, _given: Mapping[str, str]) -> dict[str, int]:
        """Drop all of it."""
        return {"purged": self.files.purge()}

    def _look(self) -> None:
        """Compare the next picture with its digest, then wait again."""
        looking = self._in_thread(self.files.scrub, self._wall())
        looking.addBoth(self._looked)

    def _looked(self, _result: object) -> None:
        if self._threads.started:
            self._timer = self._reactor.callLater(SCRUB_EVERY, self._look)

    def _in_thread(self, work: Callable[..., T], *args: object) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._threads, work, *args)


def usual(directory: Path) -> int:
    """How many bytes of pictures are kept unless a setting says so; none where the disk
    cannot be asked."""
    try:
        return usual_bytes(directory)
    except OSError:
        return 0
