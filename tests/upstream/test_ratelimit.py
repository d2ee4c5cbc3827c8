"""Pacing: how many leave, when, in which order; and what a 429 holds back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Fault
from streamr.interfaces import Veto
from streamr.policy.budgets import BURST
from streamr.policy.retry import retry_after as named
from streamr.upstream.line import HostLine
from streamr.upstream.ratelimit import (
    LEAST_LEFT,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    MOST_WAITING,
    Pacer,
)
from tests.properties import examples

# How long the callers here can wait.
WAIT = 2.0


class Ask:
    """One caller of the pacer, and what became of its call."""

    def __init__(
        self,
        pacer: Pacer,
        clock: Clock,
        *,
        first: bool = False,
        behind: bool = False,
        instead: bool = False,
        wait: float = WAIT,
        veto: Veto = lambda: None,
    ) -> None:
        self._clock = clock
        self.starts: list[float] = []
        self.queued = 0
        self.cancelled = False
        self.result: Any = None
        self.reply: Deferred[Any] = Deferred(self._cancel)
        self.on_cancel: Callable[[Deferred[Any]], None] = lambda _reply: None
        self.waiting = pacer.run(
            self._call,
            self._queue,
            until=clock.seconds() + wait + LEAST_LEFT,
            veto=veto,
            first=first,
            behind=behind,
            instead=instead,
        )
        self.waiting.addBoth(self._ended)

    def _call(self) -> Deferred[Any]:
        self.starts.append(self._clock.seconds())
        return self.reply

    def _queue(self) -> None:
        self.queued += 1

    def _cancel(self, reply: Deferred[Any]) -> None:
        self.cancelled = True
        self.on_cancel(reply)

    def _ended(self, result: Any) -> None:
        self.result = getattr(result, "value", result)

    @property
    def running(self) -> bool:
        return bool(self.starts) and not self.reply.called

    @property
    def over(self) -> bool:
        return self.result is not None

    @property
    def fault(self) -> Fault:
        assert isinstance(self.result, Fault), self.result
        return self.result


class StrictClock(Clock):
    """Refuses what would make `advance` go round for ever: a wait that is no time."""

    def callLater(
        self, when: float, what: Callable[..., object], *args: Any, **more: Any
    ) -> IDelayedCall:
        now = self.seconds()
        assert when == 0 or now + when > now, f"a wait of {when} s ends where it began"
        return super().callLater(when, what, *args, **more)


class PacerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = StrictClock()
        self.clock.advance(1024.0)
        self.make()

    def make(self, rate: float = 32.0, at_once: int = 1000) -> None:
        self.pacer = Pacer(self.clock, rate, at_once)

    def ask(self, *, instead: bool = False) -> Ask:
        return Ask(self.pacer, self.clock, instead=instead)

    def several(self, count: int) -> list[Ask]:
        return [self.ask() for _ in range(count)]

    def started(self, asks: list[Ask]) -> list[int]:
        return [number for number, each in enumerate(asks) if each.starts]

    def answer(self, ask: Ask, reply: Any = "good") -> None:
        """Its reply is there; the next one may start in the reactor's next turn."""
        if isinstance(reply, Fault):
            ask.reply.errback(reply)
        else:
            ask.reply.callback(reply)
        self.clock.advance(0)

    def leave(self, ask: Ask) -> None:
        """Its caller is gone."""
        ask.waiting.cancel()
        self.clock.advance(0)

    def limited_by(self, retry_after: str | None) -> float:
        """TMDB answers 429: as the route does, when the reply is there."""
        return self.pacer.limited(named(retry_after, None))


