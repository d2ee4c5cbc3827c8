"""The race between ways: who is blamed for it, and what is left when it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Dimensions, Outcome
from streamr.errors import Fault
from streamr.policy.breaker import TRIP_IN_ROW
from streamr.policy.budgets import HEDGE_FLOOR, RETRY_FLOOR, RETRY_SHARE
from streamr.policy.retry import HEDGE_AFTER
from streamr.routing.failover import Ways
from streamr.routing.hedge import ASK_AGAIN
from streamr.upstream.answer import Head
from streamr.upstream.client import Reply
from streamr.upstream.origin import Credentials, TMDBRoute
from streamr.upstream.ratelimit import Pacer
from tests.support import GOOD, QUERY, FakeRoute, Sent, call, ways


class WaysCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.direct = FakeRoute("direct")
        self.proxy = FakeRoute("proxy", hop=True)
        self.ways = ways([self.direct, self.proxy], self.clock)

    def travel(self) -> Deferred[Outcome]:
        return self.ways.travel(QUERY, call(self.clock.seconds() + 8.0))

    def in_row(self, route: FakeRoute) -> int:
        return self.ways.health.breakers[route.name].in_row


class Blame(WaysCase):
    """An attempt that a hedge overtook was silent for 250 ms; others have done no
    wrong."""

    def test_a_hedge_that_comes_too_late_is_not_held_against_its_way(self) -> None:
        self.travel()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(0.02)
        self.direct.succeeds()
        self.assertTrue(self.proxy.sent[-1].cancelled)
        self.assertEqual(self.in_row(self.proxy), 0)

    def test_a_slow_direct_way_does_not_open_the_breaker_of_the_proxy(self) -> None:
        for _ in range(TRIP_IN_ROW):
            travelling = self.travel()
            self.clock.advance(HEDGE_AFTER)
            self.clock.advance(0.05)
            self.direct.succeeds()
            self.assertEqual(self.successResultOf(travelling).source, "direct")
        self.assertTrue(self.ways.health.is_closed(self.proxy))

    def test_a_hedge_that_was_silent_as_long_is_blamed_like_any_other(self) -> None:
        self.travel()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(HEDGE_AFTER * 2)
        self.direct.succeeds()
        self.assertEqual(self.in_row(self.proxy), 1)

    def test_what_ended_by_the_deadline_or_the_caller_blames_nobody(self) -> None:
        travelling = self.travel()
        self.clock.advance(HEDGE_AFTER)
        travelling.addErrback(lambda failure: failure.trap(CancelledError))
        travelling.cancel()
        self.travel()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(8.0)
        self.assertEqual((self.in_row(self.direct), self.in_row(self.proxy)), (0, 0))


class Starting(WaysCase):
    """A hedge starts once, when it is time, and when there is one left."""

    def test_it_starts_once_though_both_the_time_and_a_fault_ask_for_it(self) -> None:
        travelling = self.travel()
        self.clock.advance(HEDGE_AFTER)
        self.direct.fails("tls_timeout")
        self.clock.advance(1.0)
        self.assertEqual(len(self.proxy.sent), 1)
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(travelling).answer, GOOD)

    def test_a_fallback_before_the_hedge_time_is_no_hedge(self) -> None:
        for _ in range(HEDGE_FLOOR * 2):
            travelling = self.travel()
            self.direct.fails("tls_timeout")
            self.direct.cancelled = False
            self.proxy.succeeds()
            self.successResultOf(travelling)
            self.ways.health.tried(self.direct, None, 1)
        self.travel()
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR * 2 + 1)

    def test_without_a_budget_the_fallback_still_works(self) -> None:
        for _ in range(HEDGE_FLOOR):
            self.travel()
        last = self.travel()
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR)
        self.direct.fails("tls_timeout")
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR + 1)
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(last).answer, GOOD)

    def test_who_was_denied_a_hedge_leaves_when_the_breaker_has_opened(self) -> None:
        for _ in range(HEDGE_FLOOR):
            self.travel()
        last = self.travel()
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR)
        for sent in self.proxy.sent[:TRIP_IN_ROW]:
            sent.result.callback(GOOD)
        self.assertFalse(self.ways.health.is_closed(self.direct))
        self.clock.advance(ASK_AGAIN)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR + 1)
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(last).answer, GOOD)

    def test_who_was_denied_a_hedge_stays_while_the_breaker_is_closed(self) -> None:
        for _ in range(HEDGE_FLOOR + 1):
            self.travel()
        self.clock.pump([HEDGE_AFTER] + [ASK_AGAIN] * 9)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR)

    def test_a_second_try_that_is_silent_is_hedged_like_a_first_one(self) -> None:
        self.travel()
        self.direct.sent[-1].heard()
        self.direct.fails("http_response_incomplete")
        self.clock.advance(0)
        self.assertEqual(len(self.direct.sent), 2)
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), 1)

    def test_a_fault_that_ends_the_chain_waits_for_the_hedge_that_runs(self) -> None:
        for cause in ("http_request_denied", "connection_limit_reached"):
            self.setUp()
            travelling = self.travel()
            self.clock.advance(HEDGE_AFTER)
            self.direct.fails(cause)
            self.assertNoResult(travelling)
            self.proxy.succeeds()
            self.assertEqual(self.successResultOf(travelling).answer, GOOD)
            self.assertEqual(self.clock.getDelayedCalls(), [])


class SilentClient:
    """A client that TMDB does not answer; the test may."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Reply]] = []

    def get(self, *_args: Any, **_more: Any) -> Deferred[Reply]:
        asked: Deferred[Reply] = Deferred()
        self.asked.append(asked)
        return asked

    def answers(self) -> None:
        self.asked[-1].callback(
            Reply(Head(200), b'{"id":550,"title":"Fight Club"}', None, True)
        )


