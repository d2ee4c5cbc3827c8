"""What both servers are made with to serve pictures, and where main keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from streamr.app.routes import Upstream
from streamr.app.search import picture_space_of, search_over
from streamr.boundaries import Dimensions, Query
from streamr.config.settings import Settings
from streamr.errors import Attempt, RouteKind
from streamr.fields.loop import Loop
from streamr.gateway.cache import Cache
from streamr.gateway.pictures import Pictures
from streamr.gateway.telling import Teller
from streamr.gateway.warm_pictures import WarmPictures
from streamr.interfaces import Memory, PictureFiles, Reactor, Route
from streamr.net.keypins import KeyPins
from streamr.policy import cachekey
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.routing.history import NetworkMemory
from streamr.store.pictures.files import PictureStore
from streamr.store.pictures.passing import PassingPictures
from streamr.store.pictures.space import MB, usual_bytes
from streamr.tmdb import images
from streamr.upstream.picture import SUFFIX, Sample

_log = Logger()
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
    is told how many there can be. Main's are kept below `directory`, if it has one."""

    settings: Settings
    reactor: Reactor
    wall: Callable[[], float]
    upstream: Upstream
    memory: NetworkMemory
    health_of: Callable[[Sequence[Route], int], Health]
    directory: Path | None

    def main(
        self,
        teller: Teller,
        tried: Callable[[Attempt], object],
        loop: Loop,
        peers: Sequence[Peer],
    ) -> ServedPictures:
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
        disk = None
        if self.directory is not None and self.settings.image_cache_mb != 0:
            disk = PictureDisk(self.settings, self.reactor, self.wall, self.directory)
        files = disk.files if disk is not None else self._passing()
        return ServedPictures(self._over(failover, teller, files), disk)

    def proxy(
        self, teller: Teller, tried: Callable[[Attempt], object]
    ) -> ServedPictures:
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
            search=search,
        )
        return ServedPictures(self._over(failover, teller, self._passing()))

    def _passing(self) -> PictureFiles | None:
        """Where those lie that are not kept; None without a place on a disk."""
        if self.directory is None:
            return None
        return PassingPictures(self.directory / FOLDER, self.reactor)

    def _local(self, sample: Sample, name: str, url: str, route: Dimensions) -> Route:
        return self.upstream.pictures(name, RouteKind.ORIGIN, url, route, sample)

    def _over(
        self, failover: Failover, teller: Teller, files: PictureFiles | None
    ) -> Pictures:
        deadline = self.settings.deadline
        return Pictures(failover, self.reactor, self.wall, teller, deadline, files)


@dataclass(frozen=True, slots=True)
class ServedPictures:
    """A server's pictures; main's are kept on a disk, and some are fetched ahead."""

    gateway: Pictures
    disk: PictureDisk | None = None
    posters: WarmPictures | None = None

    def warmed(
        self, lists: Sequence[Query], memory: Memory, cache: Cache, maker: PictureMaker
    ) -> ServedPictures:
        """The same with the posters of these lists, where a size is named."""
        sizes, gateway = maker.settings.warm_images, self.gateway
        if self.disk is None or not sizes:
            return self

        def busy() -> bool:
            return gateway.busy or cache.busy

        wanted = partial(_posters, lists, sizes, memory)
        deadline = maker.settings.deadline
        warm = WarmPictures(wanted, gateway, busy, maker.reactor, deadline)
        return replace(self, posters=warm)

    def start(self) -> None:
        """Find what is kept, then fetch what is to be there."""
        if self.disk is not None:
            self.disk.start()
        if self.posters is not None:
            self.posters.start()

    def stop(self) -> None:
        """End what is under way."""
        if self.posters is not None:
            self.posters.stop()
        self.gateway.stop()
        if self.disk is not None:
            self.disk.stop()


def _posters(
    lists: Sequence[Query], sizes: Sequence[str], memory: Memory
) -> Iterator[Query]:
    """What the stored lists show, in the sizes that are wanted."""
    for each in lists:
        stored = memory.peek(cachekey.key(each))
        files = images.posters(stored.body) if stored is not None else []
        for file, size in product(files, sizes):
            yield Query(images.PictureName(size, file).path, (), images.TEMPLATE)


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
        self._in_thread(self.files.load).addErrback(_broke)

    def stop(self) -> None:
        """Leave no timer and no thread."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._threads.stop()

    def stats(self, _given: Mapping[str, str]) -> dict[str, object]:
        """What is stored, for `streamr cache stats`."""
        return asdict(self.files.stats())

    def purge(self) -> int:
        """Drop all of it; how many pictures that was."""
        return self.files.purge()

    def _look(self) -> None:
        """Compare the next picture with its digest, then wait again."""
        looking = self._in_thread(self.files.scrub, self._wall())
        looking.addErrback(_broke).addCallback(self._looked)

    def _looked(self, _result: object) -> None:
        if self._threads.started:
            self._timer = self._reactor.callLater(SCRUB_EVERY, self._look)

    def _in_thread(self, work: Callable[..., T], *args: object) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._threads, work, *args)


def _broke(failure: Failure) -> None:
    """An error of our own. Pictures are served without it."""
    _log.failure("Looking after the pictures broke", failure, code="pictures-broke")


def usual(directory: Path) -> int:
    """How many bytes of pictures are kept unless a setting says so; none where the disk
    cannot be asked."""
    try:
        return usual_bytes(directory)
    except OSError:
        return 0
