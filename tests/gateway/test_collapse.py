"""Request collapsing: one flight per key, and everyone leaves only for himself."""

import contextlib
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.gateway.collapse import TELLING, Flights
from tests.properties import examples
from tests.support import turn


class Starts:
    """Starts flights, and remembers each with what became of it."""

    def __init__(self) -> None:
        self.flown: list[Deferred[Any]] = []
        self.cancelled: list[Deferred[Any]] = []

    def __call__(self) -> Deferred[Any]:
        flight: Deferred[Any] = Deferred(self.cancelled.append)
        self.flown.append(flight)
        return flight


class FlightsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.flights: Flights[Any] = Flights(self.clock)
        self.starts = Starts()

    def join(self, key: str = "a") -> Deferred[Any]:
        return self.flights.join(key, self.starts)


class Together(FlightsCase):
    """Many wait for one."""

    def test_200_joins_are_one_start_and_one_answer_for_all(self) -> None:
        waiting = [self.join() for _ in range(200)]
        self.assertEqual(len(self.starts.flown), 1)
        for each in waiting:
            self.assertNoResult(each)
        self.starts.flown[0].callback("answer")
        self.clock.advance(0)
        self.assertEqual({self.successResultOf(each) for each in waiting}, {"answer"})

    def slow_join(self) -> Deferred[Any]:
        """One who takes half of a turn's time when he is told."""

        def work(answer: Any) -> Any:
            self.clock.rightNow += TELLING / 2
            return answer

        return self.join().addCallback(work)

    def test_some_are_told_now_and_the_others_in_the_next_turns(self) -> None:
        waiting = [self.slow_join() for _ in range(5)]
        self.starts.flown[0].callback("answer")
        self.assertEqual(sum(each.called for each in waiting), 2)
        turn(self.clock)
        self.assertEqual(sum(each.called for each in waiting), 4)
        turn(self.clock)
        self.assertEqual(sum(each.called for each in waiting), 5)

    def test_a_turn_is_ten_milliseconds(self) -> None:
        """Everybody else's requests wait meanwhile."""

        def work(answer: Any) -> Any:
            self.clock.rightNow += 0.004
            return answer

        waiting = [self.join().addCallback(work) for _ in range(7)]
        self.starts.flown[0].callback("answer")
        self.assertEqual(sum(each.called for each in waiting), 3)
        turn(self.clock)
        self.assertEqual(sum(each.called for each in waiting), 6)

    def test_who_leaves_before_his_turn_leaves_alone(self) -> None:
        waiting = [self.slow_join() for _ in range(4)]
        self.starts.flown[0].callback("answer")
        waiting[-1].cancel()
        self.failureResultOf(waiting[-1], CancelledError)
        again = self.join()
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(waiting[-2]), "answer")
        self.assertNoResult(again)
        self.assertEqual(self.starts.cancelled, [])

    def test_each_key_has_its_own_flight(self) -> None:
        first, second = self.join("a"), self.join("b")
        self.starts.flown[1].callback("b")
        self.assertEqual(self.successResultOf(second), "b")
        self.assertNoResult(first)

    def test_a_key_is_under_way_from_the_start_to_the_end(self) -> None:
        self.assertNotIn("a", self.flights)
        self.join()
        self.assertIn("a", self.flights)
        self.assertNotIn("b", self.flights)
        self.starts.flown[0].callback(1)
        self.assertNotIn("a", self.flights)

    def test_after_the_end_the_next_one_starts_anew(self) -> None:
        self.join()
        self.starts.flown[0].callback(1)
        second = self.join()
        self.assertEqual(len(self.starts.flown), 2)
        self.starts.flown[1].callback(2)
        self.assertEqual(self.successResultOf(second), 2)

    def test_a_flight_that_ends_at_once_leaves_the_key_free(self) -> None:
        self.assertEqual(
            self.successResultOf(self.flights.join("a", lambda: succeed(1))), 1
        )
        self.assertNotIn("a", self.flights)
        self.failureResultOf(
            self.flights.join("a", lambda: fail(KeyError("x"))), KeyError
        )
        self.assertNotIn("a", self.flights)

    def test_what_one_makes_of_the_answer_the_others_do_not_see(self) -> None:
        first, second = self.join(), self.join()
        first.addCallback(lambda _: "changed")
        self.starts.flown[0].callback("answer")
        self.assertEqual(self.successResultOf(second), "answer")

    def test_one_whose_callback_raises_harms_no_other(self) -> None:
        first, second = self.join(), self.join()
        first.addCallback(lambda _: 1 / 0)
        self.starts.flown[0].callback("answer")
        self.assertEqual(self.successResultOf(second), "answer")
        self.failureResultOf(first, ZeroDivisionError)


