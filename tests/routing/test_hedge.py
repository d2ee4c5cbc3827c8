"""Hedging by itself: when the rest starts, who wins, and what becomes of the loser."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Answer
from streamr.errors import Fault
from streamr.interfaces import Progress
from streamr.routing.hedge import Race, Rest, Silence
from tests.support import GOOD, late

OTHER = Answer(200, b'{"id":551}')


def stubborn() -> tuple[Deferred[Answer], Deferred[Answer]]:
    """A way that has to end something first when it is cancelled, and what it brings
    in the end."""
    answer: Deferred[Answer] = Deferred(lambda _answer: None)
    way: Deferred[Answer] = Deferred()
    return way.addErrback(lambda _cancelled: answer), answer


class RaceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.told: list[str] = []
        self.begin_race(
            Deferred(lambda _: self.told.append("first ends")),
            Deferred(lambda _: self.told.append("rest ends")),
        )

    def begin_race(self, first: Deferred[Answer], second: Deferred[Answer]) -> None:
        """A race between two ways."""
        self.clock = late()
        self.told.clear()
        self.allowed = True
        self.asked = 0
        self.patience = 0.25
        self.first, self.second = first, second
        self.rest = Rest(self.begin)
        self.race = Race(
            self.start,
            self.rest,
            self.clock,
            self.may_hedge,
            lambda: self.told.append("hedged"),
            lambda: self.told.append("decided"),
            lambda: self.patience,
        )
        self.won = self.race.won

    def start(self, silence: Silence) -> Deferred[Answer]:
        self.silence: Progress = silence
        return self.first

    def begin(self) -> Deferred[Answer]:
        self.told.append("rest begins")
        return self.second

    def may_hedge(self) -> bool:
        self.asked += 1
        return self.allowed

    def begun(self, seconds: float) -> bool:
        """Whether the rest has begun after so many seconds more."""
        self.clock.advance(seconds)
        return self.rest.begun

    def hedge(self) -> None:
        self.assertTrue(self.begun(0.25))
        self.assertEqual(self.told, ["hedged", "rest begins"])
        self.told.clear()


class Silent(RaceCase):
    """When the rest starts."""

    def test_after_a_quarter_of_a_second_of_silence_and_not_before(self) -> None:
        self.assertFalse(self.begun(0.249))
        self.assertEqual(self.asked, 0)
        self.assertTrue(self.begun(0.001))
        self.assertEqual(self.told, ["hedged", "rest begins"])
        self.assertEqual((self.asked, self.clock.getDelayedCalls()), (1, []))

    def test_on_a_slower_line_after_what_is_usual_there(self) -> None:
        self.patience = 0.9
        self.assertFalse(self.begun(0.899))
        self.assertEqual(self.asked, 0)
        self.assertTrue(self.begun(0.001))

    def test_what_is_learned_while_it_is_silent_counts(self) -> None:
        self.clock.advance(0.2)
        self.patience = 0.6
        self.assertFalse(self.begun(0.399))
        self.assertTrue(self.begun(0.001))

    def test_who_has_spoken_is_not_hedged(self) -> None:
        self.silence.first_byte()
        self.assertFalse(self.begun(10.0))
        self.assertEqual(self.asked, 0)

    def test_signs_of_life_begin_it_anew(self) -> None:
        for _ in range(3):
            self.clock.advance(0.2)
            self.silence.alive()
        self.assertFalse(self.begun(0.249))
        self.assertTrue(self.begun(0.001))

    def test_who_has_spoken_stays_so(self) -> None:
        self.silence.first_byte()
        self.silence.alive()
        self.assertFalse(self.begun(10.0))

    def test_in_a_queue_there_is_patience_and_silence_counts_from_its_end(self) -> None:
        self.clock.advance(0.2)
        self.silence.queued()
        self.assertFalse(self.begun(10.0))
        self.silence.sent()
        self.assertFalse(self.begun(0.249))
        self.assertTrue(self.begun(0.001))

    def test_leaving_without_a_queue_does_not_begin_it_anew(self) -> None:
        self.clock.advance(0.2)
        self.silence.sent()
        self.assertFalse(self.begun(0.049))
        self.assertTrue(self.begun(0.001))

    def test_leaving_a_queue_early_begins_it_anew_with_one_timer(self) -> None:
        self.silence.queued()
        self.clock.advance(0.1)
        self.silence.sent()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertFalse(self.begun(0.249))
        self.assertTrue(self.begun(0.001))

    def test_without_leave_it_is_asked_for_again_every_tenth_of_a_second(self) -> None:
        self.allowed = False
        self.clock.advance(0.25)
        for times in (1, 2, 3):
            self.assertEqual((self.asked, self.told), (times, []))
            self.clock.advance(0.099)
            self.assertEqual(self.asked, times)
            self.clock.advance(0.001)
        self.allowed = True
        self.clock.advance(0.1)
        self.assertEqual(self.told, ["hedged", "rest begins"])

    def test_a_first_byte_ends_the_asking(self) -> None:
        self.allowed = False
        self.clock.advance(0.25)
        self.silence.first_byte()
        self.allowed = True
        self.assertFalse(self.begun(5.0))
        self.assertEqual((self.asked, self.clock.getDelayedCalls()), (1, []))

    def test_a_rest_that_runs_already_is_not_begun_a_second_time(self) -> None:
        self.rest.wait()
        self.told.clear()
        self.clock.advance(1.0)
        self.silence.queued()
        self.silence.sent()
        self.clock.advance(1.0)
        self.assertEqual((self.told, self.asked), ([], 0))

    def test_when_there_is_nothing_to_hedge_no_timer_is_set(self) -> None:
        for won in (True, False):
            self.setUp()
            if won:
                self.first.callback(GOOD)
            else:
                self.hedge()
            self.silence.queued()
            self.silence.sent()
            self.assertEqual(self.clock.getDelayedCalls(), [], won)


class Winning(RaceCase):
    """The first good answer."""

    def test_the_first_way_wins_alone(self) -> None:
        self.first.callback(GOOD)
        self.assertIs(self.successResultOf(self.won), GOOD)
        self.assertEqual(self.told, ["decided"])
        self.assertFalse(self.begun(5.0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_first_way_wins_over_a_rest_that_is_cancelled(self) -> None:
        self.hedge()
        self.first.callback(GOOD)
        self.assertIs(self.successResultOf(self.won), GOOD)
        self.assertEqual(self.told, ["decided", "rest ends"])

    def test_the_rest_wins_and_the_first_way_is_cancelled(self) -> None:
        self.hedge()
        self.second.callback(OTHER)
        self.assertIs(self.successResultOf(self.won), OTHER)
        self.assertEqual(self.told, ["decided", "first ends"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_loser_that_answers_all_the_same_changes_nothing(self) -> None:
        for first_loses in (True, False):
            loser, answer = stubborn()
            winner: Deferred[Answer] = Deferred()
            ways = (loser, winner) if first_loses else (winner, loser)
            self.begin_race(*ways)
            self.hedge()
            winner.callback(GOOD)
            answer.callback(OTHER)
            self.assertIs(self.successResultOf(self.won), GOOD)
            self.assertEqual(self.told, ["decided"], first_loses)


class Losing(RaceCase):
    """Failures."""

    def test_a_first_way_that_fails_alone_fails_the_race_at_once(self) -> None:
        fault = Fault("tls_reset")
        self.first.errback(fault)
        self.assertIs(self.failureResultOf(self.won, Fault).value, fault)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.begun(5.0))
        self.assertEqual(self.told, [])

    def test_a_first_way_that_fails_beside_a_hedge_waits_for_it(self) -> None:
        self.hedge()
        self.first.errback(Fault("tls_reset"))
        self.assertNoResult(self.won)
        self.second.callback(OTHER)
        self.assertIs(self.successResultOf(self.won), OTHER)

    def test_when_both_fail_the_failure_is_the_first_ways(self) -> None:
        for order in ("first second", "second first"):
            self.setUp()
            self.hedge()
            faults = {"first": Fault("tls_reset"), "second": Fault("dns_error")}
            for name in order.split():
                self.assertNoResult(self.won)
                getattr(self, name).errback(faults[name])
            fault = self.failureResultOf(self.won, Fault).value
            self.assertIs(fault, faults["first"], order)

    def test_a_rest_that_fails_leaves_the_first_way_its_chance(self) -> None:
        self.hedge()
        self.second.errback(Fault("dns_error"))
        self.assertNoResult(self.won)
        self.first.callback(GOOD)
        self.assertIs(self.successResultOf(self.won), GOOD)


class Leaving(RaceCase):
    """Whoever waits may go."""

    def test_who_leaves_ends_both_ways_and_every_timer(self) -> None:
        for hedged, ended in ((False, ["first ends"]), (True, None)):
            self.setUp()
            if hedged:
                self.hedge()
            self.won.cancel()
            self.assertEqual(self.told, ended or ["first ends", "rest ends"])
            self.failureResultOf(self.won, CancelledError)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_answer_that_comes_all_the_same_wins_nothing(self) -> None:
        first, answer = stubborn()
        self.begin_race(first, Deferred())
        self.won.cancel()
        self.failureResultOf(self.won, CancelledError)
        answer.callback(GOOD)
        self.assertEqual(self.told, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Silences(SynchronousTestCase):
    """How long the other side has been silent."""

    def test_it_counts_from_when_the_attempt_left(self) -> None:
        clock = late()
        anew: list[float] = []
        silence = Silence(clock, lambda: anew.append(clock.seconds()))
        self.assertEqual((silence.broken, silence.since), (False, 0.0))
        silence.sent()
        self.assertEqual((silence.broken, silence.since, anew), (False, 5000.0, []))
        silence.queued()
        self.assertTrue(silence.broken)
        clock.advance(2.0)
        silence.sent()
        self.assertEqual((silence.broken, silence.since), (False, 5002.0))
        self.assertEqual(anew, [5002.0])
        silence.first_byte()
        self.assertTrue(silence.broken)

    def test_nobody_need_listen(self) -> None:
        silence = Silence(late())
        silence.queued()
        silence.sent()
        self.assertFalse(silence.broken)


class Rests(SynchronousTestCase):
    """The ways after the first."""

    def setUp(self) -> None:
        self.starts = 0
        self.cancelled = 0
        self.work: Deferred[Answer] = Deferred(self.cancel)
        self.rest = Rest(self.start)

    def start(self) -> Deferred[Answer]:
        self.starts += 1
        return self.work

    def cancel(self, _work: Deferred[Answer]) -> None:
        self.cancelled += 1

    def test_it_is_begun_once_for_all_who_wait(self) -> None:
        self.assertFalse(self.rest.begun)
        waiting = [self.rest.wait(), self.rest.wait()]
        self.assertEqual((self.rest.begun, self.starts), (True, 1))
        self.work.callback(GOOD)
        for each in (*waiting, self.rest.wait()):
            self.assertIs(self.successResultOf(each), GOOD)
        self.assertEqual(self.starts, 1)

    def test_its_failure_reaches_all_who_wait(self) -> None:
        waiting = [self.rest.wait(), self.rest.wait()]
        self.work.errback(Fault("dns_error"))
        for each in (*waiting, self.rest.wait()):
            self.failureResultOf(each, Fault)

    def test_cancelling_stops_it_while_it_runs_and_only_then(self) -> None:
        self.rest.cancel()
        waiting = self.rest.wait()
        self.assertEqual(self.cancelled, 0)
        self.rest.cancel()
        self.assertEqual(self.cancelled, 1)
        self.failureResultOf(waiting, CancelledError)
        self.setUp()
        ended = self.rest.wait()
        self.work.callback(GOOD)
        self.rest.cancel()
        self.assertEqual((self.cancelled, self.successResultOf(ended)), (0, GOOD))

    def test_who_waits_and_leaves_stops_it(self) -> None:
        waiting = self.rest.wait()
        waiting.cancel()
        self.assertEqual(self.cancelled, 1)
        self.failureResultOf(waiting, CancelledError)

    def test_who_has_left_is_not_told_what_it_brings_all_the_same(self) -> None:
        self.work, answer = stubborn()
        waiting, other = self.rest.wait(), self.rest.wait()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        answer.callback(GOOD)
        self.assertIs(self.successResultOf(other), GOOD)
