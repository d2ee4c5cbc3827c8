"""What attempts say of a route, when there is hope, and the probes: one at a time,
whatever becomes of them, and fairly judged."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer, Dimensions, Query
from streamr.errors import CAUSES, Blame, Fault, RouteKind
from streamr.policy.breaker import (
    FIRST_PAUSE,
    JITTER,
    LONGEST_PAUSE,
    TRIP_IN_ROW,
    TRUST,
    BreakerState,
)
from streamr.policy.retry import HEDGE_AFTER
from streamr.routing.health import (
    IDLE_SECONDS,
    LOOK_EVERY,
    MOST_BEFORE,
    MOST_PROBES,
    Health,
    NoMemory,
)
from streamr.routing.probe import LOOK_SECONDS, PROBE_SECONDS
from streamr.upstream.line import HostLine
from streamr.upstream.origin import Credentials, TMDBRoute
from streamr.upstream.ratelimit import Pacer
from tests.properties import examples
from tests.support import FakeRoute, failover_over, late


def break_down(health: Health, route: Any) -> None:
    for _ in range(TRIP_IN_ROW):
        health.tried(route, Fault("tls_reset"), 1)


class HealthCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.route = FakeRoute("direct")
        self.health = failover_over([self.route], self.clock).health
        self.addCleanup(lambda: self.health.stop())
        self.health.start()
        break_down(self.health, self.route)

    def until_probed(self, probes: int = 1) -> None:
        for _ in range(1000):
            if len(self.route.sent) >= probes:
                return
            self.clock.advance(0.1)
        self.fail(f"no probe number {probes}")

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)

    @property
    def under_way(self) -> int:
        return sum(not each.result.called for each in self.route.sent)

    @property
    def state(self) -> BreakerState:
        return self.health.breakers["direct"].state


class Ends(HealthCase):
    def test_a_probe_that_breaks_is_a_bad_one_and_another_follows(self) -> None:
        self.until_probed()
        self.route.sent[-1].result.errback(KeyError("bug"))
        self.flushLoggedErrors(KeyError)
        self.assertIs(self.state, BreakerState.OPEN)
        self.until_probed(2)
        self.route.succeeds()
        self.assertIs(self.state, BreakerState.CLOSED)

    def test_a_probe_that_ends_warns_of_nothing(self) -> None:
        self.until_probed()
        self.route.succeeds()
        self.assertEqual([each["message"] for each in self.flushWarnings()], [])

    def test_a_way_that_heals_while_it_is_probed_gets_no_second_probe(self) -> None:
        """A straggler closes the breaker, and it opens again, before the probe ends."""
        self.until_probed()
        self.health.tried(self.route, None, 1)
        break_down(self.health, self.route)
        self.pass_time(PROBE_SECONDS - 0.5)
        self.route.sent[0].result.callback(None)  # slow: it is asked once more
        self.pass_time(FIRST_PAUSE)
        self.assertLessEqual(self.under_way, 1)

    def test_stopping_ends_each_probe_however_many_began(self) -> None:
        self.until_probed()
        self.health.tried(self.route, None, 1)
        break_down(self.health, self.route)
        self.pass_time(PROBE_SECONDS - 0.5)
        self.route.sent[0].result.callback(None)
        self.pass_time(2.0)
        self.health.stop()
        self.assertEqual(self.under_way, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_after_stopping_nothing_is_probed(self) -> None:
        self.health.stop()
        self.clock.advance(1000)
        self.assertEqual(self.route.sent, [])


class Fairness(HealthCase):
    """A probe that says nothing about the route changes nothing."""

    def test_a_limit_of_tmdbs_does_not_double_the_pause(self) -> None:
        for cause in ("http_rate_limited", "connection_limit_reached"):
            self.setUp()
            self.until_probed()
            self.route.fails(cause)
            self.assertIsNot(self.state, BreakerState.HALF_OPEN)
            self.assertLessEqual(self.health.breakers["direct"].pause, FIRST_PAUSE)
            self.health.stop()

    def test_an_answer_of_tmdbs_is_good_even_when_it_is_an_error(self) -> None:
        # a CDN's 403 in HTML is a Fault, and TMDB's network has answered
        self.until_probed()
        self.route.fails("http_request_denied")
        self.assertLessEqual(self.health.breakers["direct"].pause, FIRST_PAUSE)

    def test_waiting_for_the_pacer_is_not_held_against_the_route(self) -> None:
        """The host is busy with other routes' requests; the route itself is quick."""
        clock = Clock()
        pacer = Pacer(clock, 32.0, 1)
        asked: list[Deferred[Answer]] = []

        class Client:
            line = HostLine(clock, 1)

            def get(self, *_args: Any, **_more: Any) -> Deferred[Answer]:
                asked.append(Deferred())
                return asked[-1]

        route = TMDBRoute(
            "direct",
            RouteKind.DIRECT,
            "https://api.test.invalid/3",
            Client(),  # type: ignore[arg-type]
            Credentials(None, "key"),
            Dimensions("api.test.invalid", "modern", "auto", "here"),
            None,
            pacer,
        )
        health = Health([route], clock, lambda: 1000.0, chance=lambda: 0.5)
        break_down(health, route)
        health.start()
        self.addCleanup(health.stop)
        for _ in range(200):
            # another route's request takes half a second, and the next one follows
            busy: Deferred[None] = Deferred()
            pacer.run(lambda busy=busy: busy, lambda: None, until=1e6)
            for _ in range(5):
                clock.advance(0.1)
                for each in asked:
                    if not each.called:
                        body = b'{"images":{}}'
                        each.callback(Answer(200, body))
            busy.callback(None)
            if health.is_closed(route):
                break
        self.assertTrue(asked)
        self.assertTrue(health.is_closed(route))


