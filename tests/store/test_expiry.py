"""The outer bound: 180 days, whatever is asked for and whatever is not."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.freshness import MOST_KEPT
from streamr.store.expiry import LOOK_EVERY, Aging
from streamr.store.memory import MemoryStore
from tests.contracts.store import response


class Bound(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryStore(1_000_000, 100)
        self.dropped: list[str] = []
        self.memory.subscribe(dropped=self.dropped.extend)
        self.aging = Aging(self.memory, self.clock)
        self.aging.start()
        self.memory.put("/movie/550", response("/movie/550", now=0.0))

    def pass_to(self, seconds: float) -> None:
        while self.clock.seconds() < seconds:
            self.clock.advance(LOOK_EVERY)

    def test_what_nobody_asks_for_is_gone_from_memory_and_disk(self) -> None:
        self.pass_to(MOST_KEPT)
        self.assertEqual((len(self.memory), self.dropped), (0, ["/movie/550"]))

    def test_what_was_renewed_stays(self) -> None:
        self.pass_to(MOST_KEPT / 2)
        self.memory.put("/movie/550", response("/movie/550", now=MOST_KEPT / 2))
        self.pass_to(MOST_KEPT)
        self.assertEqual((len(self.memory), self.dropped), (1, []))

    def test_a_day_before_it_is_still_there(self) -> None:
        self.pass_to(MOST_KEPT - 86400)
        self.assertEqual(len(self.memory), 1)

    def test_stopped_it_leaves_no_timer(self) -> None:
        self.aging.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Looks(SynchronousTestCase):
    """When it looks, on a clock that has run for a year."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(365 * 86400.0)
        self.memory = MemoryStore(1_000_000, 100)
        self.aging = Aging(self.memory, self.clock)

    def old(self, days: float, seconds: float) -> None:
        """One response is kept, so old."""
        now = self.clock.seconds() - days * 86400.0 - seconds
        self.memory.put("/movie/550", response("/movie/550", now=now))

    def test_what_would_pass_180_days_before_the_next_look_goes_now(self) -> None:
        for seconds, kept in ((-3601.0, 1), (-3600.0, 1), (-3599.0, 0), (1.0, 0)):
            self.setUp()
            self.old(180, seconds)
            self.aging.start()
            self.assertEqual(len(self.memory), kept, seconds)

    def test_it_looks_every_hour(self) -> None:
        self.aging.start()
        for _ in range(3):
            self.old(180, 0.0)
            self.clock.advance(3599.0)
            self.assertEqual(len(self.memory), 1)
            self.clock.advance(1.0)
            self.assertEqual(len(self.memory), 0)

    def test_stopped_it_looks_no_more(self) -> None:
        self.aging.stop()  # never started: quiet
        self.aging.start()
        self.clock.advance(3 * 3600.0)
        self.aging.stop()
        self.aging.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.old(180, 0.0)
        self.clock.advance(2 * 3600.0)
        self.assertEqual(len(self.memory), 1)