class TheRate(PacerCase):
    def test_a_burst_leaves_at_once_and_the_rest_at_the_rate(self) -> None:
        asks = self.several(20)
        self.assertEqual(len(self.started(asks)), BURST)
        for more in range(1, 11):
            self.clock.advance(1 / 32)
            self.assertEqual(len(self.started(asks)), BURST + more)

    def test_no_burst_is_larger_than_one_second_of_the_rate(self) -> None:
        self.make(rate=2.0)
        self.assertEqual(len(self.started(self.several(20))), 2)

    def test_over_ten_seconds_the_rate_is_kept(self) -> None:
        self.make(rate=4.0)
        asks = []
        for _ in range(640):
            asks.append(self.ask())
            self.clock.advance(1 / 64)
        count = len(self.started(asks))
        self.assertLessEqual(count, 4 + 4 * 10)
        self.assertGreaterEqual(count, 4 * 10)

    def test_whoever_leaves_at_once_was_never_queued(self) -> None:
        asks = self.several(12)
        self.assertEqual([each.queued for each in asks], [0] * 10 + [1] * 2)

    def test_who_looks_exactly_when_the_token_is_due_does_not_look_for_ever(
        self,
    ) -> None:
        # 1/35 is no exact float: what is missing then is less than the clock can show
        self.make(rate=35.0)
        asks = self.several(40)
        for _ in range(30):
            due = min(each.getTime() for each in self.clock.getDelayedCalls())
            self.clock.rightNow = due
            self.clock.advance(0)
        self.assertEqual(self.started(asks), list(range(40)))

    def test_a_burst_is_a_second_of_the_rate_from_one_to_ten(self) -> None:
        for rate, burst in ((0.25, 1), (1.0, 1), (9.0, 9), (10.0, 10), (11.0, 10)):
            self.make(rate=rate)
            asks = self.several(20)
            self.assertEqual(len(self.started(asks)), burst, rate)

    def test_who_comes_late_finds_one_burst_and_no_more(self) -> None:
        for _ in range(2):
            self.clock.advance(86_400.0)
            self.assertEqual(len(self.started(self.several(20))), 10)
            self.clock.advance(WAIT)

    def test_at_the_rate_and_places_of_production_a_second_lets_45_leave(self) -> None:
        self.make(rate=35.0, at_once=15)
        asks: list[Ask] = []
        for tick in range(128):
            asks.append(self.ask())
            self.clock.advance(1 / 128)
            for each in asks:
                if each.running:
                    self.answer(each)
            if tick == 63:
                self.assertEqual(self.pacer.passed, 10 + 17)
        self.assertEqual(self.pacer.passed, 10 + 35)

    def test_who_has_waited_for_a_token_leaves_the_next_its_own(self) -> None:
        self.make(rate=1.0)
        asks = self.several(2)
        self.clock.advance(1.0)
        asks.append(self.ask())
        self.clock.advance(1.0 - 1 / 64)
        self.assertEqual(self.started(asks), [0, 1])
        self.clock.advance(1 / 64)
        self.assertEqual(self.started(asks), [0, 1, 2])


class AtOnce(PacerCase):
    def setUp(self) -> None:
        super().setUp()
        self.make(at_once=2)

    def test_only_so_many_run_at_once(self) -> None:
        asks = self.several(5)
        self.clock.advance(1.0)
        self.assertEqual(self.started(asks), [0, 1])

    def test_whoever_gets_the_last_place_was_never_queued(self) -> None:
        self.assertEqual([each.queued for each in self.several(3)], [0, 0, 1])

    def test_nobody_overtakes_who_was_called_for_the_reactors_next_turn(self) -> None:
        asks = self.several(3)
        asks[0].reply.callback("good")
        asks.append(self.ask())
        self.assertEqual(self.started(asks), [0, 1])
        self.assertEqual(asks[3].queued, 1)
        self.clock.advance(0)
        self.assertEqual(self.started(asks), [0, 1, 2])

    def test_an_end_that_nobody_waits_for_leaves_nothing_in_the_clock(self) -> None:
        self.ask().reply.callback("good")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_however_one_ends_the_next_one_starts(self) -> None:
        asks = self.several(5)
        self.answer(asks[0])
        self.assertEqual(self.started(asks), [0, 1, 2])
        self.answer(asks[1], Fault("tls_reset"))
        self.assertEqual(self.started(asks), [0, 1, 2, 3])
        self.leave(asks[2])
        self.assertEqual(self.started(asks), [0, 1, 2, 3, 4])

    def test_a_call_that_raises_frees_its_place(self) -> None:
        def breaks() -> Deferred[None]:
            raise KeyError("bug")

        for _ in range(3):
            self.failureResultOf(
                self.pacer.run(breaks, lambda: None, until=2000.0), KeyError
            )
        self.assertEqual(self.started(self.several(3)), [0, 1])

    def test_each_gets_the_reply_of_its_own_call(self) -> None:
        asks = self.several(4)
        for number, each in enumerate(asks):
            self.answer(each, number + 1)
        self.assertEqual([each.result for each in asks], [1, 2, 3, 4])

    def test_a_fault_of_a_queued_call_reaches_its_caller(self) -> None:
        asks = self.several(3)
        self.answer(asks[0])
        self.answer(asks[2], Fault("tls_reset"))
        self.assertEqual(asks[2].fault.cause.name, "tls_reset")

    def test_they_start_in_the_order_in_which_they_came(self) -> None:
        asks = self.several(8)
        order = []
        for _ in range(8):
            running = next(each for each in asks if each.running)
            order.append(asks.index(running))
            self.answer(running)
        self.assertEqual(order, list(range(8)))

    def test_nobody_overtakes_the_queue(self) -> None:
        self.make(rate=1.0)
        asks = self.several(2)
        self.clock.advance(0.75)
        asks.append(self.ask())
        self.clock.advance(0.25)
        self.assertEqual(self.started(asks), [0, 1])


