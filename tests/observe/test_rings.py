"""Rings of intervals and the latency sketch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.observe.rings import Ring, Sketch


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


class Sketches(SynchronousTestCase):
    def test_without_any_there_is_no_quantile(self) -> None:
        self.assertIsNone(Sketch().quantile(0.5))

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
