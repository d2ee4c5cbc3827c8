"""The chain and the race of routes, as they run in production: who is tried and when,
who is blamed, and what is left when it is over."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import Phase
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
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Budget, Dimensions, Outcome
from streamr.errors import CAUSES, Attempt, Fault, RouteKind
from streamr.policy.breaker import TRIP_IN_ROW
from streamr.policy.budgets import HEDGE_FLOOR, RETRY_FLOOR, RETRY_SHARE
from streamr.policy.deadline import share
from streamr.policy.retry import HEDGE_AFTER, RETRY_JITTER
from streamr.routing.failover import Failover
from streamr.routing.health import Health
from streamr.routing.hedge import ASK_AGAIN
from streamr.upstream.line import HostLine
from streamr.upstream.origin import Credentials, TMDBRoute
from streamr.upstream.ratelimit import Pacer
from tests.pictures import Coming
from tests.properties import examples
from tests.support import GOOD, QUERY, FakeRoute, Sent, call, failover_over, late


class WaysCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.direct = FakeRoute("direct")
        self.proxy = FakeRoute("proxy", kind=RouteKind.PEER)
        self.failover = failover_over([self.direct, self.proxy], self.clock)

    def fetch(self) -> Deferred[Outcome]:
        return self.failover.fetch(QUERY, call(self.clock.seconds() + 8.0))

    def in_row(self, route: FakeRoute) -> int:
        return self.failover.health.breakers[route.name].in_row


class Blame(WaysCase):
    """An attempt that a hedge overtook was silent for 250 ms; others have done no
    wrong."""

    def test_a_hedge_that_comes_too_late_is_not_held_against_its_route(self) -> None:
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(0.02)
        self.direct.succeeds()
        self.assertTrue(self.proxy.sent[-1].cancelled)
        self.assertEqual(self.in_row(self.proxy), 0)

    def test_a_slow_direct_way_does_not_open_the_breaker_of_the_proxy(self) -> None:
        for _ in range(TRIP_IN_ROW):
            travelling = self.fetch()
            self.clock.advance(HEDGE_AFTER)
            self.clock.advance(0.05)
            self.direct.succeeds()
            self.assertEqual(self.successResultOf(travelling).source, "direct")
        self.assertTrue(self.failover.health.is_closed(self.proxy))

    def test_a_hedge_that_was_silent_as_long_is_blamed_like_any_other(self) -> None:
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(HEDGE_AFTER * 2)
        self.direct.succeeds()
        self.assertEqual(self.in_row(self.proxy), 1)

    def test_on_a_slower_line_silence_is_what_is_longer_than_usual(self) -> None:
        self.direct.patience, self.proxy.patience = HEDGE_AFTER, HEDGE_AFTER * 4
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(HEDGE_AFTER * 3)
        self.direct.succeeds()
        self.assertEqual(self.in_row(self.proxy), 0)

    def test_one_that_was_hedged_was_silent_though_more_is_usual_by_now(self) -> None:
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.direct.patience = HEDGE_AFTER * 4
        self.proxy.succeeds()
        self.assertEqual(self.in_row(self.direct), 1)

    def test_one_that_got_a_place_by_anothers_silence_was_silent_too(self) -> None:
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.direct.sent[-1].leaves()
        self.clock.advance(0.1)
        self.proxy.succeeds()
        self.assertEqual(self.in_row(self.direct), 1)

    def test_what_ended_by_the_deadline_or_the_caller_blames_nobody(self) -> None:
        travelling = self.fetch()
        self.clock.advance(HEDGE_AFTER)
        travelling.addErrback(lambda failure: failure.trap(CancelledError))
        travelling.cancel()
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(8.0)
        self.assertEqual((self.in_row(self.direct), self.in_row(self.proxy)), (0, 0))


class Bodies(WaysCase):
    """Answers whose body still comes when their head is there."""

    def test_a_cut_is_told_of_the_route_that_brought_it(self) -> None:
        tried: list[Attempt] = []
        self.failover = Failover(self.failover.health, self.clock, tried=tried.append)
        fault = Fault("connection_terminated")
        route = self.failover.broke("proxy", fault, QUERY)
        self.assertIs(route, self.proxy)
        hop = self.proxy.next_hop
        self.assertEqual(tried, [Attempt("proxy", hop, 0, "connection_terminated")])
        self.assertEqual((self.in_row(self.proxy), self.in_row(self.direct)), (1, 0))

    def test_so_many_of_them_open_its_breaker(self) -> None:
        for number in range(TRIP_IN_ROW):
            query = replace(QUERY, path=f"/t/p/w92/{number}.jpg")
            self.failover.broke("direct", Fault("connection_terminated"), query)
        self.assertFalse(self.failover.health.is_closed(self.direct))

    def test_one_that_comes_too_late_is_closed(self) -> None:
        coming = Coming(self.clock)
        # it was answered in the moment in which it was cancelled
        self.proxy.on_cancel = lambda result: result.callback(coming.answer(9))
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.direct.succeeds()
        self.assertEqual(coming.aborted, 1)

    def test_the_one_that_wins_is_left_open(self) -> None:
        coming = Coming(self.clock)
        travelling = self.fetch()
        self.direct.succeeds(coming.answer(9))
        answer = self.successResultOf(travelling).answer
        assert answer is not None
        self.assertIs(answer.incoming, coming.body)
        self.assertFalse(coming.is_left)


class Starting(WaysCase):
    """A hedge starts once, when it is time, and when there is one left."""

    def test_it_starts_once_though_both_the_time_and_a_fault_ask_for_it(self) -> None:
        travelling = self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.direct.fails("tls_timeout")
        self.clock.advance(1.0)
        self.assertEqual(len(self.proxy.sent), 1)
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(travelling).answer, GOOD)

    def test_a_fallback_before_the_hedge_time_is_no_hedge(self) -> None:
        for _ in range(HEDGE_FLOOR * 2):
            travelling = self.fetch()
            self.direct.fails("tls_timeout")
            self.direct.cancelled = False
            self.proxy.succeeds()
            self.successResultOf(travelling)
            self.failover.health.tried(self.direct, None, 1)
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR * 2 + 1)

    def test_without_a_budget_the_fallback_still_works(self) -> None:
        for _ in range(HEDGE_FLOOR):
            self.fetch()
        last = self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR)
        self.direct.fails("tls_timeout")
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR + 1)
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(last).answer, GOOD)

    def test_the_background_spends_no_hedge_of_the_callers(self) -> None:
        behind = call(self.clock.seconds() + 8.0, background=True)
        for _ in range(HEDGE_FLOOR + 1):
            self.failover.fetch(QUERY, behind)
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR)
        for _ in range(HEDGE_FLOOR):
            self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR * 2)

    def test_who_was_denied_a_hedge_leaves_when_the_route_is_in_doubt(self) -> None:
        for _ in range(HEDGE_FLOOR):
            self.fetch()
        last = self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR)
        for sent in self.proxy.sent[:TRIP_IN_ROW]:
            sent.result.callback(GOOD)
        self.assertFalse(self.failover.health.is_sure(self.direct))
        self.clock.advance(ASK_AGAIN)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR + 1)
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(last).answer, GOOD)

    def test_who_was_denied_a_hedge_stays_while_the_breaker_is_closed(self) -> None:
        for _ in range(HEDGE_FLOOR + 1):
            self.fetch()
        self.clock.pump([HEDGE_AFTER] + [ASK_AGAIN] * 9)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR)

    def test_a_second_try_that_is_silent_is_hedged_like_a_first_one(self) -> None:
        self.fetch()
        self.direct.sent[-1].is_heard()
        self.direct.fails("http_response_incomplete")
        self.clock.advance(0)
        self.assertEqual(len(self.direct.sent), 2)
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), 1)

    def test_a_fault_that_ends_the_chain_waits_for_the_hedge_that_runs(self) -> None:
        for cause in ("http_request_denied", "connection_limit_reached"):
            self.setUp()
            travelling = self.fetch()
            self.clock.advance(HEDGE_AFTER)
            self.direct.fails(cause)
            self.assertNoResult(travelling)
            self.proxy.succeeds()
            self.assertEqual(self.successResultOf(travelling).answer, GOOD)
            self.assertEqual(self.clock.getDelayedCalls(), [])


class SilentClient:
    """A client that TMDB does not answer; the test may."""

    def __init__(self, clock: Clock) -> None:
        self.line = HostLine(clock, 1)
        self.asked: list[Deferred[Answer]] = []

    def get(self, *_args: Any, **_more: Any) -> Deferred[Answer]:
        asked: Deferred[Answer] = Deferred()
        self.asked.append(asked)
        return asked

    def answers(self) -> None:
        self.asked[-1].callback(Answer(200, b'{"id":550,"title":"Fight Club"}'))


class Queued(SynchronousTestCase):
    """Waiting for the pacer is no silence of TMDB's; what comes after it is."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.client = SilentClient(self.clock)
        self.proxy = FakeRoute("proxy", kind=RouteKind.PEER)
        self.direct = TMDBRoute(
            "direct",
            RouteKind.DIRECT,
            "https://api.test.invalid/3",
            self.client,  # type: ignore[arg-type]
            Credentials(None, "key"),
            Dimensions("api.test.invalid", "modern", "auto", "here"),
            None,
            Pacer(self.clock, 32.0, 1),
        )
        self.failover = failover_over([self.direct, self.proxy], self.clock)  # type: ignore[list-item]

    def fetch(self) -> Deferred[Outcome]:
        return self.failover.fetch(QUERY, call(self.clock.seconds() + 8.0))

    def test_while_it_waits_nothing_is_hedged(self) -> None:
        self.fetch()
        self.fetch()
        self.clock.advance(HEDGE_AFTER * 2)
        self.assertEqual(len(self.proxy.sent), 1)

    def test_when_it_has_left_and_is_silent_it_is_hedged(self) -> None:
        self.fetch()
        self.fetch()
        self.clock.advance(0.1)
        self.client.answers()
        self.clock.advance(0)
        self.assertEqual(len(self.client.asked), 2)
        for _ in range(10):
            self.clock.advance(0.1)
        self.assertEqual(len(self.proxy.sent), 1)

    def test_a_hedge_that_has_only_waited_is_not_held_against_its_route(self) -> None:
        """It waits for its turn, leaves, and is overtaken a moment later."""
        first = FakeRoute("first")
        self.failover = failover_over([first, self.direct], self.clock)  # type: ignore[list-item]
        self.failover.over(self.direct, QUERY, call())  # takes the one place there is
        self.fetch()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(HEDGE_AFTER + 0.05)
        self.client.answers()
        self.clock.advance(0.01)
        self.assertEqual(len(self.client.asked), 2)
        first.succeeds()
        self.assertEqual(self.failover.health.breakers["direct"].in_row, 0)


