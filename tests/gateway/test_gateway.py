"""The chain of routes: what goes on to the next, what does not, and in what time."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Dimensions, Exchange
from streamr.errors import CAUSES, CLIENT_LEFT, Attempt, Fault, RouteKind
from streamr.gateway.gateway import Gateway
from streamr.gateway.telling import Teller
from streamr.policy.breaker import FIRST_PAUSE, TRIP_IN_ROW
from streamr.policy.budgets import HEDGE_FLOOR
from streamr.policy.retry import HEDGE_AFTER
from streamr.routing.health import Health
from streamr.routing.probe import PROBE_SECONDS
from streamr.store.memory import MemoryStore
from tests.support import (
    GOOD,
    QUERY,
    FakeRoute,
    Notes,
    call,
    failover_over,
    gateway_over,
)

RECOVERABLE = sorted(name for name, cause in CAUSES.items() if cause.next_route)
FINAL = sorted(name for name, cause in CAUSES.items() if not cause.next_route)


class GatewayCase(SynchronousTestCase):
    """A main gateway over a direct route and one proxy."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.notes = Notes()
        self.direct = FakeRoute("direct")
        self.proxy = FakeRoute("proxy@there:1", kind=RouteKind.PEER, next_hop="there:1")
        self.gateway = self.make([self.direct, self.proxy])

    def make(self, routes: list[FakeRoute]) -> Gateway:
        return gateway_over(routes, self.clock, self.notes, "main")

    def ask(self, deadline: float = 8.0, path: str = QUERY.path) -> Deferred[Exchange]:
        return self.gateway.answer(replace(QUERY, path=path), call(deadline))

    def direct_fails(self, cause: str) -> None:
        """Every try that the direct route gets fails in the same way."""
        while not self.direct.sent[-1].result.called:
            self.fail_once(cause)

    def fail_once(self, cause: str) -> None:
        """One try fails; a retry begins after a moment, which is none here."""
        self.direct.fails(cause)
        self.clock.advance(0)