class OverALine(PacerCase):
    """The line to the host may carry fewer at once."""

    def setUp(self) -> None:
        super().setUp()
        self.line = HostLine(self.clock, 8)
        self.pacer = Pacer(self.clock, 32.0, 8, self.line)

    def comes(self, seconds: float) -> None:
        """A handshake ends after so many seconds."""
        attempt = object()
        self.line.begun(attempt)
        began = self.clock.seconds()
        self.clock.advance(seconds)
        self.line.secured(began, attempt)
        self.line.ended(attempt)
        self.clock.advance(0)

    def test_it_begins_with_one_and_grows_with_what_comes_quickly(self) -> None:
        asks = self.several(5)
        self.assertEqual(self.started(asks), [0])
        self.comes(1 / 64)
        self.assertEqual(self.started(asks), [0, 1, 2])

    def test_never_more_than_may_be_under_way_at_the_host(self) -> None:
        for _ in range(40):
            under_way = [object() for _ in range(8)]
            for each in under_way:
                self.line.begun(each)
            self.comes(1 / 64)
            for each in under_way:
                self.line.ended(each)
        self.clock.advance(4.0)
        self.assertEqual(len(self.started(self.several(12))), 8)

    def test_a_host_of_which_nothing_was_heard_yet_is_silent_to_all(self) -> None:
        third = self.several(3)[2]
        self.assertEqual(third.queued, 0)

    def test_whoever_is_silent_for_longer_than_is_usual_makes_room(self) -> None:
        asks = self.several(5)
        usual = self.line.patience
        self.clock.advance(usual - 1 / 64)
        self.assertEqual(self.started(asks), [0])
        self.clock.advance(1 / 64)
        self.assertEqual(self.started(asks), [0, 1])
        self.clock.advance(usual)
        self.assertEqual(self.started(asks), [0, 1, 2])

    def test_what_is_tried_instead_of_one_that_is_silent_takes_its_place(self) -> None:
        asks = self.several(3)
        instead = self.ask(instead=True)
        self.assertEqual(self.started([*asks, instead]), [0, 3])
        self.assertEqual(instead.queued, 0)
        many = [self.ask(instead=True) for _ in range(9)]
        self.assertEqual(len(self.started(many)), 6)

    def test_what_comes_for_one_of_them_is_no_silence_of_the_host(self) -> None:
        asks = self.several(2)
        self.clock.advance(1 / 8)
        self.line.moved()
        self.clock.advance(1 / 8)
        self.assertEqual(self.started(asks), [0])
        self.clock.advance(1 / 8)
        self.assertEqual(self.started(asks), [0, 1])

    def test_never_beyond_what_may_be_under_way_however_silent_it_is(self) -> None:
        asks = self.several(12)
        self.clock.pump([1 / 16] * 30)
        self.assertEqual(len(self.started(asks)), 8)

    def test_once_bytes_have_come_from_it_waiting_is_no_silence(self) -> None:
        third = self.several(3)[2]
        self.line.moved()
        self.assertEqual((third.queued, self.ask().queued), (1, 1))
        self.clock.advance(1.0)
        self.line.moved()
        self.assertEqual(third.queued, 1)

    def test_on_a_busy_line_waiting_is_no_silence_of_the_host(self) -> None:
        late = self.several(5)[4]
        self.comes(1.0)
        self.assertGreater(late.queued, 0)
        self.assertEqual(self.ask().queued, 1)

    def test_on_a_busy_line_nobody_makes_room_by_being_silent(self) -> None:
        asks = self.several(5)
        self.comes(1.0)
        before = self.started(asks)
        self.clock.pump([1 / 16] * 10)
        self.assertEqual(self.started(asks), before)

    def test_whose_time_is_up_on_a_busy_line_is_told_of_the_line(self) -> None:
        late = self.several(5)[4]
        self.comes(1.5)
        self.clock.advance(0.5)
        self.assertEqual(late.fault.cause.name, "deadline_exceeded")