class Failing(FlightsCase):
    """A flight that fails."""

    def test_all_get_the_true_error(self) -> None:
        waiting = [self.join() for _ in range(3)]
        self.starts.flown[0].errback(KeyError("true"))
        for each in waiting:
            self.assertEqual(self.failureResultOf(each, KeyError).value.args, ("true",))
        self.assertNotIn("a", self.flights)

    def test_one_who_handles_the_error_does_not_handle_it_for_the_others(self) -> None:
        first, second = self.join(), self.join()
        first.addErrback(lambda _: "handled")
        self.starts.flown[0].errback(KeyError("true"))
        self.assertEqual(self.successResultOf(first), "handled")
        self.failureResultOf(second, KeyError)

    def test_a_start_that_raises_leaves_the_key_free(self) -> None:
        def broken() -> Deferred[Any]:
            raise KeyError("bug")

        with contextlib.suppress(KeyError):  # raising at once is as good as failing
            self.failureResultOf(self.flights.join("a", broken), KeyError)
        self.assertNotIn("a", self.flights)


class Leaving(FlightsCase):
    """A caller who leaves cancels only itself; the last one cancels the flight."""

    def test_one_of_several_leaves_alone(self) -> None:
        first, second, third = self.join(), self.join(), self.join()
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.starts.cancelled, [])
        self.starts.flown[0].callback("answer")
        self.assertEqual(self.successResultOf(first), "answer")
        self.assertEqual(self.successResultOf(third), "answer")

    def test_the_leader_leaves_and_the_followers_are_answered(self) -> None:
        leader, follower = self.join(), self.join()
        leader.cancel()
        self.failureResultOf(leader, CancelledError)
        self.assertEqual(self.starts.cancelled, [])
        self.starts.flown[0].callback("answer")
        self.assertEqual(self.successResultOf(follower), "answer")

    def test_the_last_one_cancels_the_flight_and_the_key_is_free(self) -> None:
        waiting = [self.join(), self.join()]
        for each in waiting:
            each.cancel()
        self.assertEqual(self.starts.cancelled, self.starts.flown)
        self.assertNotIn("a", self.flights)
        for each in waiting:
            self.failureResultOf(each, CancelledError)

    def test_the_next_one_is_not_told_of_the_flight_that_was_cancelled(self) -> None:
        left = self.join()
        left.cancel()
        self.failureResultOf(left, CancelledError)
        fresh = self.join()
        self.assertEqual(len(self.starts.flown), 2)
        self.assertNoResult(fresh)
        self.starts.flown[1].callback("answer")
        self.assertEqual(self.successResultOf(fresh), "answer")

    def test_a_flight_that_ends_late_reaches_nobody(self) -> None:
        slow: Deferred[Any] = Deferred()

        def stubborn() -> Deferred[Any]:
            # it hears that it is cancelled, and has something to finish first
            flight: Deferred[Any] = Deferred()
            return flight.addErrback(lambda _cancelled: slow)

        left = self.flights.join("a", stubborn)
        left.cancel()
        self.failureResultOf(left, CancelledError)
        fresh = self.join()
        slow.callback("old")
        self.assertNoResult(fresh)
        self.assertIn("a", self.flights)
        self.starts.flown[0].callback("new")
        self.assertEqual(self.successResultOf(fresh), "new")

    def test_who_has_the_answer_cancels_nothing_any_more(self) -> None:
        first = self.join()
        self.starts.flown[0].callback(1)
        second = self.join()
        first.cancel()
        self.assertEqual(self.successResultOf(first), 1)
        self.assertEqual(self.starts.cancelled, [])
        self.assertNoResult(second)