class Queued(SynchronousTestCase):
    """Waiting for the pacer is no silence of TMDB's; what comes after it is."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.client = SilentClient()
        self.proxy = FakeRoute("proxy", hop=True)
        self.direct = TMDBRoute(
            "direct",
            "https://api.test.invalid/3",
            self.client,  # type: ignore[arg-type]
            Credentials(None, "key"),
            Dimensions("api.test.invalid", "modern", "auto", "here"),
            None,
            Pacer(self.clock, 32.0, 1),
        )
        self.ways = ways([self.direct, self.proxy], self.clock)  # type: ignore[list-item]

    def travel(self) -> Deferred[Outcome]:
        return self.ways.travel(QUERY, call(self.clock.seconds() + 8.0))

    def test_while_it_waits_nothing_is_hedged(self) -> None:
        self.travel()
        self.travel()
        self.clock.advance(HEDGE_AFTER * 2)
        self.assertEqual(len(self.proxy.sent), 1)

    def test_when_it_has_left_and_is_silent_it_is_hedged(self) -> None:
        self.travel()
        self.travel()
        self.clock.advance(0.1)
        self.client.answers()
        self.clock.advance(0)
        self.assertEqual(len(self.client.asked), 2)
        for _ in range(10):
            self.clock.advance(0.1)
        self.assertEqual(len(self.proxy.sent), 1)

    def test_a_hedge_that_has_only_waited_is_not_held_against_its_way(self) -> None:
        """It waits for its turn, leaves, and is overtaken a moment later."""
        first = FakeRoute("first")
        self.ways = ways([first, self.direct], self.clock)  # type: ignore[list-item]
        self.ways.over(self.direct, QUERY, call())  # takes the one place there is
        self.travel()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(HEDGE_AFTER + 0.05)
        self.client.answers()
        self.clock.advance(0.01)
        self.assertEqual(len(self.client.asked), 2)
        first.succeeds()
        self.assertEqual(self.ways.health.breakers["direct"].in_row, 0)


CHOICE = st.integers(0, 50)
# one that is retried, one that is slow, one that is both, and two that end the chain
KINDS_OF_FAULT = (
    "tls_reset",
    "tls_timeout",
    "http_response_timeout",
    "http_request_denied",
    "connection_limit_reached",
)


STEPS = 25
# what the budget allows if every step sends somebody off
MOST_RETRYING = max(RETRY_FLOOR, RETRY_SHARE * STEPS)


class Travels(RuleBasedStateMachine):
    """Queries over three ways that answer, fail, fall silent, and are left, at any
    time. Whatever happens: one outcome for each, and nothing stays behind."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.routes = [FakeRoute(name) for name in ("a", "b", "c")]
        self.ways: Ways = ways(self.routes, self.clock)
        self.outcomes: dict[int, Outcome | None] = {}
        self.waiting: dict[int, Deferred[Any]] = {}

    def pending(self) -> list[Sent]:
        return [
            sent
            for route in self.routes
            for sent in route.sent
            if not sent.result.called
        ]

    def one(self, which: int) -> Sent:
        return self.pending()[which % len(self.pending())]

    def left(self) -> list[int]:
        return [n for n in self.waiting if n not in self.outcomes]

    @rule(seconds=st.sampled_from([0.1, 0.5, 8.0]))
    def somebody_travels(self, seconds: float) -> None:
        number = len(self.waiting)

        def ended(result: Any) -> None:
            assert number not in self.outcomes, "two ends"
            if isinstance(result, Outcome):
                self.outcomes[number] = result
            else:
                result.trap(CancelledError)
                self.outcomes[number] = None

        travelling = self.ways.travel(
            QUERY, call(self.clock.seconds() + seconds, target=str(number))
        )
        self.waiting[number] = travelling
        travelling.addBoth(ended)

    @precondition(lambda self: self.pending())
    @rule(which=CHOICE)
    def one_answers(self, which: int) -> None:
        self.one(which).result.callback(GOOD)

    @precondition(lambda self: self.pending())
    @rule(which=CHOICE, cause=st.sampled_from(KINDS_OF_FAULT))
    def one_fails(self, which: int, cause: str) -> None:
        self.one(which).result.errback(Fault(cause))

    @precondition(lambda self: self.pending())
    @rule(which=CHOICE)
    def one_is_heard(self, which: int) -> None:
        self.one(which).heard()

    @precondition(lambda self: self.left())
    @rule(which=CHOICE)
    def one_leaves(self, which: int) -> None:
        number = self.left()[which % len(self.left())]
        self.waiting[number].cancel()
        assert number in self.outcomes

    @rule(
        on_cancel=st.sampled_from(
            [
                lambda _result: None,
                lambda result: result.callback(Answer(200, b"{}")),
            ]
        )
    )
    def ways_end_differently(
        self, on_cancel: Callable[[Deferred[Answer]], None]
    ) -> None:
        for route in self.routes:
            route.on_cancel = on_cancel

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.1, 0.25, 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def what_is_counted_is_what_is_there(self) -> None:
        assert self.ways._in_flight == len(self.left())
        # one query may try two ways again at once: the first, and a hedge
        most = len(self.routes) * len(self.left())
        assert 0 <= self.ways._retrying <= min(most, MOST_RETRYING)

    @invariant()
    def nothing_runs_for_those_who_have_their_end(self) -> None:
        """Losers and the callers' who left are cancelled; each way starts once, and
        once more at most."""
        left = self.left()
        for sent in self.pending():
            assert int(sent.call.target) in left
        for route in self.routes:
            tries = [sent.call.target for sent in route.sent]
            assert all(tries.count(each) <= 2 for each in tries)

    @invariant()
    def each_outcome_is_honest(self) -> None:
        for outcome in self.outcomes.values():
            if outcome is not None:
                assert (outcome.answer is None) != (outcome.fault is None)
                assert (outcome.answer is None) == (outcome.source is None)
                same = {id(each) for each in outcome.attempts}
                assert len(same) == len(outcome.attempts), "noted twice"
                assert len(outcome.attempts) <= 2 * len(self.routes)

    def teardown(self) -> None:
        self.clock.advance(8.0)
        assert self.left() == []
        assert self.pending() == []
        assert (self.ways._in_flight, self.ways._retrying) == (0, 0)
        assert self.clock.getDelayedCalls() == []


class AnySequence(SynchronousTestCase):
    def test_each_gets_one_end_and_nothing_stays_behind(self) -> None:
        run_state_machine_as_test(
            Travels,
            # not shrunk: that takes minutes here, and the steps are few
            settings=settings(
                max_examples=100,
                stateful_step_count=STEPS,
                deadline=None,
                phases=(Phase.reuse, Phase.generate),
            ),
        )
