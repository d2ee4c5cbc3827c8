"""The circuit breaker: every row of its table, its numbers, and what it never does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import FrozenInstanceError, replace
from functools import reduce
from math import floor

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Blame
from streamr.policy.breaker import (
    FIRST_PAUSE,
    JITTER,
    LONGEST_PAUSE,
    TRIP_IN_ROW,
    TRIP_LEAST,
    WINDOW,
    Breaker,
    BreakerState,
    Failed,
    due,
    failed,
    hurried,
    postponed,
    probed_bad,
    probed_good,
    probing,
    succeeded,
)
from tests.properties import examples

MIDDLE = 0.5  # the chance at which a pause is neither longer nor shorter
CHANCES = st.floats(0, 1, exclude_max=True)
# Monotonic clocks begin anywhere, and a route may first be tried after days.
STARTS = (0.0, 0.75, 100.0, 86_400.5, 1e7)


def after(breaker: Breaker, good: bool, now: float, chance: float) -> Breaker:
    """After an answer, or after a failure that only the route can have."""
    if good:
        return succeeded(breaker, now)
    return failed(breaker, Failed(), now, chance)


def told(goods: str, breaker: Breaker | None = None, now: float = 100.0) -> Breaker:
    """The breaker after a row such as "+--", all within one second."""
    return reduce(
        lambda known, sign: after(known, sign == "+", now, MIDDLE),
        goods,
        breaker or Breaker(),
    )


def shared(good: int, bad: int, now: float = 100.0) -> Breaker:
    """The breaker after so many of each, never two bad in a row, a bad one last, and
    none of those before it a larger share than all of them are."""
    return told("+" * (good - bad) + "+-" * bad, now=now)


def opened(now: float = 100.0, chance: float = MIDDLE) -> Breaker:
    breaker = told("-" * (TRIP_IN_ROW - 1), now=now)
    return after(breaker, False, now, chance)


def reopened(times: int, chance: float = MIDDLE) -> Breaker:
    """Open, after so many failing probes; each comes when it is due."""
    breaker = opened(chance=chance)
    for _ in range(times):
        breaker = after(probing(breaker), False, breaker.until, chance)
    return breaker


class TheTable(SynchronousTestCase):
    """One test for each row of the module's docstring, in its order."""

    def test_closed_and_good_stays_closed_and_the_row_begins_anew(self) -> None:
        breaker = told("-" * (TRIP_IN_ROW - 1) + "+")
        self.assertIs(breaker.state, BreakerState.CLOSED)
        self.assertEqual(breaker.in_row, 0)
        self.assertTrue(told("-" * (TRIP_IN_ROW - 1), breaker).closed)

    def test_closed_and_the_fifth_bad_in_a_row_opens(self) -> None:
        self.assertEqual(TRIP_IN_ROW, 5)
        breaker = told("-----")
        self.assertIs(breaker.state, BreakerState.OPEN)
        self.assertEqual((breaker.pause, breaker.until), (5.0, 105.0))

    def test_closed_and_half_of_twenty_bad_opens(self) -> None:
        self.assertEqual(TRIP_LEAST, 20)
        # nineteen with a bad one last: enough bad, but too few of them
        self.assertTrue(told("-+" * 9 + "-").closed)
        self.assertIs(told("+-" * 10).state, BreakerState.OPEN)

    def test_closed_and_bad_otherwise_stays_closed(self) -> None:
        self.assertTrue(told("----").closed)
        for good, bad in ((11, 9), (11, 10), (20, 1), (51, 49), (201, 200), (900, 1)):
            self.assertTrue(shared(good, bad).closed, (good, bad))

    def test_half_is_counted_of_all_of_the_window_however_many(self) -> None:
        for good, bad in ((11, 10), (51, 50), (201, 200)):
            nearly = shared(good, bad)
            self.assertTrue(nearly.closed, (good, bad))
            one_more = after(nearly, False, 100.0, MIDDLE)
            self.assertIs(one_more.state, BreakerState.OPEN, (good, bad + 1))

    def test_open_and_a_probe_begins_is_half_open(self) -> None:
        breaker = opened()
        self.assertTrue(due(breaker, breaker.until))
        self.assertIs(probing(breaker).state, BreakerState.HALF_OPEN)

    def test_half_open_and_good_closes_with_nothing_held_against_it(self) -> None:
        self.assertEqual(after(probing(reopened(3)), True, 200, MIDDLE), Breaker())

    def test_half_open_and_bad_opens_with_twice_the_pause(self) -> None:
        breaker = after(probing(opened()), False, 110.0, MIDDLE)
        self.assertIs(breaker.state, BreakerState.OPEN)
        self.assertEqual((breaker.pause, breaker.until), (10.0, 120.0))

    def test_open_and_good_closes(self) -> None:
        self.assertEqual(after(opened(), True, 101.0, MIDDLE), Breaker())

    def test_open_and_bad_is_open_unchanged(self) -> None:
        breaker = opened()
        self.assertEqual(after(breaker, False, 104.9, MIDDLE), breaker)