class Inside(FlightsCase):
    """What callbacks may do while the result is handed out."""

    def test_a_join_from_inside_a_callback_starts_a_new_flight(self) -> None:
        joined: list[Deferred[Any]] = []
        first, second = self.join(), self.join()
        first.addCallback(lambda _: joined.append(self.join()))
        self.starts.flown[0].callback("old")
        self.assertEqual(self.successResultOf(second), "old")
        self.assertEqual(len(self.starts.flown), 2)
        self.assertNoResult(joined[0])
        self.starts.flown[1].callback("new")
        self.assertEqual(self.successResultOf(joined[0]), "new")

    def test_a_callback_may_cancel_another_who_waits(self) -> None:
        first, second, third = self.join(), self.join(), self.join()
        first.addCallback(lambda _: second.cancel())
        self.starts.flown[0].callback("answer")
        self.assertIsNone(self.successResultOf(first))
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.successResultOf(third), "answer")

    def test_a_join_from_inside_the_start_waits_for_the_same_flight(self) -> None:
        inner: list[Deferred[Any]] = []

        def starting() -> Deferred[Any]:
            inner.append(self.join())
            return self.starts()

        outer = self.flights.join("a", starting)
        self.assertEqual(len(self.starts.flown), 1)
        self.starts.flown[0].callback(1)
        self.assertEqual(self.successResultOf(outer), 1)
        self.assertEqual(self.successResultOf(inner[0]), 1)


class Machine(RuleBasedStateMachine):
    """Any sequence of joining, leaving and landing, against a plain model."""

    waiters = Bundle("waiters")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.flights: Flights[int] = Flights(self.clock)
        self.work: dict[str, Deferred[int]] = {}
        self.waiting: dict[str, set[int]] = {}
        self.results: dict[int, Any] = {}
        self.count = 0
        self.starts = 0

    @rule(target=waiters, key=st.sampled_from("abc"))
    def join(self, key: str) -> tuple[int, str, Deferred[Any]]:
        self.count += 1
        number, before = self.count, self.starts

        def start() -> Deferred[int]:
            self.starts += 1
            self.work[key] = Deferred()
            return self.work[key]

        waiter = self.flights.join(key, start)
        assert self.starts - before == (0 if self.waiting.get(key) else 1)
        self.waiting.setdefault(key, set()).add(number)
        waiter.addBoth(lambda result: self.results.update({number: result}))
        return number, key, waiter

    @rule(one=waiters)
    def leave(self, one: tuple[int, str, Deferred[Any]]) -> None:
        number, key, waiter = one
        waited = number in self.waiting.get(key, ())
        waiter.cancel()
        if waited:
            self.waiting[key].remove(number)
            assert self.results[number].check(CancelledError)
            if not self.waiting[key]:
                assert self.work[key].called, "the last one cancels the flight"

    @rule(key=st.sampled_from("abc"), value=st.integers())
    def land(self, key: str, value: int) -> None:
        if self.waiting.get(key):
            self.work[key].callback(value)
            for number in self.waiting.pop(key):
                assert self.results[number] == value

    @invariant()
    def a_key_is_busy_while_someone_waits(self) -> None:
        for key in "abc":
            assert (key in self.flights) == bool(self.waiting.get(key))

    @invariant()
    def who_waits_has_no_result(self) -> None:
        waiting = {n for numbers in self.waiting.values() for n in numbers}
        assert not waiting & self.results.keys()
        assert len(waiting) + len(self.results) == self.count


class Sequences(SynchronousTestCase):
    def test_no_sequence_of_events_breaks_a_promise(self) -> None:
        run_state_machine_as_test(
            Machine,
            settings=examples(60),
        )