class TheChain(GatewayCase):
    def test_a_direct_answer_never_asks_the_proxy(self) -> None:
        asking = self.ask()
        self.direct.succeeds()
        exchange = self.successResultOf(asking)
        self.assertEqual(exchange.outcome.answer, GOOD)
        self.assertEqual(exchange.outcome.source, "direct")
        self.assertEqual(self.proxy.sent, [])

    def test_every_recoverable_fault_goes_on_to_the_proxy(self) -> None:
        for cause in RECOVERABLE:
            self.setUp()
            asking = self.ask()
            self.direct_fails(cause)
            self.proxy.succeeds()
            exchange = self.successResultOf(asking)
            self.assertEqual(exchange.outcome.answer, GOOD, cause)
            self.assertEqual(exchange.outcome.source, "proxy@there:1", cause)
            self.assertEqual(exchange.outcome.attempts[0].cause, cause)

    def test_every_other_fault_ends_the_chain(self) -> None:
        for cause in FINAL:
            self.setUp()
            asking = self.ask()
            self.direct.fails(cause)
            exchange = self.successResultOf(asking)
            self.assertEqual(self.proxy.sent, [], cause)
            self.assertEqual(exchange.status, CAUSES[cause].status, cause)

    def test_an_error_answer_of_tmdb_is_an_answer(self) -> None:
        asking = self.ask()
        answer = Answer(404, b'{"status_code":34}')
        self.direct.succeeds(answer)
        exchange = self.successResultOf(asking)
        self.assertEqual((exchange.status, exchange.outcome.answer), (404, answer))
        self.assertEqual(self.proxy.sent, [])

    def test_when_all_fail_the_last_fault_is_told_with_all_attempts(self) -> None:
        asking = self.ask()
        self.direct_fails("tls_protocol_error")
        tried = Attempt("proxy@there:1/classic", "x", 5, "tls_reset")
        self.proxy.fails("tls_reset", (tried,), final=True)
        exchange = self.successResultOf(asking)
        self.assertIsNone(exchange.outcome.answer)
        self.assertEqual(exchange.status, 502)
        self.assertEqual(
            [each.route for each in exchange.outcome.attempts],
            ["direct", "proxy@there:1/classic", "proxy@there:1"],
        )

    def test_several_proxies_are_tried_in_their_order(self) -> None:
        other = FakeRoute("proxy@other:2", kind=RouteKind.PEER)
        self.gateway = self.make([self.direct, self.proxy, other])
        asking = self.ask()
        self.direct_fails("tls_alert_received")
        self.proxy.fails("proxy_configuration_error")
        other.succeeds()
        self.assertEqual(self.successResultOf(asking).outcome.source, "proxy@other:2")

    def test_an_exception_of_our_own_is_logged_and_still_falls_back(self) -> None:
        asking = self.ask()
        self.direct.sent[-1].result.errback(KeyError("bug"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.proxy.succeeds()
        exchange = self.successResultOf(asking)
        self.assertEqual(exchange.outcome.answer, GOOD)
        self.assertEqual(exchange.outcome.attempts[0].cause, "proxy_internal_error")


class TheStore(GatewayCase):
    """A gateway with a store, and one without."""

    def make(self, routes: list[FakeRoute]) -> Gateway:
        store = MemoryStore(10_000_000, 2000)
        return gateway_over(routes, self.clock, self.notes, "main", store)

    def answered(self, **more: bool) -> Exchange:
        """One query; TMDB answers when it is asked."""
        asked = len(self.direct.sent)
        asking = self.gateway.answer(QUERY, call(8.0), **more)
        if len(self.direct.sent) > asked:
            self.direct.succeeds()
        return self.successResultOf(asking)

    def test_what_is_stored_is_not_asked_for_again_but_on_demand(self) -> None:
        for past_store, asked in ((False, 1), (None, 1), (True, 2), (None, 2)):
            more = {} if past_store is None else {"past_store": past_store}
            found = self.answered(**more)
            self.assertEqual(found.status, 200)
            self.assertEqual(len(self.direct.sent), asked, past_store)
            self.assertIsNotNone(found.outcome.stored)

    def test_without_a_store_tmdb_is_asked_each_time(self) -> None:
        self.gateway = gateway_over([self.direct], self.clock, self.notes, "main")
        for asked in (1, 2):
            self.assertIsNone(self.answered().outcome.stored)
            self.assertEqual(len(self.direct.sent), asked)

    def test_it_has_the_name_under_which_it_is_told(self) -> None:
        self.assertEqual(self.gateway.server, "main")
        self.assertEqual(self.answered().server, "main")

    def test_an_error_of_our_own_is_not_told_as_a_caller_who_left(self) -> None:
        broken: Any = SimpleNamespace(
            failover=None, fetch=lambda *_: fail(ZeroDivisionError())
        )
        gateway = Gateway(broken, self.clock, Teller("main", self.clock, self.notes))
        self.failureResultOf(gateway.answer(QUERY, call()), ZeroDivisionError)
        self.assertEqual(self.notes.exchanges, [])


class TheSecondTry(GatewayCase):
    def test_the_table_decides_who_gets_a_second_try_on_a_fresh_connection(
        self,
    ) -> None:
        for name, cause in CAUSES.items():
            self.setUp()
            self.ask()
            self.fail_once(name)
            tries = [each.new_connection for each in self.direct.sent]
            expected = [False, True] if cause.same_route and not cause.slow else [False]
            self.assertEqual(tries, expected, name)

    def test_there_is_never_a_third_try(self) -> None:
        asking = self.ask()
        self.fail_once("tls_reset")
        self.fail_once("tls_reset")
        self.assertEqual(len(self.direct.sent), 2)
        self.assertEqual(len(self.proxy.sent), 1)
        self.assertNoResult(asking)

    def test_a_slow_fault_is_repeated_only_when_no_other_way_is_left(self) -> None:
        self.gateway = self.make([self.direct])
        self.ask()
        self.fail_once("http_response_timeout")
        self.assertEqual(len(self.direct.sent), 2)

    def test_what_a_proxy_has_given_up_is_not_tried_there_again(self) -> None:
        asking = self.ask()
        self.direct_fails("tls_timeout")
        self.proxy.fails("tls_reset", final=True)
        self.successResultOf(asking)
        self.assertEqual(len(self.proxy.sent), 1)


class Time(GatewayCase):
    def test_nobody_waits_past_the_deadline(self) -> None:
        asking = self.ask(deadline=8.0)
        self.clock.advance(7.9)
        self.assertNoResult(asking)
        self.clock.advance(0.2)
        exchange = self.successResultOf(asking)
        self.assertEqual(exchange.status, 504)
        self.assertTrue(self.direct.sent[-1].cancelled)
        self.assertEqual(exchange.outcome.attempts[-1].cause, "deadline_exceeded")

    def test_the_deadline_does_not_start_another_route(self) -> None:
        self.ask(deadline=8.0)
        self.clock.advance(8.0)
        self.assertEqual(self.proxy.sent, [])

    def test_a_way_gets_the_time_that_is_left(self) -> None:
        self.ask(deadline=8.0)
        self.clock.advance(2.0)
        self.direct.fails("tls_timeout")
        budget = self.proxy.sent[-1].budget
        self.assertEqual((budget.total, budget.first_byte), (6.0, 6.0))

    def test_without_time_left_no_way_is_begun(self) -> None:
        asking = self.ask(deadline=8.0)
        self.clock.advance(7.97)
        self.direct.fails("tls_timeout")
        self.assertEqual(self.proxy.sent, [])
        self.assertEqual(self.successResultOf(asking).status, 504)

    def test_a_caller_who_leaves_stops_what_is_under_way(self) -> None:
        asking = self.ask()
        asking.cancel()
        self.assertTrue(self.direct.sent[-1].cancelled)
        self.assertEqual(self.proxy.sent, [])
        self.assertEqual(self.successResultOf(asking).status, CLIENT_LEFT)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_answer_leaves_no_timer(self) -> None:
        self.ask()
        self.direct.succeeds()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Memory(GatewayCase):
    def test_one_failure_does_not_change_the_order(self) -> None:
        self.ask()
        self.direct_fails("tls_protocol_error")
        self.proxy.succeeds()
        self.ask()
        self.assertEqual(len(self.direct.sent), 2)

    def test_a_caller_who_leaves_says_nothing_about_the_route(self) -> None:
        self.ask().cancel()
        self.assertIsNone(self.gateway.failover.health.states["direct"].at)

    def test_each_route_remembers_what_it_last_did(self) -> None:
        self.ask()
        self.direct_fails("tls_protocol_error")
        self.proxy.succeeds()
        direct, proxy = (
            self.gateway.failover.health.states[r.name]
            for r in self.gateway.failover.routes
        )
        self.assertEqual((direct.cause, direct.failed), ("tls_protocol_error", 1))
        self.assertEqual((proxy.cause, proxy.served), (None, 1))
        self.assertEqual(proxy.at, 1000.0)

    def test_one_exchange_is_noted_for_each_query(self) -> None:
        asking = self.ask()
        self.clock.advance(0.25)
        self.direct.succeeds()
        self.assertEqual(self.notes.exchanges, [self.successResultOf(asking)])
        self.assertEqual(self.notes.exchanges[0].ms, 250)

    def test_an_exchange_says_how_long_it_took_in_whole_milliseconds(self) -> None:
        for began in (0.0, 12_345.0, 50_000_000.0):
            for seconds, ms in ((0.0, 0), (0.0004, 0), (0.0006, 1), (7.0, 7000)):
                self.setUp()
                self.clock.advance(began)
                asking = self.ask(deadline=began + 8.0)
                self.clock.advance(seconds)
                self.direct.succeeds()
                told = self.successResultOf(asking).ms
                self.assertEqual(told, ms, (began, seconds))

    def test_an_exchange_tells_what_was_asked_and_by_whom(self) -> None:
        asked = call(8.0, method="HEAD", target="/api/tmdb/movie/550?a=b")
        asking = self.gateway.answer(QUERY, asked)
        self.direct.succeeds()
        told = self.successResultOf(asking)
        self.assertEqual(
            (told.server, told.request_id, told.method, told.target, told.template),
            ("main", "req-1", "HEAD", asked.target, QUERY.template),
        )
        self.assertEqual(
            (told.outcome.stored, told.outcome.age, told.outcome.cache),
            (None, 0.0, None),
        )

    def test_one_route_can_be_asked_alone(self) -> None:
        asking = self.gateway.ask(self.gateway.failover.routes[1], QUERY, call())
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(asking).outcome.source, "proxy@there:1")
        self.assertEqual(self.direct.sent, [])


class Hedging(GatewayCase):
    """The next route starts beside a silent one, and the first answer wins."""

    def health(self) -> Health:
        return self.gateway.failover.health

    def test_silence_starts_the_next_way_after_the_hedge_time(self) -> None:
        self.ask()
        self.clock.advance(HEDGE_AFTER - 0.01)
        self.assertEqual(self.proxy.sent, [])
        self.clock.advance(0.02)
        self.assertEqual(len(self.proxy.sent), 1)

    def test_a_first_byte_keeps_the_next_way_quiet(self) -> None:
        self.ask()
        self.direct.sent[-1].is_heard()
        self.clock.advance(1.0)
        self.assertEqual(self.proxy.sent, [])

    def test_a_retry_does_not_begin_the_hedge_time_anew(self) -> None:
        self.ask()
        self.clock.advance(HEDGE_AFTER - 0.01)
        self.fail_once("tls_reset")
        self.assertEqual(len(self.direct.sent), 2)
        self.clock.advance(0.02)
        self.assertEqual(len(self.proxy.sent), 1)

    def test_the_first_answer_wins_and_the_loser_is_cancelled(self) -> None:
        asking = self.ask()
        self.clock.advance(HEDGE_AFTER)
        self.proxy.succeeds()
        exchange = self.successResultOf(asking)
        self.assertEqual(exchange.outcome.source, "proxy@there:1")
        self.assertTrue(self.direct.sent[-1].cancelled)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelling_the_loser_cannot_fail_the_winner(self) -> None:
        # whatever the loser does when it is cancelled: fail, answer, or nothing
        def fails(result: Deferred[Answer]) -> None:
            result.errback(Fault("tls_reset"))

        def answers(result: Deferred[Answer]) -> None:
            result.callback(Answer(200, b"{}"))

        for canceller in (fails, answers, lambda _result: None):
            self.setUp()
            asking = self.ask()
            self.direct.on_cancel = canceller
            self.clock.advance(HEDGE_AFTER)
            self.proxy.succeeds()
            self.assertEqual(self.successResultOf(asking).outcome.answer, GOOD)

    def test_the_slow_one_may_still_win(self) -> None:
        asking = self.ask()
        self.clock.advance(HEDGE_AFTER)
        self.direct.succeeds()
        self.assertEqual(self.successResultOf(asking).outcome.source, "direct")
        self.assertTrue(self.proxy.sent[-1].cancelled)

    def test_a_failing_hedge_leaves_the_first_way_its_time(self) -> None:
        asking = self.ask()
        self.clock.advance(HEDGE_AFTER)
        self.proxy.fails("upstream_unavailable", final=True)
        self.assertNoResult(asking)
        self.direct.succeeds()
        self.assertEqual(self.successResultOf(asking).outcome.source, "direct")

    def test_a_first_way_that_fails_waits_for_the_hedge_that_runs(self) -> None:
        asking = self.ask()
        self.clock.advance(HEDGE_AFTER)
        self.direct_fails("tls_timeout")
        self.assertEqual(len(self.proxy.sent), 1)
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(asking).outcome.answer, GOOD)

    def test_both_failing_is_one_honest_fault(self) -> None:
        asking = self.ask()
        self.clock.advance(HEDGE_AFTER)
        self.proxy.fails("upstream_unavailable", final=True)
        self.direct_fails("tls_timeout")
        exchange = self.successResultOf(asking)
        self.assertEqual(exchange.outcome.fault.cause.name, "upstream_unavailable")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_caller_who_leaves_stops_both(self) -> None:
        asking = self.ask()
        self.clock.advance(HEDGE_AFTER)
        asking.cancel()
        self.assertTrue(self.direct.sent[-1].cancelled)
        self.assertTrue(self.proxy.sent[-1].cancelled)
        self.successResultOf(asking)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_being_overtaken_in_silence_counts_and_after_a_byte_does_not(self) -> None:
        for first_byte in (False, True):
            self.setUp()
            self.ask()
            self.clock.advance(HEDGE_AFTER)
            if first_byte:
                self.direct.sent[-1].is_heard()
            self.proxy.succeeds()
            in_row = self.health().breakers["direct"].in_row
            self.assertEqual(in_row, 0 if first_byte else 1)

    def test_a_hedge_that_was_outrun_is_no_failed_attempt(self) -> None:
        asking = self.ask()
        self.clock.advance(HEDGE_AFTER)
        self.clock.advance(HEDGE_AFTER * 2)
        self.direct.succeeds()
        exchange = self.successResultOf(asking)
        self.assertTrue(self.proxy.sent[-1].cancelled)
        self.assertEqual([each.cause for each in exchange.outcome.attempts], [None])

    def test_a_black_hole_opens_the_breaker_and_is_then_passed_by(self) -> None:
        for number in range(TRIP_IN_ROW):
            self.ask(path=f"/movie/{number}")
            self.clock.advance(HEDGE_AFTER)
            self.proxy.succeeds()
        self.assertFalse(self.health().breakers["direct"].closed)
        tries = len(self.direct.sent)
        asking = self.ask()
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(asking).outcome.source, "proxy@there:1")
        self.assertEqual(len(self.direct.sent), tries)

    def test_no_hedge_goes_to_a_way_that_is_open(self) -> None:
        for _ in range(TRIP_IN_ROW):
            self.health().tried(self.proxy, Fault("tls_reset"), 1)
        self.ask()
        self.clock.advance(HEDGE_AFTER * 2)
        self.assertEqual(self.proxy.sent, [])

    def test_hedges_keep_to_their_budget(self) -> None:
        for _ in range(60):
            self.ask()
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR)