class InDoubt(HealthCase):
    """The probe of something else says whether it was the route or the resource."""

    def setUp(self) -> None:
        super().setUp()
        self.health.tried(self.route, None, 1)
        for _ in range(TRIP_IN_ROW):
            self.fail_once()

    def fail_once(self, resource: str = "/movie/13") -> None:
        self.health.tried(self.route, Fault("upstream_error"), 1, resource)

    def test_it_is_probed_at_once_and_stays_closed_meanwhile(self) -> None:
        [probe] = self.route.sent
        self.assertTrue(probe.call.probe)
        self.assertIs(self.state, BreakerState.CLOSED)
        self.pass_time(PROBE_SECONDS - 1)
        self.assertEqual(len(self.route.sent), 1)

    def test_a_good_probe_acquits_it_for_a_while(self) -> None:
        self.route.succeeds()
        self.assertTrue(self.health.is_sure(self.route))
        for number in range(100):
            self.fail_once(f"/movie/{number}")
        self.assertTrue(self.health.is_sure(self.route))
        self.clock.advance(TRUST)
        self.assertEqual(len(self.route.sent), 1)

    def test_a_probe_that_is_good_and_slow_acquits_it_as_well(self) -> None:
        for _ in range(2):
            self.clock.advance(HEDGE_AFTER + 0.1)
            self.route.succeeds()
        self.assertTrue(self.health.is_sure(self.route))

    def test_a_refused_key_is_no_fault_of_the_route(self) -> None:
        self.route.fails("key_refused")
        self.assertTrue(self.health.is_sure(self.route))

    def test_a_probe_that_fails_as_well_opens_it(self) -> None:
        for cause in ("upstream_error", "tls_reset", "http_response_invalid"):
            self.setUp()
            self.route.fails(cause)
            self.assertIs(self.state, BreakerState.OPEN, cause)
            self.assertEqual(self.health.breakers["direct"].pause, FIRST_PAUSE)
            self.health.stop()

    def test_a_limit_leaves_the_doubt_and_asks_again_later(self) -> None:
        self.route.fails("http_rate_limited")
        self.assertFalse(self.health.is_sure(self.route))
        self.pass_time(FIRST_PAUSE - 0.5)
        self.assertEqual(len(self.route.sent), 1)
        self.pass_time(1.5)
        self.assertEqual(len(self.route.sent), 2)


class News(HealthCase):
    def test_what_is_open_is_probed_at_once_when_something_was_repaired(self) -> None:
        for _ in range(3):
            self.until_probed(len(self.route.sent) + 1)
            self.route.fails("tls_reset")
        asked = len(self.route.sent)
        self.pass_time(5.0)
        self.assertEqual(len(self.route.sent), asked)
        looking = self.health.look_again()
        self.assertEqual(len(self.route.sent), asked + 1)
        self.assertNoResult(looking)
        self.route.succeeds()
        self.successResultOf(looking)
        self.assertIs(self.state, BreakerState.CLOSED)

    def test_a_route_that_is_closed_is_looked_at_as_well(self) -> None:
        self.health.tried(self.route, None, 1)
        self.health.look_again()
        self.route.fails("tls_reset")
        self.assertEqual(self.health.states["direct"].cause, "tls_reset")
        self.assertIs(self.state, BreakerState.CLOSED)

    def test_it_is_over_within_a_second_and_known_to_be_silent(self) -> None:
        looking = self.health.look_again()
        self.clock.advance(LOOK_SECONDS)
        self.successResultOf(looking)
        cause = self.health.states["direct"].cause
        self.assertEqual(cause, "http_response_timeout")
        self.assertLess(LOOK_SECONDS, 1.0)

    def test_a_probe_that_hangs_is_given_up_for_it(self) -> None:
        self.until_probed()
        self.health.look_again()
        self.assertTrue(self.route.sent[0].cancelled)
        self.route.succeeds()
        self.assertIs(self.state, BreakerState.CLOSED)
        self.assertEqual(self.under_way, 0)


class LastDeed(HealthCase):
    """What the health pages tell of a route is what it did last, in a probe, too."""

    def setUp(self) -> None:
        super().setUp()
        self.told = self.health.states["direct"]
        self.told.at = 1.0

    def test_a_good_probe_ends_the_last_fault(self) -> None:
        self.until_probed()
        self.clock.advance(0.08)
        self.route.succeeds()
        self.assertIsNone(self.told.cause)
        self.assertEqual((self.told.at, self.told.ms), (1000.0, 80))

    def test_a_bad_probe_tells_what_is_wrong_now(self) -> None:
        self.until_probed()
        self.route.fails("connection_refused")
        self.assertEqual((self.told.cause, self.told.at), ("connection_refused", 1000))

    def test_an_answer_too_slow_to_send_callers_that_way_is_no_recovery(self) -> None:
        for probe in (1, 2):
            self.until_probed(probe)
            self.clock.advance(HEDGE_AFTER + 0.1)
            self.route.succeeds()
        self.assertIs(self.state, BreakerState.OPEN)
        self.assertEqual((self.told.cause, self.told.at), ("tls_reset", 1.0))

    def test_on_a_slower_line_what_is_usual_there_is_a_recovery(self) -> None:
        self.route.patience = 2.0
        self.until_probed()
        self.clock.advance(1.9)
        self.route.succeeds()
        self.assertIs(self.state, BreakerState.CLOSED)
        self.assertEqual(len(self.route.sent), 1)

    def test_probes_are_not_counted_among_the_callers_attempts(self) -> None:
        before = self.told.served, self.told.failed
        self.until_probed()
        self.route.fails("connection_refused")
        self.until_probed(2)
        self.route.succeeds()
        self.assertEqual((self.told.served, self.told.failed), before)


