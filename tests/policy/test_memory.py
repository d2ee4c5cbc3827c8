"""What is remembered of a route, and for how long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.memory import DAY, HALF_LIFE, LEAST, Remembered, is_proven, noted
from tests.properties import examples

NOW = 1_800_000_000.0
steady = examples()
attempts = st.lists(
    st.tuples(st.none() | st.floats(0, 1e5), st.floats(-DAY, 3 * DAY)), max_size=30
)


def after(*times: float | None, at: float = NOW) -> Remembered:
    """What is known after attempts that took so long, or failed."""
    known = Remembered()
    for ms in times:
        known = noted(known, ms, at)
    return known


class Proven(SynchronousTestCase):
    def test_of_what_was_never_tried_nothing_is_known(self) -> None:
        self.assertFalse(is_proven(Remembered(), NOW))
        self.assertFalse(is_proven(Remembered(worked=True, at=NOW), NOW))

    def test_of_it_nothing_counts_for_or_against(self) -> None:
        self.assertEqual(Remembered(), Remembered(0.0, 0.0, 0.0, False, 0.0))

    def test_the_least_that_is_remembered_is_enough(self) -> None:
        self.assertTrue(is_proven(Remembered(LEAST, 0.0, 40.0, True, NOW), NOW))

    def test_one_good_attempt_is_enough(self) -> None:
        self.assertTrue(is_proven(after(40.0), NOW))

    def test_the_first_contradiction_ends_it(self) -> None:
        self.assertFalse(is_proven(after(*[40.0] * 1000, None), NOW))

    def test_then_most_of_what_is_remembered_has_to_be_good(self) -> None:
        # four of five are, and three of four are not
        self.assertTrue(is_proven(after(None, 1.0, 1.0, 1.0, 1.0), NOW))
        self.assertFalse(is_proven(after(None, 1.0, 1.0, 1.0), NOW))

    def test_it_lasts_a_week_and_no_longer(self) -> None:
        known = after(40.0)
        self.assertEqual(DAY, 86_400.0)
        self.assertTrue(is_proven(known, NOW + 7 * DAY))
        self.assertFalse(is_proven(known, NOW + 7.2 * DAY))

    def test_a_month_after_any_number_of_good_ones_it_is_forgotten(self) -> None:
        self.assertFalse(is_proven(after(*[40.0] * 1000), NOW + 31 * DAY))

    def test_what_is_remembered_halves(self) -> None:
        known = noted(after(40.0, None), None, NOW + HALF_LIFE)
        self.assertEqual((known.good, known.bad), (0.5, 1.5))

    def test_an_old_failure_weighs_less(self) -> None:
        known = noted(after(None), 40.0, NOW + HALF_LIFE)
        self.assertFalse(is_proven(known, NOW + HALF_LIFE))
        known = noted(after(None), 40.0, NOW + 2 * HALF_LIFE)
        self.assertTrue(is_proven(known, NOW + 2 * HALF_LIFE))

    def test_a_clock_that_was_set_back_makes_nothing_more_certain(self) -> None:
        known = after(40.0)
        self.assertTrue(is_proven(known, NOW - 365 * DAY))
        back = noted(known, 40.0, NOW - 365 * DAY)
        self.assertEqual((back.good, back.at), (2.0, NOW - 365 * DAY))


class Latency(SynchronousTestCase):
    def test_the_first_is_what_is_usual(self) -> None:
        self.assertEqual(after(80.0).ms, 80.0)

    def test_then_the_last_counts_by_an_eighth(self) -> None:
        self.assertEqual(after(80.0, 160.0).ms, 90.0)
        self.assertEqual(after(80.0, 0.0).ms, 70.0)

    def test_a_failure_changes_nothing(self) -> None:
        self.assertEqual(after(80.0, None).ms, 80.0)
        self.assertEqual(after(None, None, 80.0).ms, 80.0)


class Promises(SynchronousTestCase):
    """Whatever is noted, whenever."""

    @steady
    @given(attempts)
    def test_it_stays_within_bounds_and_the_last_failure_decides(
        self, attempts: list[tuple[float | None, float]]
    ) -> None:
        known, now = Remembered(), NOW
        for ms, seconds in attempts:
            now += seconds
            known = noted(known, ms, now)
            self.assertLessEqual(0, min(known.good, known.bad, known.ms))
            self.assertLessEqual(known.good + known.bad, len(attempts) + 1e-9)
            self.assertLessEqual(known.ms, 1e5)
            if ms is None:
                self.assertFalse(is_proven(known, now))

    @steady
    @given(attempts, st.floats(0, 30 * DAY), st.floats(0, 30 * DAY))
    def test_what_was_forgotten_does_not_come_back(
        self,
        attempts: list[tuple[float | None, float]],
        one: float,
        other: float,
    ) -> None:
        known = Remembered()
        for ms, _ in attempts:
            known = noted(known, ms, NOW)
        soon, late = sorted((one, other))
        self.assertLessEqual(is_proven(known, NOW + late), is_proven(known, NOW + soon))