class TheQueue(PacerCase):
    def setUp(self) -> None:
        super().setUp()
        self.make(at_once=1)

    def test_who_waits_too_long_is_told_429_and_when_to_come_again(self) -> None:
        _, waiting = self.several(2)
        self.clock.advance(WAIT - 1 / 64)
        self.assertFalse(waiting.over)
        self.clock.advance(1 / 64)
        fault = waiting.fault
        self.assertEqual(fault.cause.name, "connection_limit_reached")
        self.assertEqual((fault.cause.status, fault.retry_after), (429, "1"))

    def test_one_keeps_its_place_as_long_as_its_deadline_lasts(self) -> None:
        self.ask()
        waiting = Ask(self.pacer, self.clock, wait=30.0)
        self.clock.advance(30.0 - 1 / 64)
        self.assertFalse(waiting.over)
        self.clock.advance(1 / 64)
        self.assertTrue(waiting.over)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whose_deadline_has_passed_has_no_place(self) -> None:
        self.ask()
        waiting = Ask(self.pacer, self.clock, wait=-5.0)
        self.clock.advance(0)
        self.assertEqual(waiting.fault.cause.name, "connection_limit_reached")

    def test_what_no_caller_waits_for_goes_behind_all_others(self) -> None:
        running = self.ask()
        behind = [Ask(self.pacer, self.clock, behind=True) for _ in range(2)]
        callers = self.several(2)
        probe = Ask(self.pacer, self.clock, first=True)
        order = [probe, *callers, *behind]
        for each in order:
            self.answer(running)
            self.assertEqual(self.started(order)[-1], order.index(each))
            running = each
        self.assertEqual(self.pacer.waiting, 0)

    def test_it_leaves_and_gives_up_and_is_counted_like_any_other(self) -> None:
        self.ask()
        leaving, late = (Ask(self.pacer, self.clock, behind=True) for _ in range(2))
        self.assertEqual(self.pacer.waiting, 2)
        leaving.waiting.cancel()
        self.clock.advance(WAIT)
        self.assertEqual((self.pacer.waiting, late.starts), (0, []))
        self.assertEqual(late.fault.cause.name, "connection_limit_reached")

    def test_a_probe_has_the_next_turn_also_when_too_many_wait(self) -> None:
        asks = self.several(1 + 200)
        probe = Ask(self.pacer, self.clock, first=True)
        self.assertEqual((probe.over, probe.queued), (False, 1))
        asks[0].reply.callback(None)
        self.clock.advance(1.0)
        self.assertTrue(probe.running)
        self.assertEqual(sum(bool(each.starts) for each in asks), 1)

    def test_two_hundred_may_wait(self) -> None:
        asks = self.several(1 + 200 + 1)
        self.assertEqual([each.over for each in asks], [False] * 201 + [True])
        self.assertEqual(self.pacer.waiting, 200)

    def test_who_gives_up_or_leaves_keeps_the_others_their_turn(self) -> None:
        for leaves in (False, True):
            # a token each two and a half seconds, which is longer than the wait
            self.make(rate=0.4, at_once=5)
            _, second = self.several(2)
            self.clock.advance(1.0)
            third = self.ask()
            if leaves:
                self.leave(second)
            self.clock.advance(1.0)
            self.assertTrue(second.over)
            self.clock.advance(0.5)
            self.assertEqual((second.starts, third.running), ([], True), leaves)

    def test_the_last_who_gives_up_leaves_nothing_in_the_clock(self) -> None:
        self.make(rate=0.25)
        _, second = self.several(2)
        self.clock.advance(WAIT)
        self.assertTrue(second.over)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_leaves_while_its_call_begins_is_gone_when_it_ends(self) -> None:
        reply: Deferred[str] = Deferred()

        def call() -> Deferred[str]:
            waiting.cancel()
            return reply

        first = self.ask()
        waiting = self.pacer.run(call, lambda: None, until=2000.0)
        self.answer(first)
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.pacer.free, 0)
        reply.callback("late")
        self.assertEqual(self.pacer.free, 1)

    def test_who_waited_too_long_never_starts(self) -> None:
        first, waiting = self.several(2)
        self.clock.advance(WAIT)
        self.answer(first)
        self.clock.advance(60)
        self.assertEqual(waiting.starts, [])

    def test_who_has_started_may_take_longer_than_the_wait(self) -> None:
        first, waiting = self.several(2)
        self.answer(first)
        self.clock.advance(WAIT * 3)
        self.assertFalse(waiting.over)
        self.answer(waiting, "late")
        self.assertEqual(waiting.result, "late")

    def test_beyond_its_bound_the_queue_takes_nobody(self) -> None:
        asks = self.several(1 + MOST_WAITING)
        self.assertFalse(any(each.over for each in asks))
        beyond = self.ask()
        self.assertEqual(beyond.fault.cause.name, "connection_limit_reached")
        self.assertEqual(beyond.fault.retry_after, "1")
        self.assertEqual(beyond.queued, 0)

    def test_whoever_may_not_leave_any_more_costs_nobody_a_turn(self) -> None:
        self.make(rate=1.0)
        refused = Fault("destination_unavailable")
        leaves = self.ask()
        behind = [Ask(self.pacer, self.clock, veto=lambda: refused) for _ in range(3)]
        others = self.several(2)
        self.clock.advance(1.0)
        self.assertEqual([each.fault for each in behind], [refused] * 3)
        self.assertEqual(self.started([leaves, *behind, *others]), [0, 4])
        self.assertEqual((self.pacer.passed, self.pacer.waiting), (2, 1))
        self.assertEqual(behind[0].starts, [])

    def test_all_who_may_not_leave_can_come_again_for_another_route(self) -> None:
        self.make(rate=1.0)
        refused = Fault("destination_unavailable")
        again: list[Ask] = []
        self.ask()
        for _ in range(MOST_WAITING):
            one = Ask(self.pacer, self.clock, wait=1000.0, veto=lambda: refused)
            one.waiting.addCallback(
                lambda _: again.append(Ask(self.pacer, self.clock, wait=1000.0))
            )
        self.clock.advance(1.0)
        self.assertEqual(len(again), MOST_WAITING)
        self.assertEqual((self.pacer.passed, self.pacer.waiting), (2, MOST_WAITING - 1))
        self.clock.advance(1.0)
        self.assertEqual(self.started(again), [0, 1])

    def test_who_leaves_the_queue_makes_room_and_never_starts(self) -> None:
        asks = self.several(1 + MOST_WAITING)
        self.leave(asks[1])
        self.assertIsInstance(asks[1].result, CancelledError)
        self.assertFalse(self.ask().over)
        self.answer(asks[0])
        self.assertEqual(self.started(asks), [0, 2])

    def test_who_leaves_while_its_call_runs_cancels_the_call(self) -> None:
        first, second = self.several(2)
        self.answer(first)
        self.leave(second)
        self.assertTrue(second.cancelled)
        self.assertIsInstance(second.result, CancelledError)

    def test_a_cancelled_call_that_answers_all_the_same_counts_once(self) -> None:
        for queued in (0, 1):
            self.make(at_once=1)
            asks = self.several(1 + queued)
            if queued:
                self.answer(asks[0])
            asks[-1].on_cancel = lambda reply: reply.callback("answered")
            self.leave(asks[-1])
            self.assertEqual(self.started(self.several(3)), [0])

    def test_it_tells_how_many_left_how_many_wait_and_what_is_free(self) -> None:
        self.make(at_once=2)
        asks = self.several(3)
        told = (self.pacer.passed, self.pacer.waiting, self.pacer.free)
        self.assertEqual(told, (2, 1, 0))
        self.answer(asks[0])
        told = (self.pacer.passed, self.pacer.waiting, self.pacer.free)
        self.assertEqual(told, (3, 0, 0))

    def test_when_all_is_over_nothing_is_left_in_the_clock(self) -> None:
        asks = self.several(3)
        self.leave(asks[1])
        self.answer(asks[0])
        self.answer(asks[2])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_queue_that_all_have_left_leaves_no_timer(self) -> None:
        self.make(rate=1.0)
        self.answer(self.ask())
        waiting = self.several(3)
        for each in waiting:
            self.leave(each)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_calls_that_end_at_once_leave_no_second_timer(self) -> None:
        self.make(rate=2.0, at_once=1)
        first, *others = self.several(5)
        for each in others:
            each.reply.callback("at once")
        self.answer(first)
        timers = self.clock.getDelayedCalls()
        # one for each who waits still, and one for the next token
        waiting = sum(not each.over for each in others)
        self.assertEqual(len(timers), waiting + 1)


