"""Several observers where one is told."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Exchange, Hit
from streamr.errors import Attempt
from streamr.observe.fan import GATHERING, MOST_GATHERED, Fan
from tests.support import Notes
from tests.support import exchange as made

EXCHANGE = made("streamr-main", "id", "GET", "/", 200, 1)


class Broken:
    def tried(self, server: str, attempt: Attempt) -> None:
        raise KeyError("bug")

    def note(self, exchange: Exchange) -> None:
        raise KeyError("bug")


class Telling(SynchronousTestCase):
    def test_everybody_is_told_though_one_breaks(self) -> None:
        first, last = Notes(), Notes()
        clock = Clock()
        Fan([first, Broken(), last], clock).note(EXCHANGE)
        clock.advance(0)
        self.assertEqual(first.exchanges, [EXCHANGE])
        self.assertEqual(last.exchanges, [EXCHANGE])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_the_answer_goes_out_first(self) -> None:
        notes, clock = Notes(), Clock()
        Fan([notes], clock).note(EXCHANGE)
        self.assertEqual(notes.exchanges, [])
        clock.advance(0)
        self.assertEqual(notes.exchanges, [EXCHANGE])

    def test_everybody_is_told_of_a_try_though_one_breaks(self) -> None:
        first, last = Notes(), Notes()
        clock = Clock()
        attempt = Attempt("direct", "api.test.invalid", 30)
        Fan([first, Broken(), last], clock).tried("streamr-main", attempt)
        self.assertEqual(first.attempts, [])
        clock.advance(0)
        self.assertEqual(first.attempts, [("streamr-main", attempt)])
        self.assertEqual(last.attempts, first.attempts)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class Hits(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.notes = Clock(), Notes()
        self.fan = Fan([self.notes], self.clock)
        self.hit = Hit(EXCHANGE)

    @property
    def told(self) -> list[str]:
        return [each.request_id for each in self.notes.exchanges]

    def test_those_of_one_moment_are_told_together(self) -> None:
        self.fan.hit(self.hit, "a")
        self.clock.advance(GATHERING / 2)
        self.fan.hit(self.hit, "b")
        self.assertEqual(self.told, [])
        self.clock.advance(GATHERING / 2)
        self.assertEqual(self.told, ["a", "b"])
        self.fan.hit(self.hit, "c")
        self.clock.advance(GATHERING)
        self.assertEqual(self.told, ["a", "b", "c"])

    def test_no_more_are_gathered_than_may_be(self) -> None:
        for _ in range(MOST_GATHERED):
            self.fan.hit(self.hit, "a")
        self.assertEqual(len(self.told), MOST_GATHERED)
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whoever_looks_or_stops_gets_them_at_once(self) -> None:
        self.fan.hit(self.hit, "a")
        self.fan.settle()
        self.fan.settle()
        self.assertEqual(self.told, ["a"])
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_exchanges_are_told_at_once_as_well_and_in_their_order(self) -> None:
        self.fan.note(EXCHANGE)
        self.fan.hit(self.hit, "a")
        for _ in range(50):
            self.fan.note(EXCHANGE)
        self.fan.hit(self.hit, "b")
        self.fan.settle()
        self.assertEqual(self.told, ["id", "a", *["id"] * 50, "b"])

    def test_what_came_before_an_exchange_stands_before_it(self) -> None:
        self.fan.hit(self.hit, "a")
        self.fan.note(EXCHANGE)
        self.clock.advance(0)
        self.assertEqual(self.told, ["a", "id"])