class Peers(SynchronousTestCase):
    """At the start: whether a peer elsewhere takes this streamr's requests at all."""

    def setUp(self) -> None:
        self.direct = FakeRoute("direct")
        here = Dimensions("near.test.invalid", "modern", "auto", "direct")
        self.near = FakeRoute("proxy@near", RouteKind.PEER, dimensions=here)
        far = Dimensions("far.test.invalid", "modern", "auto", "far")
        self.far = FakeRoute("proxy@far", RouteKind.PEER, dimensions=far)
        origin = replace(far, egress="tunnel")
        self.origin = FakeRoute("origin", RouteKind.ORIGIN, dimensions=origin)
        routes = [self.direct, self.near, self.far, self.origin]
        self.health = Health(routes, late(), lambda: 1000.0)
        self.events: list[Any] = []
        self.health.start()
        self.health.probe_first()

    def warned(self) -> list[str]:
        return [each.partition("] ")[2] for each in self.events]

    def listen(self) -> None:
        def hear(event: Any) -> None:
            if event.get("code") == "proxy-refuses":
                self.events.append(eventAsText(event, includeTimestamp=False))

        globalLogPublisher.addObserver(hear)
        self.addCleanup(globalLogPublisher.removeObserver, hear)

    def test_one_elsewhere_is_asked_once_and_no_other_fallback(self) -> None:
        asked = [len(each.sent) for each in self.health.routes]  # type: ignore[attr-defined]
        self.assertEqual(asked, [1, 0, 1, 0])

    def test_one_that_refuses_is_named_once_with_the_reason(self) -> None:
        self.listen()
        why = Fault("proxy_configuration_error", "it is not a streamr proxy")
        self.far.sent[0].result.errback(why)
        self.health.tried(self.far, why, 3)
        told = "The proxy proxy@far cannot be used: it is not a streamr proxy"
        self.assertEqual(self.warned(), [told])
        self.assertEqual(self.health.states["proxy@far"].cause, why.cause.name)

    def test_one_that_refuses_again_later_is_named_again(self) -> None:
        self.listen()
        why = Fault("proxy_configuration_error")
        for fault in (why, None, why):
            self.health.tried(self.far, fault, 3)
        self.assertEqual(len(self.events), 2)

    def test_one_that_is_not_there_yet_has_done_nothing(self) -> None:
        self.listen()
        self.far.fails("connection_refused")
        self.assertEqual(self.events, [])
        self.assertIsNone(self.health.states["proxy@far"].at)
        self.assertIs(self.health.breakers["proxy@far"].closed, True)

    def test_one_that_answers_is_no_news(self) -> None:
        self.listen()
        self.far.succeeds()
        self.assertEqual(self.events, [])

    def test_stopping_gives_the_question_up(self) -> None:
        self.health.stop()
        self.assertIs(self.far.sent[0].cancelled, True)


class Many(SynchronousTestCase):
    """As many routes as there can be, and all of them silent."""

    def test_each_is_probed_in_turn_and_few_at_once(self) -> None:
        clock = late()
        routes = [FakeRoute(str(each)) for each in range(MOST_BEFORE)]
        health = Health(routes, clock, lambda: 1000.0, chance=lambda: 0.5)
        self.addCleanup(health.stop)
        for route in routes:
            for _ in range(TRIP_IN_ROW):
                health.tried(route, Fault("tls_timeout"), 1)
        health.start()
        for _ in range(4000):
            clock.advance(0.1)
            under_way = [
                each
                for route in routes[1:]  # the first one waits for no place
                for each in route.sent
                if not each.result.called
            ]
            self.assertLessEqual(len(under_way), MOST_PROBES)
        counts = {len(route.sent) for route in routes[1:]}
        self.assertLessEqual(max(counts) - min(counts), 2)


class Later(SynchronousTestCase):
    """Routes that are made when they are needed."""

    def setUp(self) -> None:
        self.clock = late()
        self.first = FakeRoute("first")
        self.health = Health([self.first], self.clock, lambda: 1.0, chance=lambda: 0.5)

    def test_one_that_was_open_before_a_restart_is_open_when_it_is_made(self) -> None:
        told = {"pause": 5.0, "left": 4.0}
        self.health.learn({"later": told, "other": told})
        later, new = FakeRoute("later"), FakeRoute("new")
        self.health.adopt(later)
        self.health.adopt(new)
        self.assertFalse(self.health.is_closed(later))
        self.assertTrue(self.health.is_closed(new))
        self.assertEqual(self.health.routes, [self.first, later, new])
        self.assertEqual(list(self.health.known()), ["later"])

    def test_no_more_is_kept_for_later_than_there_can_be(self) -> None:
        told = {"pause": 5.0, "left": 4.0}
        self.health.learn({str(each): told for each in range(MOST_BEFORE + 1)})
        for number, closed in ((MOST_BEFORE - 1, False), (MOST_BEFORE, True)):
            route = FakeRoute(str(number))
            self.health.adopt(route)
            self.assertIs(self.health.is_closed(route), closed, number)

    def test_each_attempt_is_remembered_that_says_something_of_the_route(self) -> None:
        notes: list[tuple[str, float | None]] = []

        class Memory(NoMemory):
            def noted(self, route: str, ms: float | None) -> None:
                notes.append((route, ms))

        health = Health([self.first], self.clock, lambda: 1.0, memory=Memory())
        health.tried(self.first, None, 40)
        health.tried(self.first, Fault("tls_reset"), 5)
        health.tried(self.first, Fault("http_rate_limited"), 5)
        health.tried(self.first, Fault("tls_timeout", own_load=True), 5)
        self.assertEqual(notes, [("first", 40), ("first", None)])

    def test_a_trickle_is_one_route_a_second_in_turn(self) -> None:
        later = FakeRoute("later")
        self.health.adopt(later)
        found = []
        for _ in range(4):
            found += self.health.trickle()
            self.assertEqual(self.health.trickle(), ())
            self.clock.advance(1.0)
        self.assertEqual(found, [self.first, later] * 2)


def nothing_heals(health: Health) -> None:
    """Every route is open, and none has been good of late."""
    for route in health.routes:
        break_down(health, route)


# What ends an attempt without a word about the route: limits, refusals, our own errors.
SAYS_NOTHING = {
    "key_refused",
    "key_suspended",
    "http_request_denied",
    "http_rate_limited",
    "proxy_internal_error",
    "proxy_loop_detected",
    "destination_unavailable",
    "connection_limit_reached",
    "deadline_exceeded",
    "sockets_exhausted",
}
# What a last attempt ended with when the host was silent.
SILENCE = {
    "dns_timeout",
    "connection_timeout",
    "tls_timeout",
    "http_response_timeout",
    "overtaken",
    "deadline_exceeded",
}