class Limited(PacerCase):
    """TMDB answers 429: the host is left alone."""

    def test_one_who_is_told_may_cancel_another_who_waits(self) -> None:
        self.make(at_once=1)
        _, told, cancelled, last = self.several(4)
        told.waiting.addCallback(lambda _: cancelled.waiting.cancel())
        self.limited_by("30")
        self.assertIsInstance(cancelled.result, CancelledError)
        self.assertEqual(last.fault.cause.name, "http_rate_limited")
        self.assertEqual(self.pacer.waiting, 0)

    def test_nothing_leaves_within_retry_after(self) -> None:
        self.assertEqual(self.limited_by("30"), 30.0)
        for _ in range(29):
            self.clock.advance(1.0)
            ask = self.ask()
            self.assertEqual((ask.starts, ask.fault.cause.status), ([], 429))
        self.clock.advance(1.0)
        self.assertTrue(self.ask().running)

    def test_a_pause_of_no_time_is_none(self) -> None:
        self.assertEqual(self.pacer.limited(0.0), 0.0)
        self.assertEqual(self.pacer.paused, 0)
        self.assertTrue(self.ask().running)

    def test_a_retry_after_of_up_to_an_hour_is_obeyed(self) -> None:
        for named_seconds, seconds in (
            (3599.0, 3599.0),
            (3600.0, 3600.0),
            (3601.0, 3600.0),
        ):
            self.make()
            self.assertEqual(self.pacer.limited(named_seconds), seconds)
            self.assertEqual(self.pacer.paused, seconds)

    def test_a_pause_that_is_named_makes_the_next_nameless_one_no_longer(self) -> None:
        self.assertEqual(self.pacer.limited(None), 1.0)
        self.pacer.limited(7.0)
        self.assertEqual(self.pacer.limited(None), 2.0)

    def test_no_wait_is_called_less_than_a_second(self) -> None:
        for seconds, told in ((0.25, "1"), (1.0, "1"), (1.25, "2"), (59.5, "60")):
            self.make(at_once=1)
            _, waiting = self.several(2)
            self.pacer.limited(seconds)
            self.assertEqual(waiting.fault.retry_after, told, seconds)
            self.assertEqual(self.ask().fault.retry_after, told, seconds)

    def test_those_who_were_sent_away_leave_nothing_in_the_clock(self) -> None:
        for rate, at_once in ((1.0, 5), (32.0, 1)):
            self.make(rate, at_once)
            self.several(3)
            self.limited_by("30")
            self.assertEqual(self.clock.getDelayedCalls(), [])
            self.assertEqual(self.pacer.waiting, 0)

    def test_after_the_pause_a_queue_is_served_again(self) -> None:
        self.make(rate=1.0)
        self.several(3)
        self.limited_by("30")
        self.clock.advance(30.0)
        asks = self.several(2)
        self.clock.advance(1.0)
        self.assertEqual(self.started(asks), [0, 1])

    def test_it_tells_what_is_left_of_the_pause(self) -> None:
        self.assertEqual(self.pacer.paused, 0)
        self.limited_by("7")
        self.clock.advance(4)
        self.assertEqual(self.pacer.paused, 3)
        self.clock.advance(4)
        self.assertEqual(self.pacer.paused, 0)

    def test_callers_are_told_how_long(self) -> None:
        self.limited_by("30")
        self.assertEqual(self.ask().fault.retry_after, "30")
        self.clock.advance(20.0)
        self.assertEqual(self.ask().fault.retry_after, "10")

    def test_who_comes_again_when_told_to_is_let_through(self) -> None:
        for passed in (0.25, 0.5, 0.625, 0.75):
            self.make()
            self.limited_by("3")
            self.clock.advance(passed)
            self.clock.advance(float(self.ask().fault.retry_after or 0))
            self.assertTrue(self.ask().running, passed)

    def test_without_retry_after_the_pause_doubles_up_to_a_minute(self) -> None:
        pauses = []
        for _ in range(9):
            pauses.append(self.limited_by(None))
            self.assertTrue(self.ask().over)
            self.clock.advance(pauses[-1])
            self.assertTrue(self.ask().running)
        self.assertEqual(pauses, [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, 60, 60])

    def test_a_good_answer_makes_the_next_pause_short_again(self) -> None:
        for _ in range(5):
            self.limited_by(None)
        self.pacer.answered()
        self.assertEqual(self.limited_by(None), 1.0)

    def test_what_is_no_number_of_seconds_counts_as_none(self) -> None:
        for text in ("", "soon", "-5", "1.5", "²", "١", " 3"):  # noqa: RUF001
            self.make()
            self.assertEqual(self.limited_by(text), 1.0, text)

    def test_a_retry_after_of_days_is_an_hour(self) -> None:
        self.assertEqual(self.limited_by("9" * 50), LONGEST_RETRY_AFTER)

    def test_a_shorter_pause_does_not_end_a_longer_one(self) -> None:
        self.limited_by("30")
        self.limited_by("1")
        self.clock.advance(29.0)
        self.assertTrue(self.ask().over)

    def test_a_good_answer_that_was_under_way_does_not_end_the_pause(self) -> None:
        self.limited_by("30")
        self.pacer.answered()
        self.clock.advance(29.0)
        self.assertTrue(self.ask().over)

    def test_who_waits_is_not_kept_waiting(self) -> None:
        self.make(at_once=1)
        _, waiting = self.several(2)
        self.limited_by("30")
        self.clock.advance(0)
        self.assertTrue(waiting.over)

    def test_who_waited_is_told_429_and_how_long(self) -> None:
        self.make(at_once=1)
        _, waiting = self.several(2)
        self.limited_by("30")
        self.clock.advance(0)
        self.assertEqual(waiting.fault.cause.name, "http_rate_limited")
        self.assertEqual(waiting.fault.retry_after, "30")

    def test_the_next_in_the_queue_does_not_leave_when_the_429_arrives(self) -> None:
        self.make(at_once=1)
        first, second = self.several(2)
        # as TMDBRoute does: the pacer is told by a callback on what `run` returned
        first.waiting.addCallback(lambda _result: self.limited_by("30"))
        self.answer(first, "429")
        self.assertEqual(second.starts, [])

    def test_another_call_that_ends_lets_nobody_leave_within_the_pause(self) -> None:
        self.make(at_once=2)
        first, _, third = self.several(3)
        self.limited_by("30")
        self.answer(first)
        self.assertEqual(third.starts, [])

    def test_a_token_that_comes_lets_nobody_leave_within_the_pause(self) -> None:
        self.make(rate=1.0)
        _, second = self.several(2)
        self.clock.advance(0.5)
        self.limited_by("30")
        # the token is there before the reactor comes to those who are sent away
        self.clock.rightNow += 0.5
        self.clock.advance(0)
        self.assertEqual(second.starts, [])

    def test_who_had_left_before_is_not_cancelled(self) -> None:
        ask = self.ask()
        self.limited_by("30")
        self.clock.advance(1.0)
        self.assertFalse(ask.over)
        self.answer(ask)
        self.assertEqual(ask.result, "good")