class Counting(SynchronousTestCase):
    """What is counted, and for how long."""

    def test_five_in_a_row_count_however_far_apart(self) -> None:
        breaker = Breaker()
        for hour in range(TRIP_IN_ROW):
            self.assertTrue(breaker.closed)
            breaker = after(breaker, False, 3600.0 * hour, MIDDLE)
        self.assertFalse(breaker.closed)

    def test_one_good_in_between_breaks_the_row(self) -> None:
        self.assertTrue(told("----+----").closed)

    def test_what_is_older_than_the_window_is_forgotten(self) -> None:
        long_ago = told("+--" * 6 + "+", now=100.0)
        self.assertFalse(after(long_ago, False, 100.0, MIDDLE).closed)
        self.assertTrue(after(long_ago, False, 100.0 + WINDOW, MIDDLE).closed)

    def test_the_window_is_ten_seconds(self) -> None:
        lately = told("+-" * 9 + "+", now=100.0)
        self.assertFalse(after(lately, False, 109.999, MIDDLE).closed)
        self.assertTrue(after(lately, False, 110.0, MIDDLE).closed)

    def test_the_good_are_counted_as_good(self) -> None:
        self.assertTrue(told("+" * 100 + "-").closed)

    def test_what_came_earlier_in_the_window_leaves_it_earlier(self) -> None:
        breaker = told("+-" * 3, told("+-" * 6, now=100.0), now=105.0)
        # those of the first second are gone at 110, those of the sixth are not
        self.assertFalse(told("+-", breaker, now=109.9).closed)
        self.assertTrue(told("+-" * 6, breaker, now=110.0).closed)
        self.assertFalse(told("+-" * 7, breaker, now=110.0).closed)

    def test_the_rules_are_the_same_whenever_the_clock_began(self) -> None:
        for start in STARTS:
            self.assertTrue(told("----", now=start).closed, start)
            self.assertFalse(told("-----", now=start).closed, start)
            self.assertTrue(told("-+" * 9 + "-", now=start).closed, start)
            self.assertFalse(told("+-" * 10, now=start).closed, start)
            lately = told("+-" * 9 + "+", now=start)
            self.assertFalse(after(lately, False, start + 9, MIDDLE).closed, start)
            self.assertTrue(after(lately, False, start + 10, MIDDLE).closed, start)

    def test_what_is_nine_seconds_old_still_counts(self) -> None:
        # counted in whole seconds, so the window is between nine and ten long
        lately = told("+--" * 6 + "+", now=100.0)
        self.assertFalse(after(lately, False, 108.9, MIDDLE).closed)

    def test_ten_seconds_are_all_that_is_kept(self) -> None:
        breaker = Breaker()
        for tenth in range(10_000):
            breaker = after(breaker, tenth % 3 != 0, tenth / 10, MIDDLE)
        self.assertTrue(breaker.closed)
        self.assertLessEqual(len(breaker.recent), WINDOW + 1)

    def test_a_breaker_is_a_value(self) -> None:
        breaker = Breaker()
        after(breaker, False, 1.0, MIDDLE)
        self.assertEqual(breaker, Breaker())
        with self.assertRaises(FrozenInstanceError):
            breaker.in_row = 3  # type: ignore[misc]

    @given(
        st.lists(st.tuples(st.floats(0, 1.5), st.booleans()), min_size=1, max_size=60)
    )
    @examples(200)
    def test_it_opens_exactly_when_the_rules_say_so(
        self, events: list[tuple[float, bool]]
    ) -> None:
        """Against a plain reading of the rules: all events, counted anew each time."""
        breaker, now, seen = Breaker(), 50.0, []
        for wait, good in events:
            now += wait
            seen.append((now, good))
            breaker = after(breaker, good, now, MIDDLE)
            last = [each for _, each in seen[-TRIP_IN_ROW:]]
            lately = [each for at, each in seen if floor(at) > now - WINDOW]
            row = len(last) == TRIP_IN_ROW and not any(last)
            half = len(lately) >= TRIP_LEAST and lately.count(False) * 2 >= len(lately)
            self.assertEqual(breaker.closed, good or not (row or half))
            if not breaker.closed:
                return


