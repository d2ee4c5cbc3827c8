"""The probes: one at a time, whatever becomes of them, and fairly judged."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
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
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Dimensions
from streamr.errors import Fault
from streamr.policy.breaker import (
    FIRST_PAUSE,
    JITTER,
    LONGEST_PAUSE,
    TRIP_IN_ROW,
    State,
)
from streamr.policy.retry import HEDGE_AFTER
from streamr.routing.health import LOOK_EVERY, PROBE_SECONDS, Health
from streamr.upstream.answer import Head
from streamr.upstream.client import Reply
from streamr.upstream.origin import Credentials, TMDBRoute
from streamr.upstream.ratelimit import Pacer
from tests.support import FakeRoute, ways


def break_down(health: Health, route: Any) -> None:
    for _ in range(TRIP_IN_ROW):
        health.tried(route, Fault("tls_reset"), 1)


class HealthCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.route = FakeRoute("direct")
        self.health = ways([self.route], self.clock).health
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
    def state(self) -> State:
        return self.health.breakers["direct"].state


class Ends(HealthCase):
    def test_a_probe_that_breaks_is_a_bad_one_and_another_follows(self) -> None:
        self.until_probed()
        self.route.sent[-1].result.errback(KeyError("bug"))
        self.flushLoggedErrors(KeyError)
        self.assertIs(self.state, State.OPEN)
        self.until_probed(2)
        self.route.succeeds()
        self.assertIs(self.state, State.CLOSED)

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
    """A probe that says nothing about the way changes nothing."""

    def test_a_limit_of_tmdbs_does_not_double_the_pause(self) -> None:
        for cause in ("http_rate_limited", "connection_limit_reached"):
            self.setUp()
            self.until_probed()
            self.route.fails(cause)
            self.assertIsNot(self.state, State.HALF_OPEN)
            self.assertLessEqual(self.health.breakers["direct"].pause, FIRST_PAUSE)
            self.health.stop()

    def test_an_answer_of_tmdbs_is_good_even_when_it_is_an_error(self) -> None:
        # a CDN's 403 in HTML is a Fault, and TMDB's network has answered
        self.until_probed()
        self.route.fails("http_request_denied")
        self.assertLessEqual(self.health.breakers["direct"].pause, FIRST_PAUSE)

    def test_waiting_for_the_pacer_is_not_held_against_the_way(self) -> None:
        """The host is busy with other ways' requests; the way itself is quick."""
        clock = Clock()
        pacer = Pacer(clock, 32.0, 1)
        asked: list[Deferred[Reply]] = []

        class Client:
            def get(self, *_args: Any, **_more: Any) -> Deferred[Reply]:
                asked.append(Deferred())
                return asked[-1]

        route = TMDBRoute(
            "direct",
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
            # another way's request takes half a second, and the next one follows
            busy: Deferred[None] = Deferred()
            pacer.run(lambda busy=busy: busy, lambda: None)
            for _ in range(5):
                clock.advance(0.1)
                for each in asked:
                    if not each.called:
                        body = b'{"images":{}}'
                        each.callback(Reply(Head(200), body, None, True))
            busy.callback(None)
            if health.is_closed(route):
                break
        self.assertTrue(asked)
        self.assertTrue(health.is_closed(route))


class LastDeed(HealthCase):
    """What the health pages tell of a way is what it did last, in a probe, too."""

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
        self.assertIs(self.state, State.OPEN)
        self.assertEqual((self.told.cause, self.told.at), ("tls_reset", 1.0))

    def test_probes_are_not_counted_among_the_callers_attempts(self) -> None:
        before = self.told.served, self.told.failed
        self.until_probed()
        self.route.fails("connection_refused")
        self.until_probed(2)
        self.route.succeeds()
        self.assertEqual((self.told.served, self.told.failed), before)


class Probes(RuleBasedStateMachine):
    """A way, its callers, its probes and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.route = FakeRoute("direct")
        self.health = ways([self.route], self.clock).health
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
        """A way that answers is closed in the end; stopping leaves nothing."""
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
            settings=settings(max_examples=60, stateful_step_count=20, deadline=None),
        )