class Paced(RuleBasedStateMachine):
    """Callers who come, wait, leave and are answered, in any order, at any time.

    Rate and times are binary fractions, so that the sums are exact.
    """

    AT_ONCE = 3
    RATE = 4.0

    def __init__(self) -> None:
        super().__init__()
        self.clock = StrictClock()
        self.clock.advance(64.0)
        self.pacer = Pacer(self.clock, self.RATE, self.AT_ONCE)
        self.asks: list[Ask] = []

    def running(self) -> list[Ask]:
        return [each for each in self.asks if each.running]

    def pending(self) -> list[Ask]:
        return [each for each in self.asks if not each.over]

    @rule(count=st.integers(1, 12))
    def some_come(self, count: int) -> None:
        self.asks += [Ask(self.pacer, self.clock) for _ in range(count)]

    @precondition(lambda self: self.running())
    @rule(data=st.data(), good=st.booleans())
    def one_is_answered(self, data: st.DataObject, good: bool) -> None:
        ask = data.draw(st.sampled_from(self.running()))
        if good:
            ask.reply.callback("good")
        else:
            ask.reply.errback(Fault("tls_reset"))
        self.clock.advance(0)

    @precondition(lambda self: self.pending())
    @rule(
        data=st.data(),
        last_word=st.sampled_from(
            [
                lambda _reply: None,
                lambda reply: reply.callback("all the same"),
                lambda reply: reply.errback(Fault("tls_closed")),
            ]
        ),
    )
    def one_leaves(
        self, data: st.DataObject, last_word: Callable[[Deferred[Any]], None]
    ) -> None:
        ask = data.draw(st.sampled_from(self.pending()))
        starts, ask.on_cancel = len(ask.starts), last_word
        ask.waiting.cancel()
        assert ask.over
        assert len(ask.starts) == starts

    @precondition(lambda self: self.pending())
    @rule(data=st.data())
    def one_will_end_at_once(self, data: st.DataObject) -> None:
        """Its answer is there before it starts."""
        ask = data.draw(st.sampled_from(self.pending()))
        if not ask.starts and not ask.reply.called:
            ask.reply.callback("at once")

    @rule(parts=st.integers(0, 192))
    def time_passes(self, parts: int) -> None:
        self.clock.advance(parts / 64)

    @invariant()
    def never_too_many_run(self) -> None:
        assert len(self.running()) <= self.AT_ONCE

    @invariant()
    def none_starts_twice_or_after_its_end(self) -> None:
        assert all(len(each.starts) <= 1 for each in self.asks)

    @invariant()
    def they_start_in_order(self) -> None:
        """Whoever waits still came after all who have started."""
        starts = [each.starts[0] for each in self.asks if each.starts]
        assert starts == sorted(starts)
        waiting = [
            n for n, each in enumerate(self.asks) if not each.over | each.running
        ]
        started = [n for n, each in enumerate(self.asks) if each.starts]
        assert not waiting or not started or min(waiting) > max(started)

    @invariant()
    def the_rate_is_kept(self) -> None:
        starts = [each.starts[0] for each in self.asks if each.starts]
        for first, since in enumerate(starts):
            passed = starts[-1] - since
            assert len(starts) - first <= self.RATE + self.RATE * passed

    @invariant()
    def who_could_start_has_started(self) -> None:
        """None is lost: who waits, waits for a place, or for a token to come."""
        waiting = [each for each in self.pending() if not each.starts]
        if waiting and len(self.running()) < self.AT_ONCE:
            assert self.clock.getDelayedCalls()

    def teardown(self) -> None:
        """Everything ends, nothing stays in the clock, no place was lost."""
        while self.pending():
            for each in self.running():
                each.reply.callback("good")
            self.clock.advance(0.25)
        self.clock.advance(64.0)
        assert self.clock.getDelayedCalls() == []
        again = [Ask(self.pacer, self.clock) for _ in range(self.AT_ONCE + 1)]
        assert [each.running for each in again] == [True] * self.AT_ONCE + [False]