def whole(resource: str = "/movie/1") -> Failed:
    """A whole answer that cannot be used."""
    return Failed(Blame.RESOURCE, resource)


def silent(resource: str = "/movie/1") -> Failed:
    """Silence, or a cut."""
    return Failed(Blame.EITHER, resource)


def after_all(failures: Iterable[Failed], breaker: Breaker, now: float) -> Breaker:
    """The breaker after failures of callers' requests, all at once."""
    for each in failures:
        breaker = failed(breaker, each, now, MIDDLE)
    return breaker


class Doubt(SynchronousTestCase):
    """Failures that may belong to what was asked, and not to the route."""

    def doubted(self, now: float = 100.0) -> Breaker:
        return after_all([whole()] * TRIP_IN_ROW, Breaker(), now)

    def test_whole_answers_never_open_it_however_many_and_of_whatever(self) -> None:
        many = [whole(f"/movie/{number}") for number in range(100)]
        for failures in ([whole()] * 100, many):
            breaker = after_all(failures, Breaker(), 100.0)
            self.assertTrue(breaker.closed)
            self.assertTrue(breaker.doubted)

    def test_the_fifth_failure_in_a_row_puts_it_in_doubt(self) -> None:
        for start in STARTS:
            four = after_all([whole()] * 4, Breaker(), start)
            self.assertFalse(four.doubted or due(four, start + 1e6))
            five = failed(four, whole(), start, MIDDLE)
            self.assertTrue(five.doubted and due(five, start))

    def test_failures_of_each_kind_make_one_row(self) -> None:
        for first in (Failed(), silent(), whole()):
            breaker = after_all([first, *[whole()] * 4], Breaker(), 100.0)
            self.assertTrue(breaker.doubted, first)

    def test_silence_of_five_resources_opens_it(self) -> None:
        several = [silent(f"/movie/{number}") for number in range(TRIP_IN_ROW)]
        self.assertTrue(after_all(several[:4], Breaker(), 100.0).closed)
        self.assertIs(after_all(several, Breaker(), 100.0).state, BreakerState.OPEN)

    def test_silence_of_one_resource_is_doubted_and_never_opens_it(self) -> None:
        breaker = after_all([silent()] * 100, Breaker(), 100.0)
        self.assertTrue(breaker.closed)
        self.assertTrue(breaker.doubted)

    def test_a_resource_that_has_failed_whole_is_doubtful_when_it_is_silent(
        self,
    ) -> None:
        breaker = after_all([whole(), silent()], Breaker(), 100.0)
        self.assertEqual((breaker.in_row, breaker.doubts), (0, 2))

    def test_five_connections_that_fail_open_it_in_doubt_too(self) -> None:
        breaker = after_all([Failed()] * 4, self.doubted(), 100.0)
        self.assertTrue(breaker.closed)
        opened = failed(breaker, Failed(), 100.0, MIDDLE)
        self.assertIs(opened.state, BreakerState.OPEN)

    def test_a_good_attempt_ends_the_doubt_and_the_row(self) -> None:
        breaker = succeeded(self.doubted(), 100.0)
        self.assertFalse(breaker.doubted or breaker.failing or breaker.doubts)
        self.assertFalse(after_all([whole()] * 4, breaker, 100.0).doubted)

    def test_it_stays_closed_while_it_is_probed(self) -> None:
        self.assertTrue(probing(self.doubted()).closed)

    def test_after_a_good_probe_it_is_trusted_for_five_seconds(self) -> None:
        for start in STARTS:
            breaker = probed_good(self.doubted(start), start)
            for later in (0.0, 4.9):
                more = [whole(f"/tv/{number}") for number in range(100)]
                kept = after_all(more, breaker, start + later)
                self.assertEqual(kept, breaker, (start, later))
            again = after_all([whole()] * TRIP_IN_ROW, breaker, start + 5.0)
            self.assertTrue(again.doubted and due(again, start + 5.0), start)

    def test_trust_outlives_good_attempts(self) -> None:
        breaker = succeeded(probed_good(self.doubted(), 100.0), 101.0)
        kept = after_all([whole()] * 100, breaker, 102.0)
        self.assertFalse(kept.doubted)

    def test_trust_is_for_answers_only(self) -> None:
        breaker = probed_good(self.doubted(), 100.0)
        self.assertFalse(after_all([Failed()] * 5, breaker, 101.0).closed)
        several = [silent(f"/movie/{number}") for number in range(TRIP_IN_ROW)]
        self.assertFalse(after_all(several, breaker, 101.0).closed)

    def test_a_bad_probe_opens_it_with_the_first_pause(self) -> None:
        breaker = probed_bad(self.doubted(), 101.0, MIDDLE)
        self.assertEqual(breaker, Breaker(BreakerState.OPEN, pause=5.0, until=106.0))

    def test_a_bad_probe_of_what_is_not_in_doubt_any_more_changes_nothing(self) -> None:
        self.assertEqual(probed_bad(Breaker(), 101.0, MIDDLE), Breaker())
        self.assertEqual(probed_bad(opened(), 101.0, MIDDLE), opened())

    def test_a_probe_that_said_nothing_is_repeated_after_a_pause(self) -> None:
        for chance, later in ((0.0, 4.0), (MIDDLE, 5.0)):
            breaker = postponed(self.doubted(), 200.0, chance)
            self.assertTrue(breaker.doubted)
            self.assertFalse(due(breaker, 200.0 + later - 0.001))
            self.assertTrue(due(breaker, 200.0 + later))

    def test_what_answers_cause_changes_none_that_is_open_or_probed(self) -> None:
        for breaker in (opened(), probing(opened())):
            self.assertEqual(failed(breaker, whole(), 101.0, MIDDLE), breaker)
        self.assertEqual(failed(opened(), silent(), 101.0, MIDDLE), opened())

    def test_what_is_kept_of_a_row_is_bounded(self) -> None:
        many = [
            kind(f"/movie/{number}") for number in range(500) for kind in (whole, whole)
        ]
        self.assertEqual(len(after_all(many, Breaker(), 1.0).failing), 3)


