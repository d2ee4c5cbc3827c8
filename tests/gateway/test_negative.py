"""Negative caching: what has just failed costs TMDB nothing more."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Outcome
from streamr.errors import CAUSES, Blame, Fault
from streamr.gateway.negative import (
    FIRST,
    FORGOTTEN,
    LONGEST,
    MOST_REMEMBERED,
    NegativeCache,
)
from streamr.policy.breaker import TRIP_IN_ROW
from tests.support import GOOD, QUERY, FakeRoute, call, failover_over, late

ANSWERS = [
    name
    for name, cause in CAUSES.items()
    if cause.blame is Blame.RESOURCE and Fault(name).counts
]


class NegativeCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = late()
        self.route = FakeRoute()
        self.failover = failover_over([self.route], self.clock)
        self.asking = NegativeCache(self.failover, self.clock)

    def fetch(self, path: str = QUERY.path) -> Deferred[Outcome]:
        deadline = self.clock.seconds() + 8.0
        return self.asking.fetch(replace(QUERY, path=path), call(deadline))

    def fails(self, cause: str = "upstream_error", path: str = QUERY.path) -> Fault:
        """Ask, and have the only try fail."""
        fetching = self.fetch(path)
        self.route.fails(cause, final=True)
        fault = self.successResultOf(fetching).fault
        assert fault is not None
        return fault

    def fails_twice(
        self, cause: str = "upstream_error", path: str = QUERY.path
    ) -> Fault:
        """The first failure is only noted."""
        self.fails(cause, path)
        return self.fails(cause, path)

    def asks(self, path: str = QUERY.path) -> bool:
        """Whether TMDB would be asked."""
        before = len(self.route.sent)
        fetching = self.fetch(path)
        fetching.cancel()
        fetching.addErrback(lambda _cancelled: None)
        return len(self.route.sent) > before


class Remembered(NegativeCase):
    def test_a_path_that_failed_is_not_asked_for_again_at_once(self) -> None:
        for cause in ANSWERS:
            self.setUp()
            self.fails_twice(cause)
            self.clock.advance(FIRST - 0.01)
            outcome = self.successResultOf(self.fetch())
            assert outcome.fault is not None
            self.assertEqual(outcome.fault.cause.name, cause)
            self.assertEqual((outcome.fault.retry_after, outcome.attempts), ("1", ()))
            self.assertIn("it failed over every route 1 s ago", outcome.fault.detail)

    def test_the_four_kinds_of_a_failing_path_are_such(self) -> None:
        self.assertEqual(
            set(ANSWERS),
            {
                *("upstream_error", "upstream_unavailable", "http_response_invalid"),
                "http_response_redirect",
            },
        )

    def test_it_is_asked_for_again_when_the_time_is_up(self) -> None:
        self.fails_twice()
        self.clock.advance(FIRST)
        self.assertTrue(self.asks())

    def test_the_first_failure_may_be_the_networks(self) -> None:
        self.assertEqual(self.fails().retry_after, "1")
        self.assertTrue(self.asks())

    def test_one_that_is_long_ago_makes_no_row(self) -> None:
        for later, asked in ((FORGOTTEN, False), (FORGOTTEN + 1, True)):
            self.setUp()
            self.fails()
            self.clock.advance(later)
            self.fails()
            self.assertEqual(self.asks(), asked, later)

    def test_other_paths_are_asked_for(self) -> None:
        self.fails_twice()
        self.assertFalse(self.asks())
        self.assertTrue(self.asks("/movie/551"))

    def test_each_failure_is_remembered_twice_as_long_up_to_a_minute(self) -> None:
        self.fails()
        for pause in (1, 2, 4, 8, 16, 32, 60, 60):
            self.assertEqual(self.fails().retry_after, str(pause))
            self.clock.advance(pause - 0.01)
            self.assertFalse(self.asks(), pause)
            self.clock.advance(0.01)
        self.assertEqual(LONGEST, 60)

    def test_an_answer_ends_the_row(self) -> None:
        for _ in range(3):
            self.fails()
            self.clock.advance(LONGEST)
        fetching = self.fetch()
        self.route.succeeds()
        self.assertEqual(self.successResultOf(fetching).answer, GOOD)
        self.assertEqual(self.fails_twice().retry_after, "1")

    def test_an_answer_of_tmdbs_is_no_failure(self) -> None:
        fetching = self.fetch()
        self.route.succeeds(Answer(404, b"{}"))
        self.successResultOf(fetching)
        self.assertTrue(self.asks())

    def test_when_to_come_back_is_told_with_the_first_failure(self) -> None:
        self.assertEqual(self.fails().retry_after, "1")

    def test_what_tmdb_says_of_that_is_handed_on(self) -> None:
        fetching = self.fetch()
        self.route.fails("upstream_unavailable", final=True, retry_after="30")
        fault = self.successResultOf(fetching).fault
        assert fault is not None
        self.assertEqual(fault.retry_after, "30")


class Forgotten(NegativeCase):
    def test_what_the_network_causes_is_not_remembered(self) -> None:
        for cause in CAUSES:
            if cause in ANSWERS:
                continue
            self.setUp()
            fetching = self.fetch()
            self.route.fails(cause, final=True)
            self.successResultOf(fetching)
            self.assertTrue(self.asks(), cause)

    def test_who_insists_is_asked_for(self) -> None:
        self.fails_twice()
        self.asking.forget(QUERY)
        self.assertTrue(self.asks())
        self.asking.forget(replace(QUERY, path="/never/heard/of"))

    def test_when_a_breaker_moves_all_is_asked_for_again(self) -> None:
        self.fails_twice()
        health = self.failover.health
        for _ in range(TRIP_IN_ROW):
            health.tried(self.route, Fault("tls_reset"), 1)
        health.tried(self.route, None, 1)
        self.assertTrue(self.asks())

    def test_beyond_the_bound_the_oldest_is_forgotten(self) -> None:
        self.fails_twice(path="/movie/0")
        self.fails_twice(path="/movie/1")
        for number in range(2, MOST_REMEMBERED + 1):
            self.fails(path=f"/movie/{number}")
        self.assertTrue(self.asks("/movie/0"))
        self.assertFalse(self.asks("/movie/1"))