class Borrowing(PacerCase):
    """A race of connections takes places, as many as are free."""

    def setUp(self) -> None:
        super().setUp()
        self.make(at_once=3)

    def test_what_is_borrowed_nobody_else_gets(self) -> None:
        self.assertEqual(self.pacer.borrow(2), 2)
        asks = self.several(2)
        self.assertEqual(self.started(asks), [0])
        self.pacer.give_back(2)
        self.clock.advance(0)
        self.assertEqual(self.started(asks), [0, 1])

    def test_what_is_given_back_wakes_nobody_when_nobody_waits(self) -> None:
        self.pacer.give_back(self.pacer.borrow(2))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.pacer.free, 3)

    def test_no_more_is_granted_than_wanted(self) -> None:
        granted = [self.pacer.borrow(wanted) for wanted in (0, 1, 2)]
        self.assertEqual((granted, self.pacer.free), ([0, 1, 2], 0))

    def test_there_is_no_more_than_there_is(self) -> None:
        self.several(2)
        self.assertEqual([self.pacer.borrow(2), self.pacer.borrow(2)], [1, 0])

    def test_those_who_wait_come_first(self) -> None:
        self.assertEqual(self.pacer.borrow(2), 2)
        self.several(2)
        self.pacer.give_back(2)
        # two are free, but somebody waits for the reactor's next turn
        self.assertEqual(self.pacer.borrow(2), 0)