def host(name: str) -> str:
    return f"{name}.test.invalid"


class Three(SynchronousTestCase):
    """Three routes, each to a host of its own, the last a proxy of ours; they run as in
    production, on a clock that has run for a while."""

    def setUp(self) -> None:
        self.clock = late()
        self.a, self.b, self.c = self.all = [
            FakeRoute(
                name,
                kind=RouteKind.PEER if name == "c" else RouteKind.DIRECT,
                dimensions=Dimensions(host(name), "modern", "auto", "here"),
            )
            for name in ("a", "b", "c")
        ]
        self.failover = failover_over(self.all, self.clock)
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def fetch(self, seconds: float = 8.0, **more: Any) -> Deferred[Outcome]:
        return self.failover.fetch(QUERY, call(self.clock.seconds() + seconds, **more))

    def over(self, route: FakeRoute) -> Deferred[Outcome]:
        return self.failover.over(route, QUERY, call(self.clock.seconds() + 8.0))

    def open(self, *routes: FakeRoute, cause: str = "tls_reset") -> None:
        for route in routes:
            for _ in range(TRIP_IN_ROW):
                self.failover.health.tried(route, Fault(cause), 1)

    def hope(self) -> None:
        """So many good attempts that three open routes are tried all the same."""
        for _ in range(4):
            self.failover.health.tried(self.b, None, 1)

    def sent(self) -> str:
        """How many tries each route had."""
        return " ".join(str(len(each.sent)) for each in self.all)

    def outcome(self, travelling: Deferred[Outcome]) -> Outcome:
        """What has come of it; may be asked for more than once."""
        outcome = self.successResultOf(travelling)
        travelling.addCallback(lambda _: outcome)
        return outcome

    def noted(self, travelling: Deferred[Outcome]) -> list[tuple[str, str | None]]:
        attempts = self.outcome(travelling).attempts
        return [(each.route, each.cause) for each in attempts]

    def cause(self, travelling: Deferred[Outcome]) -> str:
        outcome = self.outcome(travelling)
        self.assertIsNone(outcome.answer)
        return outcome.fault.cause.name

    def log(self) -> list[tuple[str, Any, Any, Any]]:
        return [
            (
                event["log_level"].name,
                event.get("failed"),
                event.get("route"),
                event.get("request_id"),
            )
            for event in self.events
            if event.get("log_namespace") == "streamr.routing.failover"
        ]


