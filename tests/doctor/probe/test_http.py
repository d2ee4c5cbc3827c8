"""Answers asked of a host while this machine has too much to do."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Query
from streamr.config.load import take_stock
from streamr.doctor.evidence import HostReply, Place
from streamr.doctor.probe.http import (
    ASKED_AT_ONCE,
    LARGE,
    MOST_LOST,
    REPLIES,
    Asker,
    Asking,
    failed,
)
from streamr.doctor.probe.lateness import LOOK_EVERY, Lateness
from streamr.errors import Fault
from tests.doctor.scenes import DIRECT, HERE, good

LIMIT = 5.0
SILENT = good(DIRECT, status=None, size=0, ms=5000, cause="http_response_timeout")


class Slow(Asker):
    """An Asker whose requests are silent until the machine has come to rest."""

    def __init__(self, clock: Clock, lateness: Lateness, rest: float) -> None:
        stock = take_stock({}, {}, needs_key=False)
        assert stock.settings is not None
        names: Any = None
        asking = Asking(clock, lateness, clock.seconds, LIMIT, LIMIT)  # type: ignore[arg-type]
        super().__init__(asking, stock.settings, {}, names)
        self._clock = clock
        self._rest = rest

    async def tmdb(
        self, base_url: str, profile: str, place: Place, query: Query
    ) -> HostReply:
        if self._clock.seconds() >= self._rest:
            return good(DIRECT)
        await deferLater(self._clock, LIMIT)
        return SILENT


class Sampled(SynchronousTestCase):
    """What is noted of a host."""

    def noted(self, rest: float, step: float) -> list[HostReply]:
        clock, found = Clock(), list[HostReply]()
        lateness = Lateness(clock)
        lateness.start()
        asker = Slow(clock, lateness, rest)
        sampling = Deferred.fromCoroutine(
            asker.sampled(f"https://{DIRECT}/3", "classic", HERE, found.append)
        )
        while not sampling.called:
            clock.advance(step if clock.seconds() < rest else LOOK_EVERY)
        self.successResultOf(sampling)
        return found

    def test_answers_are_asked_for_until_enough_were_heard_in_time(self) -> None:
        found = self.noted(rest=8.0, step=1.0)
        self.assertTrue(found[0].starved)
        self.assertGreaterEqual(found.count(good(DIRECT)), REPLIES)

    def test_a_host_that_is_silent_to_a_machine_in_time_is_asked_no_further(
        self,
    ) -> None:
        found = self.noted(rest=1000.0, step=LOOK_EVERY)
        self.assertFalse(any(each.starved for each in found))
        self.assertEqual(1 + ASKED_AT_ONCE, len(found))

    def test_a_machine_that_stays_busy_is_not_pestered(self) -> None:
        found = self.noted(rest=1000.0, step=1.0)
        self.assertTrue(all(each.starved for each in found))
        self.assertLess(len(found), MOST_LOST + ASKED_AT_ONCE)


class Failed(SynchronousTestCase):
    """What a request leaves that brought no answer."""

    def test_the_rate_of_a_slow_body_is_told_by_its_fault_not_by_its_words(
        self,
    ) -> None:
        cause, said = "http_response_timeout", "4096 bytes when the time was up"
        for received, seconds, size, body_ms in (
            (1000, 2.5, 1000, 2500),
            (0, 2.5, 0, 2500),
            (None, None, 0, 0),
        ):
            fault = Fault(cause, said, received=received, seconds=seconds)
            reply = failed(DIRECT, LARGE, fault, 5000)
            self.assertEqual((size, body_ms), (reply.size, reply.body_ms), received)
            self.assertEqual((cause, said), (reply.cause, reply.detail), received)

    def test_what_tmdb_says_of_the_key_is_an_answer(self) -> None:
        for cause, code in (("key_refused", 7), ("key_suspended", 10)):
            reply = failed(DIRECT, LARGE, Fault(cause, "TMDB's code"), 90)
            self.assertEqual((None, 401, code), (reply.cause, reply.status, reply.code))