class News(SynchronousTestCase):
    """Somebody has repaired something: what is open is probed at once."""

    def test_one_that_is_open_is_due_now_with_the_first_pause(self) -> None:
        breaker = hurried(reopened(6), 50.0)
        self.assertTrue(due(breaker, 50.0))
        again = after(probing(breaker), False, 50.0, MIDDLE)
        self.assertEqual(again.pause, 2 * FIRST_PAUSE)

    def test_so_is_one_whose_probe_was_given_up(self) -> None:
        self.assertTrue(due(hurried(probing(reopened(6)), 50.0), 50.0))

    def test_one_that_is_closed_is_as_it_was(self) -> None:
        for breaker in (Breaker(), told("---")):
            self.assertEqual(hurried(breaker, 50.0), breaker)


class Pauses(SynchronousTestCase):
    """Five seconds, doubling to 37.5, each a fifth longer or shorter."""

    def test_the_pauses_double_up_to_45_seconds_with_the_jitter(self) -> None:
        pauses = [reopened(times).pause for times in range(8)]
        self.assertEqual(pauses, [5, 10, 20, *[37.5] * 5])
        self.assertEqual(LONGEST_PAUSE * (1 + JITTER), 45)

    def test_chance_moves_a_pause_by_a_fifth_at_most(self) -> None:
        self.assertEqual(JITTER, 0.2)
        for chance, seconds in ((0.0, 4.0), (0.5, 5.0), (0.999999, 6.0)):
            until = opened(now=100.0, chance=chance).until
            self.assertAlmostEqual(until - 100.0, seconds, places=4)

    @given(st.integers(0, 12), CHANCES)
    @examples()
    def test_a_varied_pause_never_adds_up(self, times: int, chance: float) -> None:
        breaker = reopened(times, chance)
        self.assertEqual(breaker.pause, min(FIRST_PAUSE * 2**times, LONGEST_PAUSE))

    def test_a_probe_is_due_when_the_pause_is_over_and_not_before(self) -> None:
        for start in STARTS:
            breaker, now = opened(now=start), start
            for pause in (5, 10, 20, *[37.5] * 5):
                case = (start, pause)
                self.assertFalse(due(breaker, now), case)
                self.assertFalse(due(breaker, now + pause - 0.001), case)
                self.assertTrue(due(breaker, now + pause), case)
                self.assertTrue(due(breaker, now + pause + 1e6), case)
                now += pause + 0.5  # the prober comes a little late
                breaker = after(probing(breaker), False, now, MIDDLE)

    def test_every_pause_is_varied_by_a_fifth_of_itself(self) -> None:
        for times, pause in enumerate((5, 10, 20, *[37.5] * 5)):
            before = probing(reopened(times - 1)) if times else told("----")
            for chance, share in ((0.0, 0.8), (0.25, 0.9), (0.75, 1.1)):
                breaker = after(before, False, 1e4, chance)
                self.assertAlmostEqual(breaker.until - 1e4, pause * share, places=6)

    def test_a_probe_that_said_nothing_is_repeated_after_the_same_pause(self) -> None:
        for times, pause in enumerate((5, 10, 20)):
            for chance, share in ((0.0, 0.8), (MIDDLE, 1.0)):
                breaker = postponed(probing(reopened(times)), 500.0, chance)
                self.assertIs(breaker.state, BreakerState.OPEN)
                self.assertEqual(
                    (breaker.pause, breaker.until), (pause, 500.0 + share * pause)
                )
                # the next that fails doubles that pause, as if it were the first
                again = after(probing(breaker), False, 600.0, MIDDLE)
                longer = min(2 * pause, LONGEST_PAUSE)
                self.assertEqual((again.pause, again.until), (longer, 600 + longer))

    def test_a_probe_that_said_nothing_changes_no_breaker_that_moved_on(self) -> None:
        # a caller's last resort was faster than the probe
        for breaker in (Breaker(), told("----"), opened(), reopened(2)):
            self.assertEqual(postponed(breaker, 500.0, MIDDLE), breaker)

    def test_none_is_due_when_closed_or_while_one_runs(self) -> None:
        self.assertFalse(due(Breaker(), 1e9))
        self.assertFalse(due(probing(opened()), 1e9))

    def test_after_closing_the_first_pause_is_short_again(self) -> None:
        breaker = after(probing(reopened(6)), True, 1000.0, MIDDLE)
        self.assertEqual(told("-----", breaker, 1000.0).pause, FIRST_PAUSE)

    def test_the_row_and_the_counts_begin_anew_after_closing(self) -> None:
        breaker = after(opened(), True, 101.0, MIDDLE)
        self.assertTrue(told("----", breaker, 101.0).closed)