class Several(SynchronousTestCase):
    """Three routes, to a host each; the clock has run for a while."""

    def setUp(self) -> None:
        self.clock = late()
        self.a, self.b, self.c = self.all = [
            FakeRoute(name, dimensions=Dimensions(f"{name}.test.invalid", "", "", ""))
            for name in ("a", "b", "c")
        ]
        self.wall, self.told, self.chance = 1000.0, 0, 0.5
        self.health = self.made(self.all)

    def made(self, routes: list[FakeRoute]) -> Health:
        health = Health(
            routes, self.clock, lambda: self.wall, chance=lambda: self.chance
        )
        health.subscribe(self.tell)
        return health

    def tell(self) -> None:
        self.told += 1

    def tried(self, route: FakeRoute, cause: str | None, times: int = 1) -> None:
        for _ in range(times):
            fault = None if cause is None else Fault(cause)
            self.health.tried(route, fault, 1)

    def planned(self, *silent: str) -> str:
        return "".join(each.name for each in self.health.plan(silent))

    def left(self, name: str) -> float:
        """Seconds of the pause that are left."""
        return float(self.health.known()[name]["left"])


class Crowd(SynchronousTestCase):
    def test_each_has_its_turn_and_the_first_one_its_rhythm(self) -> None:
        clock = late()
        routes = [FakeRoute(f"route{number}") for number in range(64)]
        health = Health(routes, clock, lambda: 0.0, chance=lambda: 0.5)
        self.addCleanup(health.stop)
        health.start()
        for route in routes:
            break_down(health, route)
        direct = []
        for _ in range(1200):  # ten minutes
            health.asked()
            before = len(routes[0].sent)
            clock.advance(LOOK_EVERY)
            direct += [clock.seconds()] * (len(routes[0].sent) - before)
        self.assertEqual([each.name for each in routes if len(each.sent) < 3], [])
        gaps = [late - early for early, late in pairwise(direct)]
        self.assertLess(max(gaps), LONGEST_PAUSE + PROBE_SECONDS + 2 * LOOK_EVERY)


class Key(Several):
    """TMDB does not take our key."""

    def setUp(self) -> None:
        super().setUp()
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def warnings(self) -> list[str]:
        return [
            eventAsText(each, includeTimestamp=False, includeSystem=False)
            for each in self.events
            if each.get("code") == "key-refused"
        ]

    def test_it_is_told_once_with_the_cure(self) -> None:
        for route in (self.a, self.b, self.a):
            self.tried(route, "key_refused", 3)
        [line] = self.warnings()
        for word in ("does not accept the key", "TMDB_ACCESS_TOKEN", "TMDB_API_KEY"):
            self.assertIn(word, line)

    def test_it_is_told_again_when_it_has_been_good_meanwhile(self) -> None:
        for cause in ("key_refused", None, "key_suspended"):
            self.tried(self.a, cause)
        self.assertEqual(len(self.warnings()), 2)
        self.assertIn("suspended", self.warnings()[1])

    def test_the_last_attempts_say_whether_there_is_trouble(self) -> None:
        self.assertIsNone(self.health.key_trouble)
        self.tried(self.b, "key_suspended")
        self.assertEqual(self.health.key_trouble, "key_suspended")
        self.tried(self.a, "tls_reset")
        self.assertEqual(self.health.key_trouble, "key_suspended")
        self.tried(self.b, None)
        self.assertIsNone(self.health.key_trouble)

    def test_the_first_route_can_be_tried_before_anybody_asks(self) -> None:
        self.health.probe_first()
        self.assertEqual([len(each.sent) for each in self.all], [1, 0, 0])
        self.a.fails("key_refused")
        self.assertEqual(len(self.warnings()), 1)
        self.assertTrue(self.health.is_sure(self.a))

    def test_a_first_try_that_fails_opens_nothing(self) -> None:
        self.health.probe_first()
        self.a.fails("tls_reset")
        self.assertTrue(self.health.is_sure(self.a))
        self.assertEqual(self.health.states["a"].cause, "tls_reset")


