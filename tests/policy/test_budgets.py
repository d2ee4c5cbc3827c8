"""Budgets: no sequence of requests and times gets more out of them than they hold."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.budgets import (
    HEDGE_FLOOR,
    HEDGE_SHARE,
    HEDGE_WINDOW,
    RETRY_FLOOR,
    RETRY_SHARE,
    HedgeBudget,
    TokenBucket,
    may_retry,
)
from tests.properties import examples

# what float arithmetic may be off by in all of a test's sums
DUST = 1e-6


def asked(requests: int, now: float = 100.0) -> HedgeBudget:
    budget = HedgeBudget()
    for _ in range(requests):
        budget.request(now)
    return budget


def taken(budget: HedgeBudget, now: float) -> int:
    """How many hedges there are, tried until there is none."""
    count = 0
    while budget.take(now):
        count += 1
        assert count < 10_000, "a budget without an end"
    return count


class Hedges(SynchronousTestCase):
    """A tenth of the requests of any ten seconds, and ten always."""

    def test_the_numbers_are_the_promised_ones(self) -> None:
        self.assertEqual((HEDGE_WINDOW, HEDGE_SHARE, HEDGE_FLOOR), (10.0, 0.1, 10))

    def test_ten_may_always_hedge(self) -> None:
        self.assertEqual(taken(asked(0), 100.0), HEDGE_FLOOR)
        self.assertEqual(taken(asked(99), 100.0), HEDGE_FLOOR)

    def test_of_many_a_tenth_may(self) -> None:
        self.assertEqual(taken(asked(1000), 100.0), 100)

    def test_a_hedge_counts_for_ten_seconds(self) -> None:
        budget = asked(0)
        taken(budget, 100.0)
        self.assertEqual(taken(budget, 109.999), 0)
        self.assertEqual(taken(budget, 110.0), HEDGE_FLOOR)

    def test_a_request_counts_for_ten_seconds(self) -> None:
        budget = asked(1000, 100.0)
        self.assertEqual(taken(budget, 109.999), 100)
        self.assertEqual(taken(asked(1000, 100.0), 110.0), HEDGE_FLOOR)

    def test_a_hedge_that_is_refused_costs_nothing(self) -> None:
        budget = asked(0)
        taken(budget, 100.0)
        for _ in range(50):
            self.assertFalse(budget.take(105.0))
        self.assertEqual(taken(budget, 110.0), HEDGE_FLOOR)

    def test_a_tenth_is_not_exceeded_by_a_fraction(self) -> None:
        # eleven of 105 would be 10.5 %
        self.assertEqual(taken(asked(105), 100.0), 10)

    @example([(0.0, 105, 20)])
    @given(
        st.lists(
            st.tuples(st.floats(0, 4), st.integers(0, 200), st.integers(0, 30)),
            max_size=25,
        )
    )
    @examples(150)
    def test_no_sequence_exceeds_it_by_a_whole_hedge(
        self, steps: list[tuple[float, int, int]]
    ) -> None:
        """Counted beside the budget, from all that ever happened."""
        budget, now = HedgeBudget(), 100.0
        requests: list[float] = []
        hedges: list[float] = []
        for wait, more, tries in steps:
            now += wait
            for _ in range(more):
                budget.request(now)
                requests.append(now)
            for _ in range(tries):
                if budget.take(now):
                    hedges.append(now)
                    lately = _since(requests, now - HEDGE_WINDOW)
                    allowed = max(HEDGE_FLOOR, HEDGE_SHARE * lately)
                    used = _since(hedges, now - HEDGE_WINDOW)
                    self.assertLess(used, allowed + 1)

    def test_it_remembers_ten_seconds_and_no_more(self) -> None:
        budget = HedgeBudget()
        for tenth in range(5000):
            budget.request(tenth / 10)
            budget.take(tenth / 10)
        self.assertEqual(len(budget.requests), 10 * HEDGE_WINDOW)
        self.assertEqual(len(budget.hedges), HEDGE_FLOOR)

    def test_it_forgets_though_no_hedge_is_ever_asked_for(self) -> None:
        # hedging is off, or every way answers at once
        for start in (0.0, 86_400.5, 1e7):
            budget = HedgeBudget()
            for eighth in range(1000):
                budget.request(start + eighth / 8)
                self.assertLessEqual(len(budget.requests), 80, (start, eighth))
            self.assertEqual(len(budget.requests), 80, start)


def _since(times: list[float], since: float) -> int:
    return sum(1 for each in times if each > since)


class Retries(SynchronousTestCase):
    """A fifth of what is in flight, and three always."""

    def test_the_numbers_are_the_promised_ones(self) -> None:
        self.assertEqual((RETRY_SHARE, RETRY_FLOOR), (0.2, 3))

    def test_three_may_always(self) -> None:
        self.assertEqual([may_retry(n, 1) for n in range(5)], [True] * 3 + [False] * 2)

    def test_of_a_hundred_twenty_may(self) -> None:
        self.assertTrue(may_retry(19, 100))
        self.assertFalse(may_retry(20, 100))

    @examples()
    @given(st.integers(0, 10_000))
    def test_however_many_are_in_flight_the_budget_has_an_end(
        self, in_flight: int
    ) -> None:
        retrying = 0
        while may_retry(retrying, in_flight):
            retrying += 1
        self.assertGreaterEqual(retrying, RETRY_FLOOR)
        self.assertLess(retrying, max(RETRY_FLOOR, RETRY_SHARE * in_flight) + 1)

    def test_a_fifth_is_not_exceeded_by_a_fraction(self) -> None:
        # four of sixteen would be a quarter
        self.assertFalse(may_retry(3, 16))


class Tokens(SynchronousTestCase):
    """A rate with a burst."""

    def bucket(self, rate: float = 2.0, burst: float = 3.0) -> TokenBucket:
        return TokenBucket(rate, burst, burst, 100.0)

    def test_the_burst_goes_at_once_and_then_the_rate_decides(self) -> None:
        bucket = self.bucket()
        for _ in range(3):
            self.assertEqual(bucket.wait(100.0), 0.0)
            bucket = bucket.taken(100.0)
        self.assertEqual(bucket.wait(100.0), 0.5)
        self.assertEqual(bucket.wait(100.25), 0.25)
        self.assertEqual(bucket.wait(100.5), 0.0)

    def test_less_than_a_microsecond_is_not_waited_for_and_more_is(self) -> None:
        part = 2.0**-17
        for rate, missing, wait in (
            (2e6, 1.0, 0.0),
            (1e6, 1.0, 0.0),
            (5e5, 1.0, 2e-6),
            (1000.0, part, 0.0),
            (1.0, part, part),
            (0.001, part, part / 0.001),
            (2.0, 0.0, 0.0),
            (2.0, -1.0, 0.0),
        ):
            bucket = TokenBucket(rate, 3.0, 1.0 - missing, 86_400.5)
            self.assertEqual(bucket.wait(86_400.5), wait, (rate, missing))

    def test_it_fills_at_its_rate_up_to_the_burst_wherever_the_clock_is(
        self,
    ) -> None:
        for start in (0.0, 100.0, 86_400.5):
            empty = TokenBucket(2.0, 3.0, 0.0, start)
            for later, there in ((0.0, 0), (0.25, 0), (0.5, 1), (1.0, 2), (9.0, 3)):
                bucket, now, count = empty, start + later, 0
                while bucket.wait(now) == 0.0:
                    bucket, count = bucket.taken(now), count + 1
                self.assertEqual(count, there, (start, later))

    def test_a_quiet_hour_saves_up_no_more_than_the_burst(self) -> None:
        bucket = self.bucket()
        for _ in range(3):
            bucket = bucket.taken(3700.0)
        self.assertGreater(bucket.wait(3700.0), 0)

    def test_what_it_owes_the_later_ones_wait_for(self) -> None:
        bucket = self.bucket()
        for _ in range(5):
            bucket = bucket.taken(100.0)
        self.assertEqual(bucket.wait(100.0), 1.5)

    def test_a_clock_that_goes_back_gives_nothing(self) -> None:
        bucket = self.bucket().taken(100.0).taken(100.0).taken(100.0)
        self.assertEqual(bucket.wait(40.0), 0.5)

    @given(
        rate=st.floats(0.5, 1000),
        burst=st.floats(1, 50),
        waits=st.lists(st.floats(0, 3), min_size=1, max_size=80),
    )
    @examples(200)
    def test_never_more_than_the_burst_and_the_rate_go_through(
        self, rate: float, burst: float, waits: list[float]
    ) -> None:
        bucket, now = TokenBucket(rate, burst, burst, 0.0), 0.0
        through: list[float] = []
        for wait in waits:
            now += wait
            for _ in range(60):
                if bucket.wait(now) > 0:
                    break
                bucket = bucket.taken(now)
                through.append(now)
        for first, since in enumerate(through):
            for last in range(first, len(through)):
                count, seconds = last - first + 1, through[last] - since
                # less than a microsecond is not waited for
                most = burst + rate * (seconds + 1e-6) + DUST * count
                self.assertLessEqual(count, most)

    @given(
        rate=st.floats(0.5, 1000),
        owed=st.integers(1, 50),
        start=st.floats(0, 1e6),
    )
    @examples()
    def test_after_the_wait_there_is_a_token(
        self, rate: float, owed: int, start: float
    ) -> None:
        bucket = TokenBucket(rate, 1.0, 1.0, start)
        for _ in range(owed):
            bucket = bucket.taken(start)
        wait = bucket.wait(start)
        self.assertGreater(wait, 0)
        self.assertLess(bucket.wait(start + wait), DUST)