class Prober(RuleBasedStateMachine):
    """A breaker, its callers and its prober: any events, at any times."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.now, self.probes = Breaker(), 1000.0, 0

    def note(self, good: bool, chance: float) -> None:
        self.breaker = after(self.breaker, good, self.now, chance)

    @rule(seconds=st.floats(0, 1000))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(good=st.booleans(), chance=CHANCES)
    def an_attempt_ends(self, good: bool, chance: float) -> None:
        """A caller's attempt, a last resort, a straggler: in any state."""
        self.note(good, chance)
        if self.breaker.state is not BreakerState.HALF_OPEN:
            self.probes = 0  # what the probe will say speaks to another state

    @rule(count=st.integers(1, 6), chance=CHANCES)
    def some_fail_in_a_row(self, count: int, chance: float) -> None:
        for _ in range(count):
            self.an_attempt_ends(False, chance)

    @rule()
    def the_prober_looks(self) -> None:
        if due(self.breaker, self.now):
            assert self.probes == 0, "a second probe"
            self.breaker, self.probes = probing(self.breaker), 1

    @rule(good=st.booleans(), chance=CHANCES)
    def the_probe_ends(self, good: bool, chance: float) -> None:
        if self.probes:
            self.probes = 0
            self.note(good, chance)
            assert self.breaker.closed is good

    @invariant()
    def there_is_always_a_way_out(self) -> None:
        """Wait for the pause, probe once, find it good: closed, from any state."""
        breaker = self.breaker
        if breaker.state is BreakerState.OPEN:
            assert breaker.until <= self.now + LONGEST_PAUSE * (1 + JITTER)
            assert FIRST_PAUSE <= breaker.pause <= LONGEST_PAUSE
            assert due(breaker, max(self.now, breaker.until))
            breaker = probing(breaker)
        assert after(breaker, True, self.now, MIDDLE).closed

    @invariant()
    def half_open_is_the_state_with_a_probe(self) -> None:
        assert (self.breaker.state is BreakerState.HALF_OPEN) == (self.probes == 1)

    @invariant()
    def what_is_kept_is_bounded(self) -> None:
        assert len(self.breaker.recent) <= WINDOW + 1
        assert self.breaker.in_row < TRIP_IN_ROW


class AnySequence(SynchronousTestCase):
    def test_nothing_leaves_it_open_for_ever_or_probes_twice(self) -> None:
        run_state_machine_as_test(
            Prober,
            settings=examples(150, stateful_step_count=40),
        )

    @given(CHANCES, st.floats(0, 1e6))
    @examples()
    def test_a_route_that_stays_dead_is_probed_for_ever(
        self, chance: float, start: float
    ) -> None:
        breaker = replace(opened(chance=chance), until=start)
        for _ in range(20):
            now = breaker.until
            self.assertTrue(due(breaker, now))
            breaker = after(probing(breaker), False, now, chance)
            self.assertGreater(breaker.until, now)