class Told(Several):
    """What an attempt says of its route."""

    def test_a_fault_opens_the_way_unless_it_says_nothing_of_it(self) -> None:
        for cause in CAUSES:
            self.setUp()
            self.tried(self.a, cause, TRIP_IN_ROW - 1)
            self.assertTrue(self.health.is_sure(self.a), cause)
            self.tried(self.a, cause)
            sure, closed = self.health.is_sure(self.a), self.health.is_closed(self.a)
            self.assertEqual(sure, cause in SAYS_NOTHING, cause)
            # an answer never opens it: the probe says more
            asks = CAUSES[cause].blame is not Blame.ROUTE
            self.assertEqual(closed, asks or cause in SAYS_NOTHING, cause)
            self.assertTrue(self.health.is_sure(self.b), cause)

    def test_one_resource_that_fails_closes_no_way_for_the_others(self) -> None:
        for cause in ("upstream_error", "http_response_invalid", "overtaken"):
            self.setUp()
            for _ in range(100):
                for route in self.all:
                    self.health.tried(route, Fault(cause), 1, "/movie/13")
            self.assertTrue(self.health.sound, cause)
            self.assertEqual(self.planned(), "abc", cause)

    def test_one_in_doubt_is_tried_after_those_that_are_not(self) -> None:
        self.tried(self.a, "upstream_error", TRIP_IN_ROW)
        self.tried(self.b, "tls_reset", TRIP_IN_ROW)
        self.assertEqual(self.planned(), "ca")
        self.assertTrue(self.health.worth(self.a))

    def test_silence_of_several_resources_opens_a_way(self) -> None:
        for number in range(TRIP_IN_ROW):
            self.health.tried(self.a, Fault("overtaken"), 1, f"/movie/{number}")
        self.assertFalse(self.health.is_closed(self.a))

    def test_what_says_nothing_ends_no_row_of_failures(self) -> None:
        for cause in SAYS_NOTHING:
            self.setUp()
            self.tried(self.a, "tls_reset", TRIP_IN_ROW - 1)
            self.tried(self.a, cause)
            self.assertTrue(self.health.is_closed(self.a), cause)
            self.tried(self.a, "tls_reset")
            self.assertFalse(self.health.is_closed(self.a), cause)

    def test_a_good_attempt_ends_the_row(self) -> None:
        self.tried(self.a, "tls_reset", TRIP_IN_ROW - 1)
        self.tried(self.a, None)
        self.tried(self.a, "tls_reset", TRIP_IN_ROW - 1)
        self.assertTrue(self.health.is_closed(self.a))

    def test_a_way_that_did_nothing_yet_has_nothing_to_tell(self) -> None:
        state = self.health.states["a"]
        told = (state.at, state.cause, state.ms, state.served, state.failed)
        self.assertEqual(told, (None, None, 0, 0, 0))

    def test_each_attempt_is_counted_and_the_last_one_remembered(self) -> None:
        for cause, at, ms in (
            (None, 1001.0, 40),
            ("tls_reset", 1002.0, 50),
            ("http_request_denied", 1003.0, 60),
            ("overtaken", 1004.0, 70),
            (None, 1005.0, 80),
        ):
            self.wall = at
            self.health.tried(self.a, Fault(cause) if cause else None, ms)
            state = self.health.states["a"]
            self.assertEqual((state.cause, state.at, state.ms), (cause, at, ms))
        self.assertEqual((state.served, state.failed), (2, 3))
        other = self.health.states["b"]
        self.assertEqual((other.served, other.failed), (0, 0))

    def test_who_wants_to_know_is_told_when_a_breaker_opens_and_closes(self) -> None:
        self.tried(self.a, "tls_reset", TRIP_IN_ROW - 1)
        self.assertEqual(self.told, 0)
        self.tried(self.a, "tls_reset")
        self.assertEqual(self.told, 1)
        self.tried(self.a, "tls_reset", 3)
        self.assertEqual(self.told, 1)
        self.tried(self.a, None)
        self.assertEqual(self.told, 2)
        self.tried(self.a, None, 3)
        self.assertEqual(self.told, 2)

    def test_a_breaker_that_opens_and_closes_is_a_line_in_the_log(self) -> None:
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.tried(self.a, "tls_reset", TRIP_IN_ROW + 1)
        self.tried(self.a, None, 2)
        lines = [
            (each["route"], each["before"], each["after"], each["log_level"].name)
            for each in events
        ]
        self.assertEqual(
            lines, [("a", "closed", "open", "warn"), ("a", "open", "closed", "warn")]
        )

    def test_it_is_sound_while_one_way_is_closed(self) -> None:
        for broken in self.all:
            self.assertIs(self.health.sound, True)
            break_down(self.health, broken)
        self.assertIs(self.health.sound, False)
        self.tried(self.c, None)
        self.assertIs(self.health.sound, True)

    def test_hosts_are_silent_to_which_an_open_way_ended_in_silence(self) -> None:
        for cause in CAUSES:
            self.setUp()
            self.tried(self.b, "tls_reset", TRIP_IN_ROW)
            self.tried(self.b, cause)
            expected = {"b.test.invalid"} if cause in SILENCE else set()
            self.assertEqual(self.health.silent_hosts(), expected, cause)

    def test_a_host_is_not_silent_while_the_way_to_it_is_closed(self) -> None:
        self.tried(self.b, "tls_timeout", TRIP_IN_ROW - 1)
        self.assertEqual(self.health.silent_hosts(), frozenset())

    def test_a_way_that_opened_before_it_did_anything_is_not_silent(self) -> None:
        self.health.learn({"b": {"pause": 5.0, "left": 5.0}})
        self.assertEqual(self.health.silent_hosts(), frozenset())

    def test_silence_outlives_a_restart_until_the_first_attempt(self) -> None:
        self.tried(self.b, "tls_reset", TRIP_IN_ROW - 1)
        self.tried(self.b, "tls_timeout")
        known = self.health.known()
        self.assertIs(known["b"]["silent"], True)
        self.setUp()
        self.health.learn(known)
        self.assertEqual(self.health.silent_hosts(), {"b.test.invalid"})
        self.tried(self.b, "tls_reset")
        self.assertEqual(self.health.silent_hosts(), frozenset())


class Details(HealthCase):
    def test_what_is_known_of_a_fault_is_kept_until_the_route_works(self) -> None:
        fault = Fault("tls_certificate_error", "another key")
        self.health.tried(self.route, fault, 1)
        self.assertEqual(self.health.states["direct"].detail, "another key")
        self.health.tried(self.route, None, 1)
        self.assertEqual(self.health.states["direct"].detail, "")


class Standings(HealthCase):
    """Why a route stands where it does."""

    def why(self) -> str:
        return self.health.standings()["direct"].why

    def test_an_open_one_tells_when_it_is_probed_next(self) -> None:
        self.assertRegex(self.why(), r"^open \(.*reset.*\); next probe in [456] s$")
        self.until_probed()
        self.assertTrue(self.why().endswith("a probe is under way"))
        self.route.succeeds()
        self.assertEqual(self.why(), "the direct route: first while it works")

    def test_without_callers_it_is_probed_when_somebody_asks(self) -> None:
        self.pass_time(IDLE_SECONDS + 1)
        self.assertTrue(self.why().endswith("probed again when somebody asks"))


class Idle(Several):
    """Nobody is probed for when nobody has asked for half an hour."""

    def test_probes_end_and_begin_again_with_the_next_caller(self) -> None:
        break_down(self.health, self.a)
        self.health.start()
        self.addCleanup(self.health.stop)
        self.clock.advance(IDLE_SECONDS)
        self.assertEqual(len(self.a.sent), 1)
        self.a.fails("tls_reset")
        self.clock.pump([0.5] * 200)
        self.assertEqual(len(self.a.sent), 1)
        self.health.asked()
        self.clock.advance(0.5)
        self.assertEqual(len(self.a.sent), 2)