class SilentHosts(GatewayCase):
    """A route to a host that was just found silent is tried last, by the proxy too."""

    def test_a_hedge_tells_the_proxy_which_host_is_silent(self) -> None:
        self.ask()
        self.clock.advance(HEDGE_AFTER)
        silent = self.proxy.sent[-1].call.silent
        self.assertEqual(silent, {self.direct.dimensions.host})

    def test_a_fallback_after_silence_tells_it_as_well(self) -> None:
        self.ask()
        self.direct_fails("tls_timeout")
        self.assertTrue(self.proxy.sent[-1].call.silent)

    def test_a_reset_is_no_silence(self) -> None:
        self.ask()
        self.direct_fails("tls_reset")
        self.assertEqual(self.proxy.sent[-1].call.silent, frozenset())

    def test_the_proxy_tries_another_host_first(self) -> None:
        one = Dimensions("one.test.invalid", "classic", "auto", "here")
        two = Dimensions("two.test.invalid", "modern", "auto", "here")
        first, second = FakeRoute("a", dimensions=one), FakeRoute("b", dimensions=two)
        gateway = self.make([first, second])
        gateway.answer(QUERY, call(8.0, silent=frozenset({"one.test.invalid"})))
        self.assertEqual((len(first.sent), len(second.sent)), (0, 1))

    def test_leaving_an_open_way_needs_no_budget(self) -> None:
        for _ in range(HEDGE_FLOOR + 5):
            self.ask()
        health = self.gateway.failover.health
        for _ in range(TRIP_IN_ROW):
            health.tried(self.direct, Fault("tls_reset"), 1)
        self.clock.advance(HEDGE_AFTER)
        self.assertEqual(len(self.proxy.sent), HEDGE_FLOOR + 5)