class PacedAndPaused(Paced):
    """The same, with a TMDB that answers 429 now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.until = 0.0

    @precondition(lambda self: self.running())
    @rule(data=st.data(), retry_after=st.sampled_from([None, 1.0, 2.0, 7.0]))
    def one_is_answered_429(
        self, data: st.DataObject, retry_after: float | None
    ) -> None:
        def limit(_result: object) -> None:
            seconds = self.pacer.limited(retry_after)
            self.until = max(self.until, self.clock.seconds() + seconds)
            self.held = [each for each in self.asks if not each.starts]

        self.held: list[Ask] = []
        ask = data.draw(st.sampled_from(self.running()))
        ran = [each for each in self.asks if each.starts]
        ask.waiting.addCallback(limit)
        ask.reply.callback("429")
        self.clock.advance(0)
        assert ran == [each for each in self.asks if each.starts]

    @invariant()
    def nothing_leaves_within_the_pause(self) -> None:
        if self.clock.seconds() < self.until:
            assert not any(each.starts for each in self.held)

    def teardown(self) -> None:
        self.clock.advance(64.0)
        super().teardown()


class AnySequence(SynchronousTestCase):
    def check(self, machine: type[RuleBasedStateMachine]) -> None:
        run_state_machine_as_test(
            machine,
            settings=examples(80, stateful_step_count=30),
        )

    def test_none_is_lost_and_never_too_many_run(self) -> None:
        self.check(Paced)

    def test_and_nothing_leaves_within_a_pause(self) -> None:
        self.check(PacedAndPaused)
