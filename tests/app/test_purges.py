"""A purge here, in the other nodes, and in the caches in front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.app.downstream import CachesInFront
from streamr.app.purges import ALL_HAVE_HEARD, Purges
from streamr.config.settings import Settings
from streamr.downstream.purger import Purger
from streamr.tmdb.tags import Purge


class Fleet:
    """Other nodes; `hears` is when the engine has heard of a purge."""

    def __init__(self) -> None:
        self.purged: list[Purge] = []
        self.hears: Callable[[Purge], object] = lambda _what: None

    def when_heard(self, heard: Callable[[Purge], object]) -> None:
        self.hears = heard

    def purge(self, what: Purge) -> None:
        self.purged.append(what)


class Everywhere(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.told = Clock(), []
        self.fleet: Any = Fleet()
        self.purges = Purges(cast(CachesInFront, self), self.clock)

    @property
    def purger(self) -> Purger:
        return Purger({"cache": self.tell}, self.clock)

    def renew(self, settings: Settings) -> None:
        raise AssertionError("no token is renewed here")

    def tell(self, tag: str) -> Deferred[None]:
        self.told.append(tag)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def test_a_node_by_itself_tells_the_caches_once(self) -> None:
        self.purges.over([], [], None)
        told = self.purges.answers({"path": "/movie/550"})
        self.assertEqual(told, {"purged": 0, "in_front": ["cache"]})
        self.clock.advance(60)
        self.assertEqual(self.told, ["tmdb-movie-550"])

    def test_in_a_fleet_they_are_told_again_when_all_nodes_have_heard(self) -> None:
        """A cache may have fetched it meanwhile from one that had not."""
        self.purges.over([], [], self.fleet)
        self.purges.answers({"path": "/movie/550"})
        self.assertEqual(self.told, ["tmdb-movie-550"])
        [what] = self.fleet.purged
        # the engine was away until now
        self.clock.advance(600)
        self.assertEqual(len(self.told), 1)
        self.fleet.hears(what)
        self.clock.advance(ALL_HAVE_HEARD)
        self.assertEqual(self.told, ["tmdb-movie-550"] * 2)

    def test_pictures_are_purged_everywhere_too(self) -> None:
        self.purges.over([], [], self.fleet)
        self.purges.pictures({})
        self.assertEqual(self.fleet.purged, [Purge("images")])
        self.assertEqual(self.told, ["tmdb-images"])

    def test_nothing_is_left_when_it_stops(self) -> None:
        self.purges.over([], [], self.fleet)
        self.fleet.hears(Purge("all"))
        self.purges.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