# What another route cannot heal.
ENDS_THE_CHAIN = {
    "key_refused",
    "key_suspended",
    "http_request_denied",
    "http_rate_limited",
    "connection_limit_reached",
    "deadline_exceeded",
}
# What the same route may heal, if it is tried at once.
TRIED_AGAIN = {
    "dns_error",
    "connection_refused",
    "tls_reset",
    "tls_closed",
    "connection_terminated",
    "http_response_incomplete",
    "http_response_content_coding",
    "http_response_invalid",
    "upstream_error",
    "upstream_unavailable",
}
# What it may heal, too, but what costs the time again: only when it is the last one.
SLOW_AND_TRIED_AGAIN = {"dns_timeout", "http_response_timeout"}


class Chain(Three):
    """What each fault leads to, with hedges, as in production."""

    def test_each_fault_goes_on_or_ends_the_chain(self) -> None:
        for cause in CAUSES:
            self.setUp()
            travelling = self.fetch()
            self.a.fails(cause, final=True)
            if cause in ENDS_THE_CHAIN:
                self.assertEqual(self.cause(travelling), cause)
                self.assertEqual(self.sent(), "1 0 0", cause)
                self.assertEqual(self.clock.getDelayedCalls(), [], cause)
                self.assertIsNone(self.outcome(travelling).source)
            else:
                self.assertEqual(self.sent(), "1 1 0", cause)
                self.b.succeeds()
                outcome = self.outcome(travelling)
                self.assertEqual((outcome.answer, outcome.source), (GOOD, "b"), cause)

    def test_a_second_way_ends_or_goes_on_in_the_same_manner(self) -> None:
        for cause in CAUSES:
            self.setUp()
            travelling = self.fetch()
            self.a.fails("tls_alert_received")
            self.b.fails(cause, final=True)
            ends = cause in ENDS_THE_CHAIN
            self.assertEqual(self.sent(), "1 1 0" if ends else "1 1 1", cause)
            self.assertEqual(travelling.called, ends, cause)

    def test_a_fault_that_ends_the_chain_does_so_after_a_first_byte(self) -> None:
        for cause in ENDS_THE_CHAIN:
            self.setUp()
            travelling = self.fetch()
            self.a.sent[-1].leaves()
            self.clock.advance(0.2)
            self.a.sent[-1].is_heard()
            self.a.fails(cause)
            self.assertEqual(self.cause(travelling), cause)
            self.assertEqual(self.sent(), "1 0 0", cause)

    def test_it_is_the_fault_told_when_the_hedge_beside_it_fails_as_well(self) -> None:
        for cause in ENDS_THE_CHAIN:
            for hedge_first in (True, False):
                self.setUp()
                self.failover = failover_over(self.all[:2], self.clock)
                travelling = self.fetch()
                self.clock.advance(0.25)
                if hedge_first:
                    self.b.fails("tls_alert_received")
                    self.assertNoResult(travelling)
                    self.a.fails(cause)
                else:
                    self.a.fails(cause)
                    self.assertNoResult(travelling)
                    self.b.fails("tls_alert_received")
                self.assertEqual(self.cause(travelling), cause, hedge_first)
                self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_hedge_that_ends_the_chain_leaves_the_first_way_its_time(self) -> None:
        for cause in ENDS_THE_CHAIN:
            self.setUp()
            travelling = self.fetch()
            self.clock.advance(0.25)
            self.b.fails(cause)
            self.assertNoResult(travelling)
            self.clock.advance(1.0)
            self.assertEqual(self.sent(), "1 1 0", cause)
            self.a.succeeds()
            self.assertEqual(self.outcome(travelling).source, "a")

    def test_when_all_fail_the_last_fault_is_told(self) -> None:
        travelling = self.fetch()
        self.a.fails("tls_alert_received")
        self.b.fails("tls_protocol_error")
        self.c.fails("proxy_configuration_error")
        self.assertEqual(self.cause(travelling), "proxy_configuration_error")
        self.assertEqual(
            self.noted(travelling),
            [
                ("a", "tls_alert_received"),
                ("b", "tls_protocol_error"),
                ("c", "proxy_configuration_error"),
            ],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_when_one_came_further_than_the_last_its_fault_is_told(self) -> None:
        travelling = self.fetch()
        self.a.fails("connection_timeout")
        self.b.fails("tls_alert_received")
        self.c.fails("destination_ip_unroutable")
        self.assertEqual(self.cause(travelling), "tls_alert_received")

    def test_a_way_that_breaks_at_once_is_our_own_error_and_the_next_one_helps(
        self,
    ) -> None:
        class Broken(FakeRoute):
            def send(self, *_args: Any, **_more: Any) -> Deferred[Answer]:
                raise KeyError("bug")

        self.failover = failover_over([Broken("broken"), self.b], self.clock)
        travelling = self.fetch()
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.b.succeeds()
        self.assertEqual(
            self.noted(travelling), [("broken", "proxy_internal_error"), ("b", None)]
        )
        self.assertEqual(self.outcome(travelling).attempts[0].detail, "KeyError")


class SecondTries(Three):
    def again(self, route: FakeRoute, cause: str) -> bool:
        """Whether one more try follows, on a fresh connection."""
        route.fails(cause)
        self.clock.advance(0)
        tries = [each.new_connection for each in route.sent]
        self.assertIn(tries, ([False], [False, True]))
        return len(tries) == 2

    def test_each_fault_is_tried_again_or_not(self) -> None:
        for cause in CAUSES:
            self.setUp()
            self.fetch()
            self.assertEqual(self.again(self.a, cause), cause in TRIED_AGAIN, cause)

    def test_a_slow_one_is_tried_again_when_no_other_way_is_left(self) -> None:
        for cause in CAUSES:
            self.setUp()
            self.fetch()
            self.a.fails("tls_alert_received")
            self.b.fails("tls_alert_received")
            expected = cause in TRIED_AGAIN | SLOW_AND_TRIED_AGAIN
            self.assertEqual(self.again(self.c, cause), expected, cause)

    def test_there_is_no_third_try(self) -> None:
        travelling = self.over(self.a)
        for _ in range(2):
            self.a.fails("tls_reset")
            self.clock.advance(1.0)
        self.assertEqual(self.sent(), "2 0 0")
        self.assertEqual(self.noted(travelling), [("a", "tls_reset")] * 2)

    def test_the_second_try_may_bring_the_answer(self) -> None:
        travelling = self.fetch()
        self.again(self.a, "tls_reset")
        self.a.succeeds()
        self.assertEqual(self.noted(travelling), [("a", "tls_reset"), ("a", None)])
        self.assertEqual(self.sent(), "2 0 0")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_waits_a_random_part_of_twenty_milliseconds(self) -> None:
        for chance, before, after in ((1.0, 0.019, 0.021), (0.5, 0.009, 0.011)):
            self.setUp()
            self.failover = failover_over(self.all, self.clock, retries=chance)
            self.fetch()
            self.a.fails("tls_reset")
            self.clock.advance(before)
            self.assertEqual(self.sent(), "1 0 0", chance)
            self.clock.advance(after - before)
            self.assertEqual(self.sent(), "2 0 0", chance)

    def fail_together(self, travellers: int) -> int:
        """How many of so many are tried again when all fail at once."""
        before = len(self.a.sent)
        for _ in range(travellers):
            self.fetch()
        for sent in self.a.sent[before:]:
            sent.result.errback(Fault("upstream_unavailable"))
            # else the breaker opens, and who is tried again is another question
            self.failover.health.tried(self.a, None, 1)
        self.clock.advance(0)
        return len(self.a.sent) - before - travellers

    def test_three_or_a_fifth_of_those_under_way_are_tried_again(self) -> None:
        for travellers, again in ((1, 1), (3, 3), (4, 3), (19, 3), (20, 4), (100, 20)):
            self.setUp()
            self.assertEqual(self.fail_together(travellers), again, travellers)

    def test_who_has_landed_is_not_under_way(self) -> None:
        for _ in range(50):
            travelling = self.fetch()
            self.a.succeeds()
            self.outcome(travelling)
        self.assertEqual(self.fail_together(5), 3)

    def test_each_who_lands_is_one_less_under_way(self) -> None:
        travellers = [self.fetch() for _ in range(40)]
        for sent in self.a.sent[:10]:
            sent.result.callback(GOOD)
        self.assertEqual(sum(each.called for each in travellers), 10)
        for sent in self.a.sent[10:40]:
            sent.result.errback(Fault("upstream_unavailable"))
            self.failover.health.tried(self.a, None, 1)
        self.clock.advance(0)
        self.assertEqual(len(self.a.sent), 40 + 6)

    def test_who_was_tried_again_makes_room_at_the_end_however_it_came(self) -> None:
        def left(sent: Sent, travelling: Deferred[Outcome]) -> None:
            travelling.cancel()
            self.failureResultOf(travelling, CancelledError)

        for end in (
            lambda sent, _travelling: sent.result.callback(GOOD),
            lambda sent, _travelling: sent.result.errback(Fault("tls_alert_received")),
            left,
        ):
            self.setUp()
            for _ in range(4):
                travelling = self.fetch()
                self.a.fails("tls_reset")
                self.clock.advance(0)
                self.assertTrue(self.a.sent[-1].new_connection)
                end(self.a.sent[-1], travelling)
                self.failover.health.tried(self.a, None, 1)
            self.assertEqual(self.fail_together(5), 3)

    def test_a_caller_may_leave_before_the_second_try(self) -> None:
        self.failover = failover_over(self.all, self.clock, retries=1.0)
        travelling = self.fetch()
        self.a.fails("tls_reset")
        travelling.cancel()
        self.failureResultOf(travelling, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.sent(), "1 0 0")


class Shares(Three):
    """Each try gets its share of the time that is left."""

    def budgets(self, route: FakeRoute) -> list[Budget]:
        return [each.budget for each in route.sent]

    def test_each_way_gets_its_share_and_a_proxy_the_whole_of_it(self) -> None:
        self.fetch(8.0)
        self.clock.advance(0.125)
        self.a.fails("tls_alert_received")
        self.clock.advance(0.125)
        self.b.fails("tls_alert_received")
        self.assertEqual(self.budgets(self.a), [share(8.0, 3)])
        self.assertEqual(self.budgets(self.b), [share(7.875, 2)])
        self.assertEqual(self.budgets(self.c), [share(7.75, 1, hop=True)])

    def test_a_second_try_gets_a_share_of_what_is_left(self) -> None:
        self.fetch(8.0)
        self.clock.advance(0.125)
        self.a.fails("tls_reset")
        self.clock.advance(0)
        self.assertEqual(self.budgets(self.a), [share(8.0, 3), share(7.875, 3)])

    def test_a_hedge_gets_its_share_too(self) -> None:
        self.fetch(8.0)
        self.clock.advance(0.25)
        self.assertEqual(self.budgets(self.b), [share(7.75, 2)])

    def test_one_way_alone_gets_all_the_time(self) -> None:
        self.over(self.b)
        self.assertEqual(self.budgets(self.b), [share(8.0, 1)])

    def test_each_try_has_the_query_and_the_call_of_the_caller(self) -> None:
        self.fetch(8.0, target="/x", loop="streamr")
        self.a.fails("tls_alert_received")
        for sent, failed in ((self.a.sent, ()), (self.b.sent, ("tls_alert_received",))):
            self.assertEqual([each.query for each in sent], [QUERY])
            told = call(5008.0, target="/x", loop="streamr", failed=failed)
            self.assertEqual([each.call for each in sent], [told])

    def test_no_try_begins_with_less_than_fifty_milliseconds(self) -> None:
        for seconds, begins in ((0.05, True), (0.0499, False), (0.0, False)):
            self.setUp()
            self.clock = Clock()  # 5000.05 - 5000 is not quite 0.05
            self.failover = failover_over(self.all, self.clock)
            travelling = self.fetch(seconds)
            self.assertEqual(self.sent(), "1 0 0" if begins else "0 0 0", seconds)
            if not begins:
                self.assertEqual(self.cause(travelling), "deadline_exceeded")
                self.assertEqual(self.noted(travelling), [])
                self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_second_try_begins_with_less_either(self) -> None:
        travelling = self.fetch(0.2)
        self.clock.advance(0.16)
        self.a.fails("tls_reset")
        self.clock.advance(0)
        self.assertEqual(self.sent(), "1 0 0")
        self.assertEqual(self.cause(travelling), "deadline_exceeded")
        self.assertEqual(self.noted(travelling), [("a", "tls_reset")])

    def test_a_deadline_that_is_over_is_told_at_once(self) -> None:
        travelling = self.fetch(-3.0)
        self.assertEqual(self.cause(travelling), "deadline_exceeded")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_deadline_ends_all_that_is_under_way_and_blames_nobody(self) -> None:
        for seconds in (0.5, 8.0):
            self.setUp()
            travelling = self.fetch(seconds)
            self.clock.pump([0.25, seconds - 0.375])
            self.assertNoResult(travelling)
            self.clock.advance(0.125)
            self.assertEqual(self.cause(travelling), "deadline_exceeded")
            for route in self.all:
                for sent in route.sent:
                    self.assertTrue(sent.cancelled)
                self.assertIsNone(self.failover.health.states[route.name].at)
            self.assertEqual(
                set(self.noted(travelling)),
                {(each.name, "deadline_exceeded") for each in self.all if each.sent},
            )
            self.assertEqual(self.clock.getDelayedCalls(), [])


class Opened(Three):
    """Failover whose breakers are open, and what is left of a storm behind them."""

    def test_five_failures_of_callers_send_the_next_one_past_the_route(self) -> None:
        for _ in range(5):
            self.fetch()
            self.a.fails("tls_alert_received")
            self.b.fails("tls_alert_received")
            self.failover.health.tried(self.b, None, 1)
        self.assertEqual(self.sent(), "5 5 5")
        self.fetch()
        self.assertEqual(self.sent(), "5 6 5")

    def test_an_answer_ends_the_row_of_failures(self) -> None:
        for _ in range(5):
            self.fetch()
            self.a.fails("tls_reset")
            self.clock.advance(0)
            self.a.succeeds()
        self.assertTrue(self.failover.health.is_closed(self.a))
        state = self.failover.health.states["a"]
        self.assertEqual((state.served, state.failed), (5, 5))

    def test_an_open_way_is_no_last_resort_without_hope(self) -> None:
        self.open(self.a)
        travelling = self.fetch()
        self.b.fails("tls_alert_received")
        self.c.fails("tls_alert_received")
        self.assertEqual(self.cause(travelling), "tls_alert_received")
        self.assertEqual(self.sent(), "0 1 1")

    def test_an_open_way_is_the_last_resort_while_there_is_hope(self) -> None:
        self.hope()
        self.open(self.a)
        travelling = self.fetch()
        self.b.fails("tls_alert_received")
        self.c.fails("tls_alert_received")
        self.a.succeeds()
        self.assertEqual(self.outcome(travelling).source, "a")
        self.assertTrue(self.failover.health.is_closed(self.a))

    def test_a_last_resort_has_one_try(self) -> None:
        self.hope()
        self.open(self.a)
        travelling = self.fetch()
        self.b.fails("tls_alert_received")
        self.c.fails("tls_alert_received")
        self.a.fails("tls_reset")
        self.clock.advance(1.0)
        self.assertEqual(self.sent(), "1 1 1")
        self.assertEqual(self.cause(travelling), "tls_reset")

    def test_no_hedge_goes_to_a_last_resort(self) -> None:
        self.hope()
        self.open(self.a, self.c)
        self.fetch()
        self.assertEqual(self.sent(), "0 1 0")
        self.clock.advance(2.0)
        self.assertEqual(self.sent(), "0 1 0")

    def test_when_nothing_works_one_finds_out_and_the_others_learn_it_at_once(
        self,
    ) -> None:
        self.open(*self.all)
        first, second = self.fetch(), self.fetch()
        self.assertEqual(self.sent(), "1 0 0")
        outcome = self.outcome(second)
        fault = outcome.fault
        self.assertEqual((outcome.status, outcome.source), (503, None))
        self.assertEqual(outcome.attempts, ())
        self.assertEqual(fault.cause.name, "destination_unavailable")
        self.assertEqual(fault.retry_after, "1")
        self.a.sent[-1].leaves()  # no veto: it was open when this one began
        self.a.fails("tls_reset")
        self.clock.advance(0)
        self.assertEqual(self.cause(first), "tls_reset")
        self.assertEqual(self.sent(), "1 0 0")
        self.clock.advance(1.0)
        self.fetch()
        self.assertEqual(self.sent(), "1 1 0")

    def test_who_learned_it_at_once_is_not_under_way(self) -> None:
        self.open(*self.all)
        for _ in range(100):
            self.fetch()
        for route in self.all:
            self.failover.health.tried(route, None, 1)
        for _ in range(5):
            self.fetch()
        tries = len(self.a.sent)
        for sent in self.a.sent[-5:]:
            sent.result.errback(Fault("upstream_unavailable"))
            self.failover.health.tried(self.a, None, 1)
        self.clock.advance(0)
        self.assertEqual(len(self.a.sent), tries + 3)

    def test_one_way_alone_is_asked_though_it_is_open(self) -> None:
        self.open(*self.all)
        travelling = self.over(self.b)
        self.b.sent[-1].waits()
        self.b.sent[-1].leaves()
        self.assertNoResult(travelling)
        self.b.succeeds()
        self.assertEqual(self.noted(travelling), [("b", None)])
        self.assertTrue(self.failover.health.is_closed(self.b))

    def test_who_waited_while_the_breaker_opened_does_not_leave_any_more(self) -> None:
        travellers = [self.fetch() for _ in range(20)]
        for sent in self.a.sent:
            sent.waits()
        self.open(self.a)
        for sent in self.a.sent:
            sent.leaves()
        self.assertEqual(self.sent(), "20 20 0")
        for sent in self.b.sent:
            sent.leaves()
            sent.result.callback(GOOD)
        for travelling in travellers:
            self.assertEqual(
                self.noted(travelling), [("a", "destination_unavailable"), ("b", None)]
            )

    def test_a_second_try_that_may_not_leave_any_more_says_nothing(self) -> None:
        travelling = self.fetch()
        self.a.fails("upstream_unavailable")
        self.clock.advance(RETRY_JITTER)
        self.assertEqual(self.sent(), "2 0 0")
        self.a.sent[-1].waits()
        self.open(self.a)
        self.a.sent[-1].leaves()
        self.assertEqual(self.b.sent[-1].call.failed, ("upstream_unavailable",))
        self.b.succeeds()
        causes = ["upstream_unavailable", "destination_unavailable", None]
        self.assertEqual([cause for _, cause in self.noted(travelling)], causes)

    def test_what_a_peer_says_at_the_second_try_counts(self) -> None:
        travelling = self.over(self.c)
        self.c.fails("connection_terminated")
        self.clock.advance(RETRY_JITTER)
        self.assertEqual(self.sent(), "0 0 2")
        self.c.fails("destination_unavailable", retry_after="7")
        self.assertEqual(self.outcome(travelling).fault.retry_after, "7")

    def test_who_waited_leaves_all_the_same_while_there_is_hope(self) -> None:
        self.fetch()
        self.a.sent[-1].waits()
        self.hope()
        self.open(self.a)
        self.a.sent[-1].leaves()
        self.assertFalse(self.a.sent[-1].result.called)
        self.assertEqual(self.sent(), "1 0 0")

    def test_who_waited_for_a_last_resort_leaves_without_hope_too(self) -> None:
        self.hope()
        self.open(self.a)
        self.fetch()
        self.b.fails("tls_alert_received")
        self.c.fails("tls_alert_received")
        self.a.sent[-1].waits()
        self.clock.advance(5.0)
        self.open(self.b, self.c)
        self.open(self.b, self.c)
        self.assertFalse(self.failover.health.worth(self.a))
        self.a.sent[-1].leaves()
        self.assertFalse(self.a.sent[-1].result.called)

    def test_a_second_try_does_not_begin_when_the_breaker_has_opened(self) -> None:
        self.failover = failover_over(self.all, self.clock, retries=1.0)
        travelling = self.fetch()
        self.a.fails("tls_reset")
        self.open(self.a)
        self.clock.advance(0.02)
        self.assertEqual(self.sent(), "1 1 0")
        self.b.succeeds()
        self.assertEqual(self.noted(travelling), [("a", "tls_reset"), ("b", None)])

    def test_a_hedge_to_a_way_that_opens_meanwhile_does_not_leave(self) -> None:
        self.fetch()
        self.clock.advance(0.25)
        self.b.sent[-1].waits()
        self.open(self.b)
        self.b.sent[-1].leaves()
        self.assertEqual(self.sent(), "1 1 1")


class Hedges(Three):
    def test_they_are_on_and_what_waits_is_random_unless_told_otherwise(self) -> None:
        # as streamr/building.py makes them
        self.failover = Failover(
            Health(self.all, self.clock, lambda: 1000.0),
            self.clock,
            tried=lambda _attempt: None,
        )
        self.fetch()
        self.a.fails("tls_reset")
        self.clock.advance(0.02)
        self.assertEqual(self.sent(), "2 0 0")
        self.clock.advance(0.25)
        self.assertEqual(self.sent(), "2 1 0")

    def test_each_silent_way_gets_the_next_one_beside_it(self) -> None:
        travelling = self.fetch()
        for sent in ("1 0 0", "1 1 0", "1 1 1"):
            self.assertEqual(self.sent(), sent)
            self.clock.advance(0.249)
            self.assertEqual(self.sent(), sent)
            self.clock.advance(0.001)
        self.clock.advance(5.0)
        self.assertEqual(self.sent(), "1 1 1")
        self.b.succeeds()
        self.assertEqual(self.outcome(travelling).source, "b")
        self.assertTrue(self.a.sent[0].cancelled and self.c.sent[0].cancelled)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_fallback_that_is_silent_is_hedged_after_its_own_time(self) -> None:
        self.fetch()
        self.clock.advance(0.125)
        self.a.fails("tls_alert_received")
        self.clock.advance(0.24)
        self.assertEqual(self.sent(), "1 1 0")
        self.clock.advance(0.02)
        self.assertEqual(self.sent(), "1 1 1")

    def test_a_first_byte_at_any_time_before_keeps_the_next_one_away(self) -> None:
        self.fetch()
        self.clock.advance(0.249)
        self.a.sent[-1].is_heard()
        self.clock.advance(5.0)
        self.assertEqual(self.sent(), "1 0 0")

    def test_silence_counts_from_when_it_left(self) -> None:
        for waited in (0.125, 1.0):
            self.setUp()
            self.fetch()
            self.a.sent[-1].waits()
            self.clock.advance(waited)
            self.a.sent[-1].leaves()
            self.clock.advance(0.24)
            self.assertEqual(self.sent(), "1 0 0", waited)
            self.clock.advance(0.02)
            self.assertEqual(self.sent(), "1 1 0", waited)

    def test_leaving_at_once_is_no_sign_of_life(self) -> None:
        self.fetch()
        self.a.sent[-1].leaves()
        self.clock.advance(0.25)
        self.assertEqual(self.sent(), "1 1 0")

    def test_there_is_a_hedge_for_a_tenth_of_the_requests(self) -> None:
        for travellers, hedges in ((10, 10), (11, 10), (109, 10), (200, 20)):
            self.setUp()
            self.failover = failover_over(self.all[:2], self.clock)
            for _ in range(travellers):
                self.fetch()
            self.clock.advance(0.25)
            self.assertEqual(len(self.b.sent), hedges, travellers)

    def test_who_was_denied_one_gets_it_when_others_are_ten_seconds_old(self) -> None:
        self.failover = failover_over(self.all[:2], self.clock)
        for _ in range(11):
            self.fetch(30.0)
        self.clock.pump([0.25] + [0.05] * 199)
        self.assertEqual(len(self.b.sent), 10)
        self.clock.pump([0.05] * 4)
        self.assertEqual(len(self.b.sent), 11)

    def test_who_was_denied_one_asks_again_ten_times_a_second(self) -> None:
        self.failover = failover_over(self.all[:2], self.clock)
        for _ in range(11):
            self.fetch()
        self.clock.advance(0.25)
        self.clock.advance(0.05)
        self.open(self.a)
        self.clock.advance(0.04)
        self.assertEqual(len(self.b.sent), 10)
        self.clock.advance(0.02)
        self.assertEqual(len(self.b.sent), 11)

    def test_who_was_denied_one_and_is_answered_leaves_no_timer(self) -> None:
        self.failover = failover_over(self.all[:2], self.clock)
        travellers = [self.fetch() for _ in range(11)]
        self.clock.advance(0.25)
        for sent in self.a.sent:
            sent.result.callback(GOOD)
        for travelling in travellers:
            self.assertEqual(self.outcome(travelling).source, "a")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_signs_of_a_way_that_has_lost_or_failed_begin_nothing(self) -> None:
        for winner in (self.a, self.b):
            self.fetch()
            self.clock.advance(0.25 if winner is self.b else 0.125)
            winner.succeeds()
            self.a.sent[-1].is_heard()
            self.a.sent[-1].leaves()
            self.assertEqual(self.clock.getDelayedCalls(), [], winner.name)
        self.fetch()
        self.a.fails("tls_alert_received")
        self.clock.advance(0.25)
        timers = len(self.clock.getDelayedCalls())
        self.a.sent[-1].is_heard()
        self.a.sent[-1].leaves()
        self.assertEqual(len(self.clock.getDelayedCalls()), timers)

    def test_an_answer_to_two_who_wait_for_it_leaves_no_error_behind(self) -> None:
        """The hedge waits for the rest, and so does the first route that failed."""
        travelling = self.fetch()
        self.clock.advance(0.25)
        self.a.fails("tls_alert_received")
        self.b.succeeds()
        self.assertEqual(self.outcome(travelling).source, "b")
        for route in self.all:
            route.sent.clear()
        del travelling
        gc.collect()  # what nobody handled is logged when it is collected
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_second_try_does_not_begin_the_silence_anew(self) -> None:
        self.fetch()
        self.clock.advance(0.2)
        self.a.fails("tls_reset")
        self.clock.advance(0)
        self.a.sent[-1].leaves()
        self.assertEqual(self.sent(), "2 0 0")
        self.clock.advance(0.05)
        self.assertEqual(self.sent(), "2 1 0")

    def test_without_them_only_a_fault_leads_to_the_next_route(self) -> None:
        self.failover = failover_over(self.all, self.clock, hedge=False)
        self.fetch()
        self.clock.advance(5.0)
        self.assertEqual(self.sent(), "1 0 0")
        self.a.fails("tls_timeout")
        self.assertEqual(self.sent(), "1 1 0")

    def test_a_caller_who_leaves_ends_all_of_them(self) -> None:
        travelling = self.fetch()
        self.clock.pump([0.25, 0.25])
        self.assertEqual(self.sent(), "1 1 1")
        travelling.cancel()
        self.failureResultOf(travelling, CancelledError)
        for route in self.all:
            self.assertTrue(route.sent[0].cancelled)
            self.assertIsNone(self.failover.health.states[route.name].at)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_first_way_that_fails_waits_for_those_that_run(self) -> None:
        travelling = self.fetch()
        self.clock.advance(0.25)
        self.a.fails("tls_alert_received")
        self.b.fails("tls_alert_received")
        self.assertEqual(self.sent(), "1 1 1")
        self.c.fails("proxy_configuration_error")
        self.assertEqual(self.cause(travelling), "proxy_configuration_error")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_first_way_that_fails_learns_how_the_rest_has_ended(self) -> None:
        travelling = self.fetch()
        self.clock.advance(0.25)
        self.b.fails("tls_alert_received")
        self.c.fails("proxy_configuration_error")
        self.assertNoResult(travelling)
        self.a.fails("tls_protocol_error")
        self.assertEqual(self.cause(travelling), "proxy_configuration_error")
        self.assertEqual(self.sent(), "1 1 1")


class SilentOnes(Three):
    """Hosts that were found silent are tried last, by a proxy of ours, too."""

    def silent(self, route: FakeRoute) -> set[str]:
        return set(route.sent[-1].call.silent)

    def test_each_way_is_told_of_all_that_were_silent_before_it(self) -> None:
        self.fetch()
        self.clock.pump([0.25, 0.25])
        self.assertEqual(self.silent(self.a), set())
        self.assertEqual(self.silent(self.b), {host("a")})
        self.assertEqual(self.silent(self.c), {host("a"), host("b")})

    def test_only_slow_faults_are_silence(self) -> None:
        for cause in CAUSES:
            if cause in ENDS_THE_CHAIN:
                continue
            self.setUp()
            self.fetch()
            self.a.fails(cause, final=True)
            expected = {host("a")} if CAUSES[cause].silent_host else set()
            self.assertEqual(self.silent(self.b), expected, cause)

    def test_what_the_caller_and_the_breakers_know_is_told_as_well(self) -> None:
        self.open(self.b, cause="tls_timeout")
        self.fetch(silent=frozenset({host("x")}))
        self.assertEqual(self.silent(self.a), {host("x"), host("b")})
        self.clock.advance(0.25)
        self.assertEqual(self.silent(self.c), {host("x"), host("a"), host("b")})

    def test_routes_to_them_are_tried_last(self) -> None:
        self.fetch(silent=frozenset({host("a")}))
        self.assertEqual(self.sent(), "0 1 0")
        self.b.fails("tls_alert_received")
        self.c.fails("tls_alert_received")
        self.assertEqual(self.sent(), "1 1 1")

    def test_routes_to_hosts_that_breakers_know_as_silent_are_last(self) -> None:
        same = Dimensions(host("a"), "classic", "auto", "here")
        other = FakeRoute("other", dimensions=same)
        self.failover = failover_over([self.a, other, self.b], self.clock)
        self.open(self.a, cause="tls_timeout")
        self.fetch()
        self.assertEqual((len(other.sent), len(self.b.sent)), (0, 1))


class Noted(Three):
    """Which attempts a caller is told of, and which the health remembers."""

    def test_an_attempt_tells_all_that_is_known_of_it(self) -> None:
        travelling = self.fetch()
        self.clock.advance(0.125)
        self.a.fails("tls_alert_received")
        self.clock.advance(0.1)
        self.b.succeeds(Answer(404, b"{}"))
        outcome = self.outcome(travelling)
        hop = "api.test.invalid"
        self.assertEqual(
            outcome.attempts,
            (
                Attempt("a", hop, 125, "tls_alert_received"),
                Attempt("b", hop, 100, None, "", 404),
            ),
        )
        self.assertEqual((outcome.status, outcome.source), (404, "b"))
        self.assertIsNone(outcome.fault)
        a, b = (self.failover.health.states[name] for name in ("a", "b"))
        self.assertEqual((a.cause, a.ms, a.failed), ("tls_alert_received", 125, 1))
        self.assertEqual((b.cause, b.ms, b.served), (None, 100, 1))

    def test_it_tells_milliseconds(self) -> None:
        for took, ms in ((0.0, 0), (0.0004, 0), (1.0, 1000), (7.0, 7000)):
            self.setUp()
            travelling = self.fetch()
            self.a.sent[-1].is_heard()
            self.clock.advance(took)
            self.a.succeeds()
            (attempt,) = self.outcome(travelling).attempts
            self.assertEqual(
                (attempt.ms, self.failover.health.states["a"].ms), (ms, ms)
            )

    def test_what_a_proxy_tried_stands_before_the_attempt_at_the_proxy(self) -> None:
        inner = Attempt("c/classic", "x", 5, "tls_reset")
        good = Attempt("c/tls12", "x", 5, None, "", 200)
        for fails in (True, False):
            self.setUp()
            self.failover = failover_over([self.c], self.clock)
            travelling = self.fetch()
            if fails:
                self.c.fails("tls_reset", (inner, good), final=True)
            else:
                self.c.succeeds(Answer(200, b"{}", attempts=(inner, good)))
            self.assertEqual(
                [name for name, _ in self.noted(travelling)],
                ["c/classic", "c/tls12", "c"],
            )

    def test_the_one_that_brought_the_answer_stands_last(self) -> None:
        travelling = self.fetch()
        self.clock.advance(0.25)
        self.clock.advance(0.125)
        self.b.succeeds()
        self.assertEqual(self.noted(travelling), [("a", "overtaken"), ("b", None)])
        self.assertEqual(self.outcome(travelling).attempts[0].ms, 375)

    def test_a_hedge_that_was_outrun_is_not_told_and_one_that_failed_is(self) -> None:
        for fails in (False, True):
            self.setUp()
            travelling = self.fetch()
            self.clock.advance(0.25)
            if fails:
                self.b.fails("tls_alert_received")
            self.clock.advance(0.125)
            self.a.succeeds()
            failed = [("b", "tls_alert_received")] if fails else []
            self.assertEqual(self.noted(travelling), [*failed, ("a", None)])

    def test_a_loser_that_answers_when_it_is_cancelled_is_not_the_source(self) -> None:
        self.a.on_cancel = lambda result: result.callback(Answer(404, b"{}"))
        travelling = self.fetch()
        self.clock.advance(0.25)
        self.b.succeeds()
        outcome = self.outcome(travelling)
        self.assertEqual((outcome.source, outcome.kind), ("b", self.b.kind))
        self.assertEqual(outcome.attempts[-1].route, "b")

    def test_a_try_that_began_with_the_winner_was_overtaken_by_it(self) -> None:
        travelling = self.fetch()
        self.clock.advance(0.25)
        self.a.fails("tls_reset")
        self.clock.advance(0)
        self.assertEqual(self.sent(), "2 1 0")
        self.clock.advance(0.125)
        self.b.succeeds()
        self.assertEqual(
            self.noted(travelling),
            [("a", "tls_reset"), ("a", "overtaken"), ("b", None)],
        )

    def test_being_overtaken_speaks_against_a_way_after_the_hedge_time_alone(
        self,
    ) -> None:
        for silent, counts in ((0.125, 0), (0.249, 0), (0.25, 1), (2.0, 1)):
            self.setUp()
            self.failover = failover_over(self.all[:2], self.clock)
            self.fetch()
            self.clock.advance(0.25)
            self.clock.advance(silent)
            self.a.succeeds()
            self.assertEqual(self.failover.health.states["b"].failed, counts, silent)

    def test_the_time_before_it_left_does_not_speak_against_it(self) -> None:
        for silent, counts in ((0.125, 0), (0.25, 1)):
            self.setUp()
            self.failover = failover_over(self.all[:2], self.clock)
            self.fetch()
            self.clock.advance(0.25)
            self.b.sent[-1].waits()
            self.clock.advance(2.0)
            self.b.sent[-1].leaves()
            self.clock.advance(silent)
            self.a.succeeds()
            self.assertEqual(self.failover.health.states["b"].failed, counts, silent)

    def test_being_overtaken_after_a_first_byte_does_not_speak_against_it(self) -> None:
        self.fetch()
        self.clock.advance(0.25)
        self.a.sent[-1].is_heard()
        self.clock.advance(2.0)
        self.b.succeeds()
        self.assertIsNone(self.failover.health.states["a"].at)


class Lines(Three):
    """What the log says of a journey."""

    def test_an_answer_of_the_first_way_is_no_line(self) -> None:
        self.fetch()
        self.a.succeeds()
        self.assertEqual(self.log(), [])

    def test_leaving_direct_is_told_and_further_steps_are_details(self) -> None:
        self.b.kind = RouteKind.PEER
        self.fetch()
        self.a.fails("tls_alert_received")
        self.b.fails("tls_alert_received")
        self.c.succeeds()
        self.assertEqual(
            self.log(), [("info", "a", "b", "req-1"), ("debug", "b", "c", "req-1")]
        )

    def test_a_name_that_is_looked_up_twice_is_one_attempt(self) -> None:
        for cause, tries in (("dns_error", 1), ("tls_reset", 2)):
            self.setUp()
            fetching = self.fetch()
            for _ in range(2):
                self.a.fails(cause)
                self.clock.advance(0)
            self.b.succeeds()
            attempts = self.successResultOf(fetching).attempts
            names = [(each.route, each.cause) for each in attempts]
            self.assertEqual(names, [("a", cause)] * tries + [("b", None)])

    def test_a_second_lookup_that_a_breaker_forbids_leaves_the_first_one_told(
        self,
    ) -> None:
        fetching = self.fetch()
        self.a.fails("dns_error")
        self.open(self.a)  # others have found the same meanwhile
        self.clock.advance(0)
        self.b.succeeds()
        attempts = self.successResultOf(fetching).attempts
        names = [(each.route, each.cause) for each in attempts]
        self.assertEqual(names, [("a", "dns_error"), ("b", None)])
        self.assertIn(("info", "a", "b", "req-1"), self.log())

    def test_a_fallback_is_no_silence_when_the_hedge_time_is_over(self) -> None:
        self.fetch()
        self.clock.advance(0.125)
        self.a.fails("tls_alert_received")
        self.clock.advance(0.2)
        self.assertEqual(self.log(), [("info", "a", "b", "req-1")])

    def test_a_hedge_is_one_line_and_a_fault_after_it_is_none(self) -> None:
        self.fetch()
        self.clock.advance(0.25)
        self.a.fails("tls_alert_received")
        self.assertEqual(self.log(), [("info", "a", "b", "req-1")])

    def test_a_fault_that_ends_the_chain_is_no_fallback(self) -> None:
        self.fetch()
        self.a.fails("http_request_denied")
        self.assertEqual(self.log(), [])

    def test_an_exception_of_our_own_is_told_with_its_route(self) -> None:
        self.fetch()
        self.a.sent[-1].result.errback(KeyError("bug"))
        self.flushLoggedErrors(KeyError)
        self.assertIn(("critical", None, "a", None), self.log())


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
    """Queries over three routes that answer, fail, fall silent, and are left, at any
    time. Whatever happens: one outcome for each, and nothing stays behind."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.routes = [FakeRoute(name) for name in ("a", "b", "c")]
        self.failover: Failover = failover_over(self.routes, self.clock)
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

        travelling = self.failover.fetch(
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
        self.one(which).is_heard()

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
    def routes_end_differently(
        self, on_cancel: Callable[[Deferred[Answer]], None]
    ) -> None:
        for route in self.routes:
            route.on_cancel = on_cancel

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.1, 0.25, 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def what_is_counted_is_what_is_there(self) -> None:
        assert self.failover._in_flight == len(self.left())
        # one query may try two routes again at once: the first, and a hedge
        most = len(self.routes) * len(self.left())
        assert 0 <= self.failover._retrying <= min(most, MOST_RETRYING)

    @invariant()
    def nothing_runs_for_those_who_have_their_end(self) -> None:
        """Losers and the callers' who left are cancelled; each route starts once, and
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
        assert (self.failover._in_flight, self.failover._retrying) == (0, 0)
        assert self.clock.getDelayedCalls() == []


class AnySequence(SynchronousTestCase):
    def test_each_gets_one_end_and_nothing_stays_behind(self) -> None:
        run_state_machine_as_test(
            Travels,
            # not shrunk: that takes minutes here, and the steps are few
            settings=examples(
                100, stateful_step_count=STEPS, phases=(Phase.reuse, Phase.generate)
            ),
        )
