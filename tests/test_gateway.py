"""The chain of ways: what goes on to the next one, what does not, and in what time."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Attempt, Exchange
from streamr.errors import CAUSES
from streamr.gateway import CLIENT_LEFT, Gateway
from streamr.ways import Ways
from tests.support import GOOD, QUERY, FakeRoute, Notes, call

RECOVERABLE = sorted(name for name, cause in CAUSES.items() if cause.next_route)
FINAL = sorted(name for name, cause in CAUSES.items() if not cause.next_route)


class GatewayCase(SynchronousTestCase):
    """A main gateway over a direct way and one proxy."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.notes = Notes()
        self.direct = FakeRoute("direct")
        self.proxy = FakeRoute("proxy@there:1", hop=True, next_hop="there:1")
        self.gateway = self.make([self.direct, self.proxy])

    def make(self, routes: list[FakeRoute], *, sticky: bool = False) -> Gateway:
        ways = Ways(routes, self.clock, lambda: 1000.0, sticky=sticky)
        return Gateway("main", ways, self.clock, self.notes)

    def ask(self, deadline: float = 8.0) -> Deferred[Exchange]:
        return self.gateway.answer(QUERY, call(deadline))

    def direct_fails(self, cause: str) -> None:
        """Every try that the direct way gets fails in the same way."""
        while not self.direct.sent[-1].result.called:
            self.direct.fails(cause)


class TheChain(GatewayCase):
    def test_a_direct_answer_never_asks_the_proxy(self) -> None:
        asking = self.ask()
        self.direct.succeeds()
        exchange = self.successResultOf(asking)
        self.assertEqual(exchange.answer, GOOD)
        self.assertEqual(exchange.source, "direct")
        self.assertEqual(self.proxy.sent, [])

    def test_every_recoverable_fault_goes_on_to_the_proxy(self) -> None:
        for cause in RECOVERABLE:
            self.setUp()
            asking = self.ask()
            self.direct_fails(cause)
            self.proxy.succeeds()
            exchange = self.successResultOf(asking)
            self.assertEqual(exchange.answer, GOOD, cause)
            self.assertEqual(exchange.source, "proxy@there:1", cause)
            self.assertEqual(exchange.attempts[0].cause, cause)

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
        self.assertEqual((exchange.status, exchange.answer), (404, answer))
        self.assertEqual(self.proxy.sent, [])

    def test_when_all_fail_the_last_fault_is_told_with_all_attempts(self) -> None:
        asking = self.ask()
        self.direct_fails("tls_protocol_error")
        tried = Attempt("proxy@there:1/classic", "x", 5, "tls_reset")
        self.proxy.fails("tls_reset", (tried,), final=True)
        exchange = self.successResultOf(asking)
        self.assertIsNone(exchange.answer)
        self.assertEqual(exchange.status, 502)
        self.assertEqual(
            [each.route for each in exchange.attempts],
            ["direct", "proxy@there:1/classic", "proxy@there:1"],
        )

    def test_several_proxies_are_tried_in_their_order(self) -> None:
        other = FakeRoute("proxy@other:2", hop=True)
        self.gateway = self.make([self.direct, self.proxy, other])
        asking = self.ask()
        self.direct_fails("tls_alert_received")
        self.proxy.fails("proxy_configuration_error")
        other.succeeds()
        self.assertEqual(self.successResultOf(asking).source, "proxy@other:2")

    def test_an_exception_of_our_own_is_logged_and_still_falls_back(self) -> None:
        asking = self.ask()
        self.direct.sent[-1].result.errback(KeyError("bug"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.proxy.succeeds()
        exchange = self.successResultOf(asking)
        self.assertEqual(exchange.answer, GOOD)
        self.assertEqual(exchange.attempts[0].cause, "proxy_internal_error")


class TheSecondTry(GatewayCase):
    def test_the_table_decides_who_gets_a_second_try_on_a_fresh_connection(
        self,
    ) -> None:
        for name, cause in CAUSES.items():
            self.setUp()
            self.ask()
            self.direct.fails(name)
            tries = [each.fresh for each in self.direct.sent]
            expected = [False, True] if cause.same_route and not cause.slow else [False]
            self.assertEqual(tries, expected, name)

    def test_there_is_never_a_third_try(self) -> None:
        asking = self.ask()
        self.direct.fails("tls_reset")
        self.direct.fails("tls_reset")
        self.assertEqual(len(self.direct.sent), 2)
        self.assertEqual(len(self.proxy.sent), 1)
        self.assertNoResult(asking)

    def test_a_slow_fault_is_repeated_only_when_no_other_way_is_left(self) -> None:
        self.gateway = self.make([self.direct])
        self.ask()
        self.direct.fails("http_response_timeout")
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
        self.assertEqual(exchange.attempts[-1].cause, "deadline_exceeded")

    def test_the_deadline_does_not_start_another_way(self) -> None:
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
    def test_a_sticky_gateway_starts_with_what_last_worked(self) -> None:
        self.gateway = self.make([self.direct, self.proxy], sticky=True)
        self.ask()
        self.direct_fails("tls_protocol_error")
        self.proxy.succeeds()
        self.ask()
        self.assertEqual(len(self.direct.sent), 1)
        self.assertEqual(len(self.proxy.sent), 2)

    def test_main_always_starts_with_the_direct_way(self) -> None:
        self.ask()
        self.direct_fails("tls_protocol_error")
        self.proxy.succeeds()
        self.ask()
        self.assertEqual(len(self.direct.sent), 2)

    def test_a_caller_who_leaves_says_nothing_about_the_route(self) -> None:
        self.ask().cancel()
        self.assertIsNone(self.gateway.ways.states["direct"].at)

    def test_each_route_remembers_what_it_last_did(self) -> None:
        self.ask()
        self.direct_fails("tls_protocol_error")
        self.proxy.succeeds()
        direct, proxy = (
            self.gateway.ways.states[r.name] for r in self.gateway.ways.routes
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

    def test_one_route_can_be_asked_alone(self) -> None:
        asking = self.gateway.ask(self.gateway.ways.routes[1], QUERY, call())
        self.proxy.succeeds()
        self.assertEqual(self.successResultOf(asking).source, "proxy@there:1")
        self.assertEqual(self.direct.sent, [])