class Hope(Several):
    """All routes are tried, open ones too, while a fifth of the last attempts was good:
    of at most 40, of the last ten seconds."""

    def lately(self, *attempts: tuple[str | None, int]) -> None:
        """Attempts of the three routes, in this order; all are open in the end."""
        for cause, times in attempts:
            self.tried(self.c, cause, times)

    def assert_hope(self, hope: bool, told: object = None) -> None:
        """Asked twice, because a trickle would let one through."""
        for _ in range(2):
            self.assertEqual(self.health.worth(self.c), hope, told)
        self.planned()
        self.assertEqual(self.planned(), "abc" if hope else "", told)

    def open_two(self) -> None:
        """10 bad attempts."""
        break_down(self.health, self.a)
        break_down(self.health, self.b)

    def test_a_fifth_of_them_is_enough(self) -> None:
        for good, bad, hope in (
            (1, 5, False),
            (3, 5, False),
            (4, 5, True),
            (4, 6, True),
            (4, 7, False),
            (5, 10, True),
            (5, 11, False),
        ):
            self.setUp()
            self.open_two()
            self.lately((None, good), ("tls_reset", bad))
            self.assert_hope(hope, (good, bad))

    def test_one_good_attempt_of_five_is_a_fifth(self) -> None:
        self.health.learn({"a": {"pause": 37.5, "left": 37.5}})
        self.tried(self.b, None)
        self.tried(self.b, "tls_reset", 4)
        self.assertEqual(self.planned(), "bca")
        self.tried(self.c, "tls_reset")
        self.assertEqual(self.planned(), "bc")

    def test_none_is_never_enough(self) -> None:
        nothing_heals(self.health)
        self.assert_hope(False)
        self.clock.advance(60.0)
        self.assert_hope(False)

    def test_what_says_nothing_of_a_way_is_not_among_them(self) -> None:
        for cause in SAYS_NOTHING:
            self.setUp()
            self.open_two()
            self.lately((None, 4), (cause, 20), ("tls_reset", 6), (cause, 20))
            self.assert_hope(True, cause)

    def test_it_is_of_the_last_ten_seconds(self) -> None:
        for seconds, hope in ((9.99, True), (10.0, False)):
            self.setUp()
            self.lately((None, 20), ("tls_reset", 5))
            self.open_two()
            self.clock.advance(seconds)
            self.assert_hope(hope, seconds)

    def test_failures_are_forgotten_after_ten_seconds_as_well(self) -> None:
        for seconds, hope in ((4.99, False), (5.0, True)):
            self.setUp()
            self.open_two()
            self.tried(self.a, "tls_reset", 10)
            self.clock.advance(5.0)
            self.lately((None, 2), ("tls_reset", 5))
            self.clock.advance(seconds)
            self.assert_hope(hope, seconds)

    def test_it_is_of_the_last_forty(self) -> None:
        for good, hope in ((8, True), (7, False)):
            self.setUp()
            self.open_two()
            self.lately((None, good), ("tls_reset", 40 - good))
            self.assert_hope(hope, good)
        # the first of 41 is forgotten, good or bad
        self.setUp()
        self.open_two()
        self.lately((None, 8), ("tls_reset", 33))
        self.assert_hope(False)

    def test_open_routes_stand_behind_the_closed_ones_while_there_is_hope(self) -> None:
        self.tried(self.b, None, 5)
        break_down(self.health, self.a)
        self.assertEqual(self.planned(), "bca")
        self.clock.advance(10.0)
        self.assertEqual(self.planned(), "bc")

    def test_a_closed_way_is_worth_it_without_hope_and_an_open_one_is_not(self) -> None:
        break_down(self.health, self.a)
        self.assertIs(self.health.worth(self.a), False)
        self.assertIs(self.health.worth(self.b), True)

    def test_routes_to_silent_hosts_stand_behind_the_others(self) -> None:
        self.assertEqual(self.planned("a.test.invalid"), "bca")
        self.assertEqual(self.planned(), "abc")


class Trickle(Several):
    """Without hope one caller a second finds out, by one route after the other."""

    def test_one_a_second_each_by_the_next_route(self) -> None:
        nothing_heals(self.health)
        for expected in "abcab":
            self.assertEqual(self.planned(), expected)
            for _ in range(10):
                self.assertEqual(self.planned(), "")
            self.clock.advance(0.875)
            self.assertEqual(self.planned(), "")
            self.clock.advance(0.125)

    def test_a_long_quiet_saves_up_nothing(self) -> None:
        nothing_heals(self.health)
        self.planned()
        self.clock.advance(600.0)
        self.assertEqual([self.planned() for _ in range(3)], ["b", "", ""])

    def test_a_first_storm_that_comes_late_is_a_trickle_too(self) -> None:
        self.clock.advance(600.0)
        nothing_heals(self.health)
        self.assertEqual([self.planned() for _ in range(3)], ["a", "", ""])

    def test_plans_that_have_a_way_use_up_nothing(self) -> None:
        self.assertEqual([self.planned() for _ in range(9)], ["abc"] * 9)
        nothing_heals(self.health)
        self.assertEqual(self.planned(), "a")