class AllOpen(GatewayCase):
    """When nothing works, callers learn it at once, and a trickle finds out."""

    def open_all(self) -> None:
        health = self.gateway.failover.health
        for route in health.routes:
            for _ in range(TRIP_IN_ROW):
                health.tried(route, Fault("tls_reset"), 1)

    def test_with_a_recent_success_all_routes_are_tried_all_the_same(self) -> None:
        for _ in range(TRIP_IN_ROW):
            self.gateway.failover.health.tried(self.direct, None, 1)
        self.open_all()
        for asked in (1, 2, 3):
            self.ask()
            self.assertEqual(len(self.direct.sent), asked)

    def test_without_one_only_a_trickle_is_let_through(self) -> None:
        self.clock.advance(60)
        self.open_all()
        statuses = []
        for _ in range(400):
            asking = self.ask(deadline=self.clock.seconds() + 8)
            if asking.called:
                statuses.append(self.successResultOf(asking).status)
        self.assertEqual(len(self.direct.sent), 1)
        self.assertEqual(statuses, [503] * 399)

    def test_one_success_closes_the_way_again(self) -> None:
        self.clock.advance(60)
        self.open_all()
        self.ask(deadline=self.clock.seconds() + 8)
        self.direct.succeeds()
        self.assertTrue(self.gateway.failover.health.breakers["direct"].closed)


