"""How the pictures of both servers are put together: which routes, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.pictures import PictureMaker, ServedPictures
from streamr.app.routes import Upstream
from streamr.boundaries import Query
from streamr.config.load import load
from streamr.errors import Fault, RouteKind
from streamr.fields.loop import Loop
from streamr.gateway.telling import Teller
from streamr.routing.health import Health
from streamr.routing.history import NetworkMemory
from streamr.store.pictures.passing import PassingPictures
from streamr.tmdb import images
from tests.support import Notes

KEY = "0123456789abcdef0123456789abcdef"
PEER = "https://peer.test:5001"
QUERY = Query("/t/p/w92/a.jpg", (), images.TEMPLATE)


class MakerCase(SynchronousTestCase):
    """Pictures as the app makes them, on a reactor in memory."""

    def made(self, directory: Path | None = None, **environment: str) -> PictureMaker:
        self.reactor: Any = MemoryReactorClock()
        settings = load({}, {"TMDB_API_KEY": KEY, **environment})
        self.upstream = Upstream(settings, self.reactor)
        health = partial(Health, clock=self.reactor, wall=lambda: 1000.0)
        self.memory = NetworkMemory(lambda: 0.0, lambda: 1000.0)
        self.tried: list[Any] = []

        def health_of(routes: Any, most: int) -> Health:
            return health(routes, most=most) if most else health(routes)

        return PictureMaker(
            settings,
            self.reactor,
            lambda: 1000.0,
            self.upstream,
            self.memory,
            health_of,
            directory,
        )

    def main(self, maker: PictureMaker, *peers: str) -> ServedPictures:
        return maker.main(
            Teller("main", self.reactor, Notes()),
            self.tried.append,
            Loop("streamr-me"),
            [(each, False, None) for each in peers],
        )

    def proxy(self, maker: PictureMaker) -> ServedPictures:
        return maker.proxy(Teller("proxy", self.reactor, Notes()), self.tried.append)

    def routes(self, served: ServedPictures) -> list[tuple[str, RouteKind, str]]:
        found = served.gateway.failover.routes
        return [(each.name, each.kind, each.dimensions.host) for each in found]


class Routes(MakerCase):
    def test_main_asks_the_picture_host_and_then_the_proxies(self) -> None:
        served = self.main(self.made(), PEER, "https://other.test")
        self.assertEqual(
            self.routes(served),
            [
                ("direct:pictures", RouteKind.DIRECT, "image.tmdb.org"),
                ("proxy@peer.test:5001:pictures", RouteKind.PEER, "peer.test:5001"),
                ("proxy@other.test:pictures", RouteKind.PEER, "other.test"),
            ],
        )

    def test_the_proxy_asks_the_picture_host_by_other_routes_than_direct(self) -> None:
        found = self.routes(self.proxy(self.made()))
        self.assertTrue(found)
        for _, kind, host in found:
            self.assertEqual((kind, host), (RouteKind.ORIGIN, "image.tmdb.org"))

    def test_another_host_is_asked_when_a_setting_says_so(self) -> None:
        maker = self.made(TMDB_IMAGE_BASE_URL="https://127.0.0.1:8443")
        (route,) = self.routes(self.main(maker))
        self.assertEqual(route[2], "127.0.0.1:8443")

    def test_both_servers_share_the_places_at_the_host(self) -> None:
        maker = self.made()
        served: list[Any] = [self.main(maker), self.proxy(maker)]
        first, second = (each.gateway.failover.routes[0]._pacer for each in served)
        self.assertIs(first, second)
        # TMDB allows twenty connections
        self.assertEqual(first._at_once, 15)

    def test_the_search_of_the_proxy_learns_of_what_was_cut(self) -> None:
        served = self.proxy(self.made())
        failover = served.gateway.failover
        route = failover.routes[0]
        self.assertEqual(failover.standings()[route.name].place, 1)
        failover.broke(route.name, Fault("connection_terminated"), QUERY)
        self.assertNotEqual(failover.standings()[route.name].place, 1)


class Keeping(MakerCase):
    def test_main_keeps_pictures_where_it_has_a_folder(self) -> None:
        served = self.main(self.made(Path(self.mktemp())))
        assert served.disk is not None
        self.assertIs(served.gateway.files, served.disk.files)

    def test_without_a_folder_it_has_no_place_for_them(self) -> None:
        for served in (self.main(self.made(None)), self.proxy(self.made(None))):
            self.assertIsNone(served.disk)
            self.assertIsNone(served.gateway.files)

    def test_what_is_not_kept_is_passed_on_over_the_disk(self) -> None:
        folder = Path(self.mktemp())
        for served in (
            self.proxy(self.made(folder)),
            self.main(self.made(folder, STREAMR_IMAGE_CACHE_MB="0")),
        ):
            self.assertIsNone(served.disk)
            self.assertIsInstance(served.gateway.files, PassingPictures)


class Posters(MakerCase):
    def served(self, **environment: str) -> ServedPictures:
        maker = self.made(Path(self.mktemp()), **environment)
        served = self.main(maker)
        self.cache: Any = SimpleNamespace(busy=False)
        memory: Any = SimpleNamespace(peek=self.stored)
        return served.warmed(
            [Query("/movie/popular", (), "")], memory, self.cache, maker
        )

    def stored(self, _key: str) -> Any:
        body = b'{"results":[{"poster_path":"/a.jpg"},{"poster_path":"/b.jpg"}]}'
        return SimpleNamespace(body=body)

    def test_those_of_the_lists_are_wanted_in_each_size(self) -> None:
        served = self.served(STREAMR_WARM_IMAGES="w92,w342")
        assert served.posters is not None
        self.assertEqual(
            [each.path for each in served.posters._wanted()],
            [
                f"/t/p/{size}/{file}"
                for file in ("a.jpg", "b.jpg")
                for size in ("w92", "w342")
            ],
        )

    def test_without_a_size_there_are_none(self) -> None:
        self.assertIsNone(self.served().posters)

    def test_nor_without_a_disk(self) -> None:
        served = self.served(STREAMR_WARM_IMAGES="w92", STREAMR_IMAGE_CACHE_MB="0")
        self.assertIsNone(served.posters)

    def test_a_list_that_is_not_stored_has_none(self) -> None:
        served = self.served(STREAMR_WARM_IMAGES="w92")
        self.stored = lambda _key: None  # type: ignore[method-assign]
        memory: Any = SimpleNamespace(peek=self.stored)
        again = replace(served).warmed(
            [Query("/movie/popular", (), "")],
            memory,
            self.cache,
            self.made(Path(self.mktemp()), STREAMR_WARM_IMAGES="w92"),
        )
        assert again.posters is not None
        self.assertEqual(list(again.posters._wanted()), [])
