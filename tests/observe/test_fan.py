"""Several observers where one is told."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Exchange
from streamr.errors import Attempt
from streamr.observe.fan import Fan
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
