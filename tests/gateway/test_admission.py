"""Admission: a crowd that TMDB can never answer in time is turned away at once."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Outcome
from streamr.errors import Envelope, Fault, too_many_waiting
from streamr.gateway.admission import MOST_OPEN, TELL_EVERY, Admission
from streamr.gateway.negative import NegativeCache
from tests.support import QUERY, FakeRoute, call, failover_over, late


class Crowd(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = late()
        self.admission = Admission(self.clock, 3)
        self.asked: list[Deferred[Outcome]] = []
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def ask(self) -> Deferred[Outcome]:
        def start() -> Deferred[Outcome]:
            self.asked.append(Deferred())
            return self.asked[-1]

        return self.admission.run(start)

    def told(self) -> list[int]:
        return [
            each["count"] for each in self.events if each.get("code") == "turned-away"
        ]

    def test_one_too_many_is_told_at_once_when_to_come_back(self) -> None:
        waiting = [self.ask() for _ in range(3)]
        fault = self.successResultOf(self.ask()).fault
        assert fault is not None
        self.assertEqual((fault.cause.status, fault.cause.code), (429, Envelope.RATE))
        self.assertEqual((fault.retry_after, fault.final), ("1", True))
        self.assertEqual(len(self.asked), 3)
        for each in waiting:
            self.assertNoResult(each)

    def test_a_place_is_free_again_however_it_ended(self) -> None:
        first, second, third = (self.ask() for _ in range(3))
        self.asked[0].callback(Outcome())
        self.asked[1].errback(ValueError("broken"))
        third.cancel()
        self.successResultOf(first)
        self.failureResultOf(second, ValueError)
        third.addErrback(lambda _cancelled: None)
        for _ in range(3):
            self.assertNoResult(self.ask())
        self.assertEqual(len(self.asked), 6)
        self.successResultOf(self.ask())

    def test_who_has_waited_in_vain_counts_too(self) -> None:
        self.ask()
        self.asked[0].callback(Outcome(fault=Fault("tls_reset")))
        self.assertEqual(self.told(), [])
        for number in (1, 2):
            self.ask()
            self.asked[number].callback(Outcome(fault=too_many_waiting()))
        self.assertEqual(self.told(), [1])

    def test_the_line_does_not_say_how_many_wait_which_it_does_not_know(self) -> None:
        self.ask()
        self.asked[0].callback(Outcome(fault=too_many_waiting()))
        (told,) = map(formatEvent, self.events)
        self.assertIn("in time: 1 answered with 429 so far", told)
        self.assertNotIn("3", told)

    def test_a_flood_is_told_in_one_line_every_ten_seconds(self) -> None:
        for _ in range(3):
            self.ask()
        for _ in range(500):
            self.ask()
        self.assertEqual(self.told(), [1])
        self.clock.advance(TELL_EVERY)
        self.ask()
        self.ask()
        self.assertEqual(self.told(), [1, 501])


class InTheGateway(SynchronousTestCase):
    def test_as_many_as_may_wait_are_asked_and_no_more(self) -> None:
        clock, route = late(), FakeRoute()
        asking = NegativeCache(failover_over([route], clock), clock)
        deadline = clock.seconds() + 8.0
        for _ in range(MOST_OPEN + 20):
            asking.fetch(QUERY, call(deadline))
        self.assertEqual(len(route.sent), MOST_OPEN)
        outcome = self.successResultOf(asking.fetch(QUERY, call(deadline)))
        self.assertEqual(outcome.status, 429)
        self.assertEqual(outcome.attempts, ())