class Restarted(Several):
    """What outlives a restart: pauses, because the next process has another clock."""

    def test_what_is_known_are_the_open_routes_and_what_is_left_of_their_pause(
        self,
    ) -> None:
        self.assertEqual(self.health.known(), {})
        break_down(self.health, self.a)
        self.assertEqual(self.health.known(), {"a": {"pause": 5.0, "left": 5.0}})
        self.clock.advance(2.0)
        self.assertEqual(self.health.known(), {"a": {"pause": 5.0, "left": 3.0}})
        self.clock.advance(60.0)
        self.assertEqual(self.health.known(), {"a": {"pause": 5.0, "left": 0.0}})
        self.tried(self.a, None)
        self.assertEqual(self.health.known(), {})

    def test_a_way_that_is_being_probed_is_known_as_open(self) -> None:
        break_down(self.health, self.a)
        self.health.start()
        self.addCleanup(self.health.stop)
        self.clock.pump([0.5] * 11)
        self.assertEqual(len(self.a.sent), 1)
        self.assertEqual(self.health.known(), {"a": {"pause": 5.0, "left": 0.0}})

    def test_pauses_vary_so_that_daemons_do_not_probe_in_step(self) -> None:
        for chance, left in ((0.0, 4.0), (0.5, 5.0), (0.75, 5.5)):
            self.setUp()
            self.chance = chance
            break_down(self.health, self.a)
            self.assertAlmostEqual(self.left("a"), left, msg=str(chance))

    def test_what_makes_sense_is_learned_as_it_was(self) -> None:
        for told in (
            {"pause": 5.0, "left": 5.0},
            {"pause": 5, "left": 3},
            {"pause": 0.5, "left": 0.0},
            {"pause": 0.5, "left": 0.5},
            {"pause": 5.0, "left": 10.0},
            {"pause": 37.5, "left": 1.0},
            {"pause": 37.5, "left": 75.0},
        ):
            self.setUp()
            self.health.learn({"b": told})
            self.assertEqual(self.health.known(), {"b": told})
            self.assertEqual(self.health.breakers["b"].state, BreakerState.OPEN)
            self.assertTrue(self.health.is_closed(self.a))

    def test_what_makes_none_is_left_out_and_what_follows_is_learned(self) -> None:
        for nonsense in (
            {},
            {"pause": 5.0},
            {"left": 5.0},
            None,
            [],
            {"pause": "x", "left": 1.0},
            {"pause": 5.0, "left": None},
            {"pause": 10**400, "left": 1.0},
            {"pause": 5.0, "left": 10**400},
            {"pause": 0.0, "left": 0.0},
            {"pause": -1.0, "left": 0.0},
            {"pause": 37.501, "left": 1.0},
            {"pause": 5.0, "left": -0.001},
            {"pause": 5.0, "left": 10.001},
            {"pause": float("nan"), "left": 1.0},
            {"pause": 5.0, "left": float("nan")},
        ):
            self.setUp()
            good = {"pause": 5.0, "left": 2.0}
            self.health.learn({"a": nonsense, "gone": good, "b": good})
            self.assertEqual(self.health.known(), {"b": good}, nonsense)

    def test_a_way_that_was_open_is_probed_when_its_pause_is_over(self) -> None:
        self.health.learn({"a": {"pause": 20.0, "left": 3.0}})
        self.health.start()
        self.addCleanup(self.health.stop)
        self.clock.pump([0.25] * 11)
        self.assertEqual(self.a.sent, [])
        self.clock.advance(0.25)
        self.assertEqual(len(self.a.sent), 1)
        self.a.fails("tls_reset")
        self.assertEqual(self.health.known(), {"a": {"pause": 37.5, "left": 37.5}})