class Probing(GatewayCase):
    """Open routes are probed in the background, and judged by the hedge time."""

    def setUp(self) -> None:
        super().setUp()
        self.health = self.gateway.failover.health
        for _ in range(TRIP_IN_ROW):
            self.health.tried(self.direct, Fault("tls_reset"), 1)
        self.health.start()
        self.addCleanup(self.health.stop)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)

    def test_the_first_probe_comes_when_the_pause_is_over(self) -> None:
        self.pass_time(FIRST_PAUSE - 0.2)
        self.assertEqual(self.direct.sent, [])
        self.pass_time(1.0)
        self.assertEqual(len(self.direct.sent), 1)

    def test_there_is_one_probe_at_a_time(self) -> None:
        self.pass_time(FIRST_PAUSE + 3)
        self.assertEqual(len(self.direct.sent), 1)

    def test_a_quick_answer_closes_it(self) -> None:
        self.pass_time(FIRST_PAUSE + 0.5)
        self.direct.succeeds()
        self.assertTrue(self.health.breakers["direct"].closed)

    def test_a_slow_answer_is_asked_again_and_judged_then(self) -> None:
        for second, closed in ((0.1, True), (0.4, False)):
            self.setUp()
            self.pass_time(FIRST_PAUSE + 0.5)
            self.pass_time(1.0)
            self.direct.succeeds()
            self.pass_time(second)
            self.direct.succeeds()
            self.assertEqual(self.health.breakers["direct"].closed, closed)
            self.health.stop()

    def test_a_failing_probe_doubles_the_pause(self) -> None:
        self.pass_time(FIRST_PAUSE + 0.5)
        self.direct.fails("tls_reset")
        self.pass_time(FIRST_PAUSE + 1)
        self.assertEqual(len(self.direct.sent), 1)
        self.pass_time(FIRST_PAUSE)
        self.assertEqual(len(self.direct.sent), 2)

    def test_a_silent_probe_ends(self) -> None:
        self.pass_time(FIRST_PAUSE + 0.5 + PROBE_SECONDS + 0.2)
        self.assertTrue(self.direct.sent[-1].cancelled)
        self.assertEqual(self.health.breakers["direct"].pause, 2 * FIRST_PAUSE)

    def test_stopping_ends_the_probe_and_leaves_no_timer(self) -> None:
        self.pass_time(FIRST_PAUSE + 0.5)
        self.health.stop()
        self.assertTrue(self.direct.sent[-1].cancelled)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_known_outlives_a_restart(self) -> None:
        known = self.health.known()
        other = failover_over([FakeRoute("direct"), self.proxy], self.clock).health
        other.learn(known)
        self.assertFalse(other.breakers["direct"].closed)
        self.assertTrue(other.breakers["proxy@there:1"].closed)

    def test_nonsense_is_not_learned(self) -> None:
        other = failover_over([self.direct], self.clock).health
        for told in ({}, {"pause": "x", "left": 1}, {"pause": 9e9, "left": 9e9}, None):
            other.learn({"direct": told, "unknown": {"pause": 5, "left": 1}})
        self.assertTrue(other.breakers["direct"].closed)
