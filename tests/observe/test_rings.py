"""Rings of intervals and the latency sketch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.observe.rings import Ring, Sketch
from tests.contracts.store import traced
from tests.properties import examples


class Rings(SynchronousTestCase):
    def test_what_happens_in_one_interval_is_counted_together(self) -> None:
        ring: Ring[list[str]] = Ring(10.0, 3, list)
        ring.at(0.0).append("a")
        ring.at(9.9).append("b")
        ring.at(10.0).append("c")
        self.assertEqual([[], ["a", "b"], ["c"]], ring.last(19.0))

    def test_what_is_older_than_the_ring_is_forgotten(self) -> None:
        ring: Ring[list[str]] = Ring(10.0, 3, list)
        ring.at(0.0).append("a")
        ring.at(30.0).append("b")
        self.assertEqual([[], [], ["b"]], ring.last(30.0))
        self.assertEqual(1, len(ring._kept))

    def test_a_part_of_it_is_the_newest(self) -> None:
        ring: Ring[list[str]] = Ring(10.0, 3, list)
        ring.at(0.0).append("a")
        ring.at(10.0).append("b")
        self.assertEqual([["b"]], ring.last(10.0, 1))
        self.assertEqual(3, len(ring.last(10.0, 99)))

    def test_an_interval_lasts_as_long_as_the_ring(self) -> None:
        for begin in (0.0, 20.0, 1_000_000.0):
            for later, there in ((0.0, True), (29.9, True), (30.0, False)):
                ring: Ring[list[str]] = Ring(10.0, 3, list)
                ring.at(begin).append("a")
                ring.at(begin + later).append("b")
                found = any("a" in each for each in ring.last(begin + later))
                self.assertEqual(found, there, (begin, later))

    def test_it_can_be_looked_at_before_anything_has_happened(self) -> None:
        ring: Ring[list[str]] = Ring(10.0, 3, list)
        self.assertEqual([[], [], []], ring.last(1_000_000.0))
        self.assertEqual([[], []], ring.last(1_000_000.0, 2))

    def test_many_intervals_take_no_more_room_than_the_ring(self) -> None:
        ring: Ring[list[str]] = Ring(10.0, 3, list)

        def filled() -> None:
            for number in range(2000):
                ring.at(number * 10.0).append("x" * 1000 + str(number))

        _, taken = traced(filled)
        self.assertLess(taken, 10_000)


class Sketches(SynchronousTestCase):
    def test_less_than_a_millisecond_is_half_of_one(self) -> None:
        for ms, found in ((0, 0.5), (0.999, 0.5), (1, 1.1**0.5), (1.09, 1.1**0.5)):
            sketch = Sketch()
            sketch.add(ms)
            self.assertEqual(found, sketch.quantile(1.0), ms)

    def test_nothing_takes_longer_than_an_hour(self) -> None:
        hour = 3_600_000
        told = []
        for ms in (hour / 1.2, hour, hour * 1.2, hour * 1000):
            sketch = Sketch()
            sketch.add(ms)
            told.append(sketch.quantile(1.0) or 0)
        self.assertLess(told[0], told[1])
        self.assertEqual(told[1], told[2])
        self.assertEqual(told[1], told[3])
        self.assertApproximates(hour, told[1], hour * 0.05)

    def test_a_quantile_is_reached_by_its_very_share(self) -> None:
        sketch = Sketch()
        for ms in (1, 10, 100, 1000):
            sketch.add(ms)
        for share, ms in ((0.25, 1), (0.26, 10), (0.5, 10), (0.75, 100), (0.76, 1000)):
            self.assertApproximates(ms, sketch.quantile(share) or 0, ms * 0.05)

    def test_equal_times_of_both_are_added_up(self) -> None:
        first, second = Sketch(), Sketch()
        for _ in range(2):
            first.add(10)
            second.add(10)
        first.add(1000)
        first.merge(second)
        self.assertApproximates(10, first.quantile(0.8) or 0, 0.5)
        self.assertApproximates(1000, first.quantile(0.81) or 0, 50)

    def test_without_any_there_is_no_quantile(self) -> None:
        self.assertIsNone(Sketch().quantile(0.5))

    @examples()
    @given(st.lists(st.integers(1, 60_000), min_size=1), st.floats(0.01, 1.0))
    def test_a_quantile_is_right_within_five_per_cent(
        self, times: list[int], share: float
    ) -> None:
        sketch = Sketch()
        for each in times:
            sketch.add(each)
        true = next(
            each
            for number, each in enumerate(sorted(times), start=1)
            if number >= share * len(times)
        )
        found = sketch.quantile(share)
        assert found is not None
        self.assertLessEqual(abs(found - true), true * 0.05)

    def test_merged_sketches_count_both(self) -> None:
        first, second = Sketch(), Sketch()
        first.add(10)
        second.add(1000)
        first.merge(second)
        self.assertApproximates(1000, first.quantile(1.0) or 0, 50)
        self.assertApproximates(10, first.quantile(0.5) or 0, 0.5)

    def test_no_time_needs_room_without_bound(self) -> None:
        sketch = Sketch()
        for power in range(40):
            sketch.add(10.0**power)
        self.assertLess(len(sketch._counts), 200)