class Probed(Several):
    """One route is open; its probe, step by step."""

    def setUp(self) -> None:
        super().setUp()
        self.start()

    def start(self) -> None:
        self.health.start()
        self.addCleanup(self.health.stop)
        break_down(self.health, self.a)
        self.told = 0

    def begin(self) -> None:
        self.pass_time(5.0)
        self.assertEqual(len(self.a.sent), 1)

    def pass_time(self, seconds: float) -> None:
        """In steps that binary numbers have."""
        self.clock.pump([0.125] * round(seconds * 8))

    def ended(self) -> tuple[bool, float]:
        """Whether the route is closed, and the pause."""
        return self.health.is_closed(self.a), self.health.breakers["a"].pause

    def test_it_begins_at_the_first_look_after_the_pause(self) -> None:
        self.pass_time(4.875)
        self.assertEqual(self.a.sent, [])
        self.pass_time(0.125)
        self.assertEqual(len(self.a.sent), 1)
        self.assertEqual(self.b.sent + self.c.sent, [])

    def test_breakers_are_looked_at_twice_a_second(self) -> None:
        self.pass_time(0.125)
        break_down(self.health, self.b)
        self.pass_time(5.25)
        self.assertEqual(self.b.sent, [])
        self.pass_time(0.125)
        self.assertEqual(len(self.b.sent), 1)

    def test_each_way_has_a_probe_of_its_own(self) -> None:
        break_down(self.health, self.b)
        self.pass_time(5.0)
        self.assertEqual((len(self.a.sent), len(self.b.sent)), (1, 1))
        self.b.succeeds()
        self.assertTrue(self.health.is_closed(self.b))
        self.assertFalse(self.health.is_closed(self.a))

    def test_no_caller_is_sent_there_while_it_is_under_way(self) -> None:
        self.begin()
        self.assertEqual(self.planned(), "bc")

    def test_it_asks_for_something_small_that_needs_a_valid_key(self) -> None:
        self.begin()
        (sent,) = self.a.sent
        self.assertEqual(sent.query, Query("/configuration", (), "/configuration"))
        self.assertEqual(sent.call.target, "/configuration")
        self.assertEqual(sent.call.deadline, self.clock.seconds() + 5.0)
        self.assertIs(sent.new_connection, False)

    def test_each_has_a_name_of_its_own_in_the_logs(self) -> None:
        break_down(self.health, self.b)
        self.begin()
        names = {each.sent[0].call.request_id for each in (self.a, self.b)}
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertRegex(name, r"\Aprobe-[0-9a-f]{8}\Z")

    def test_a_way_gets_five_seconds_and_a_proxy_shares_them_out_itself(self) -> None:
        self.b.kind = RouteKind.PEER
        break_down(self.health, self.b)
        self.begin()
        for route, first_byte in ((self.a, 3.0), (self.b, 5.0)):
            budget = route.sent[0].budget
            self.assertEqual((budget.total, budget.first_byte), (5.0, first_byte))

    def test_after_five_seconds_of_silence_it_is_over(self) -> None:
        self.begin()
        self.pass_time(4.875)
        self.assertFalse(self.a.sent[0].cancelled)
        self.wall = 1005.0
        self.pass_time(0.125)
        self.assertTrue(self.a.sent[0].cancelled)
        self.assertEqual(self.ended(), (False, 10.0))
        told = self.health.states["a"]
        self.assertEqual(
            (told.cause, told.at, told.ms), ("http_response_timeout", 1005.0, 5000)
        )
        self.assertEqual(len(self.a.sent), 1)

    def test_an_answer_within_the_hedge_time_closes_it_and_a_slow_one_is_repeated(
        self,
    ) -> None:
        for took, quick in ((0.125, True), (0.25, True), (0.251, False)):
            self.setUp()
            self.begin()
            self.clock.advance(took)
            self.a.succeeds()
            self.assertEqual(self.health.is_closed(self.a), quick, took)
            self.assertEqual(len(self.a.sent), 1 if quick else 2, took)
            self.assertEqual(self.told, int(quick), took)

    def test_a_repeated_one_is_judged_by_its_own_time(self) -> None:
        for took, quick in ((0.25, True), (0.251, False)):
            self.setUp()
            self.begin()
            self.pass_time(1.0)
            self.a.succeeds()
            self.assertIs(self.health.breakers["a"].state, BreakerState.HALF_OPEN)
            self.clock.advance(took)
            self.a.succeeds()
            self.assertEqual(
                self.ended(), (True, 0.0) if quick else (False, 10.0), took
            )
            if quick:
                self.assertEqual(self.health.states["a"].ms, 250)
            self.assertEqual(len(self.a.sent), 2)

    def test_what_it_took_is_told_in_milliseconds(self) -> None:
        for took, ms in ((0.0004, 0), (0.0996, 100), (0.2494, 249)):
            self.setUp()
            self.begin()
            self.clock.advance(took)
            self.a.succeeds()
            self.assertEqual(self.health.states["a"].ms, ms)

    def test_waiting_for_its_turn_is_not_counted(self) -> None:
        self.begin()
        self.a.sent[-1].waits()
        self.pass_time(2.0)
        self.a.sent[-1].leaves()
        self.pass_time(0.125)
        self.a.succeeds()
        self.assertTrue(self.health.is_closed(self.a))
        self.assertEqual(self.health.states["a"].ms, 125)

    def test_waiting_is_not_counted_in_a_repeated_one_nor_in_a_bad_one(self) -> None:
        self.begin()
        self.pass_time(1.0)
        self.a.succeeds()
        self.a.sent[-1].waits()
        self.pass_time(2.0)
        self.a.sent[-1].leaves()
        self.pass_time(0.25)
        self.a.succeeds()
        self.assertTrue(self.health.is_closed(self.a))
        self.setUp()
        self.begin()
        self.pass_time(2.0)
        self.a.sent[-1].leaves()
        self.pass_time(0.5)
        self.a.fails("tls_reset")
        self.assertEqual(self.health.states["a"].ms, 500)

    def test_what_each_fault_of_a_probe_says(self) -> None:
        for cause in CAUSES:
            self.setUp()
            self.begin()
            self.a.fails(cause)
            if Fault(cause).refused:
                expected = (True, 0.0)  # TMDB's network has answered
            elif cause in SAYS_NOTHING:
                expected = (False, 5.0)  # asked again after the same pause
            else:
                expected = (False, 10.0)
            self.assertEqual(self.ended(), expected, cause)
            self.assertEqual(self.health.states["a"].cause, cause)
            if not expected[0]:
                self.assertEqual(self.left("a"), expected[1], cause)

    def test_a_pause_that_is_repeated_varies_like_any_other(self) -> None:
        self.begin()
        self.chance = 0.0
        self.a.fails("http_rate_limited")
        self.assertEqual(self.left("a"), 4.0)

    def test_a_pause_that_was_doubled_is_repeated_as_it_is(self) -> None:
        self.begin()
        self.a.fails("tls_reset")
        self.pass_time(10.0)
        self.a.fails("http_rate_limited")
        self.assertEqual(self.ended(), (False, 10.0))

    def test_one_that_breaks_counts_as_a_bad_one(self) -> None:
        self.begin()
        self.a.sent[-1].result.errback(KeyError("bug"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(self.ended(), (False, 10.0))

    def test_one_that_is_stopped_says_nothing(self) -> None:
        self.begin()
        self.health.stop()
        self.assertTrue(self.a.sent[-1].cancelled)
        self.assertEqual(self.health.known(), {"a": {"pause": 5.0, "left": 0.0}})
        self.assertEqual(self.health.states["a"].cause, "tls_reset")
        self.assertEqual(self.told, 0)

    def test_it_goes_on_with_the_next_one_whatever_came_of_the_last(self) -> None:
        self.begin()
        for wait in (10.0, 20.0, 37.5):
            self.a.fails("tls_reset")
            tries = len(self.a.sent)
            self.pass_time(wait - 0.125)
            self.assertEqual(len(self.a.sent), tries)
            self.pass_time(0.125)
            self.assertEqual(len(self.a.sent), tries + 1)

    def test_stopping_asks_for_no_start_and_can_be_repeated(self) -> None:
        self.made([self.a]).stop()
        self.health.stop()
        self.health.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Probes(RuleBasedStateMachine):
    """A route, its callers, its probes and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.route = FakeRoute("direct")
        self.health = failover_over([self.route], self.clock).health
        self.health.start()

    def under_way(self) -> list[Any]:
        return [each for each in self.route.sent if not each.result.called]

    @rule(good=st.booleans(), count=st.integers(1, 6))
    def attempts_end(self, good: bool, count: int) -> None:
        for _ in range(count):
            self.health.tried(self.route, None if good else Fault("tls_reset"), 1)

    @precondition(lambda self: self.under_way())
    @rule(
        cause=st.sampled_from([None, "tls_reset", "http_rate_limited", "overtaken"]),
        data=st.data(),
    )
    def a_probe_ends(self, cause: str | None, data: st.DataObject) -> None:
        probe = data.draw(st.sampled_from(self.under_way()))
        if cause is None:
            probe.result.callback(None)
        else:
            probe.result.errback(Fault(cause))

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 4.0, 6.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)

    @invariant()
    def there_is_one_probe_at_most(self) -> None:
        assert len(self.under_way()) <= 1

    def teardown(self) -> None:
        """A route that answers is closed in the end; stopping leaves nothing."""
        try:
            longest = LONGEST_PAUSE * (1 + JITTER) + 2 * PROBE_SECONDS
            for _ in range(round(longest / LOOK_EVERY)):
                if self.health.is_closed(self.route):
                    break
                self.clock.advance(LOOK_EVERY)
                for each in self.under_way():
                    each.result.callback(None)
            for each in self.under_way():
                each.result.callback(None)
            assert self.health.is_closed(self.route)
        finally:
            self.health.stop()
        assert self.under_way() == []
        assert self.clock.getDelayedCalls() == []


class AnySequence(SynchronousTestCase):
    def test_one_probe_at_a_time_and_none_is_left_open_for_ever(self) -> None:
        run_state_machine_as_test(
            Probes,
            settings=examples(60, stateful_step_count=20),
        )
