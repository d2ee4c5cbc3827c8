"""Several observers where one is told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Exchange
from streamr.observe.fan import Fan
from tests.support import Notes

EXCHANGE = Exchange("streamr-main", "id", "GET", "/", 200, 1)


class Broken:
    def note(self, exchange: Exchange) -> None:
        raise KeyError("bug")


class Telling(SynchronousTestCase):
    def test_everybody_is_told_though_one_breaks(self) -> None:
        first, last = Notes(), Notes()
        Fan([first, Broken(), last]).note(EXCHANGE)
        self.assertEqual(first.exchanges, [EXCHANGE])
        self.assertEqual(last.exchanges, [EXCHANGE])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
