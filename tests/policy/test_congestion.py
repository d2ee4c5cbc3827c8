"""How much may be under way: TCP's rule, for requests."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.congestion import HANDSHAKE, LATE, LEAST_SIZE, QUICK, Window

MOST = 15
# what comes: quickly, with so many under way; or late, begun so many seconds ago
COMES = st.lists(
    st.one_of(
        st.tuples(st.just("quick"), st.integers(1, MOST)),
        st.tuples(st.just("late"), st.floats(0.0, 5.0)),
    ),
    max_size=60,
)


def after(comes: list[tuple[str, float]], window: Window | None = None) -> Window:
    """One of them each tenth of a second."""
    window = window or Window(MOST)
    for number, (how, value) in enumerate(comes):
        now = 100.0 + number / 10
        if how == "quick":
            window = window.widened(int(value))
        else:
            window = window.halved(now - value, now)
    return window


class Growing(SynchronousTestCase):
    def test_it_doubles_with_each_round_at_first(self) -> None:
        sizes, window = [], Window(MOST)
        for _ in range(4):
            sizes.append(window.places)
            window = after([("quick", window.places)] * window.places, window)
        self.assertEqual(sizes, [2, 4, 8, 15])

    def test_after_a_cut_it_grows_by_one_each_round(self) -> None:
        window = after([("late", 0.0)], Window(MOST, size=12.0))
        for places in (6, 7, 8):
            self.assertEqual(window.places, places)
            # a hair more than a round: 1/7 is no exact float
            window = after([("quick", MOST)] * (places + 1), window)

    def test_what_is_not_used_does_not_grow(self) -> None:
        window = after([("quick", 1)] * 100)
        self.assertEqual(window.places, 3)

    @given(COMES)
    def test_it_keeps_to_its_bounds_and_is_never_closed(
        self, comes: list[tuple[str, float]]
    ) -> None:
        self.assertIn(after(comes).places, range(int(LEAST_SIZE), MOST + 1))
        self.assertEqual(after(comes, Window(1)).places, 1)

    @given(COMES)
    def test_whatever_was_it_opens_again_when_all_comes_quickly(
        self, comes: list[tuple[str, float]]
    ) -> None:
        window = after([("quick", MOST)] * 150, after(comes))
        self.assertEqual(window.places, MOST)


class Shrinking(SynchronousTestCase):
    def test_late_is_half_and_never_less_than_two(self) -> None:
        window, sizes = Window(MOST, size=15.0), []
        for second in range(5):
            window = window.halved(float(second), float(second))
            sizes.append(window.places)
        self.assertEqual(sizes, [7, 3, 2, 2, 2])

    def test_half_is_that_of_what_may_be_under_way(self) -> None:
        window = after([("quick", MOST)] * 100)
        self.assertEqual(window.halved(200.0, 200.0).places, 7)

    def test_what_was_under_way_together_cuts_it_once(self) -> None:
        window = Window(MOST, size=12.0)
        for _ in range(12):
            window = window.halved(99.0, 100.0)
        self.assertEqual(window.places, 6)

    @given(COMES, st.floats(0.0, 5.0))
    def test_lateness_never_widens_it(
        self, comes: list[tuple[str, float]], ago: float
    ) -> None:
        window = after(comes)
        self.assertLessEqual(window.halved(200.0 - ago, 200.0).places, window.places)


class Paces(SynchronousTestCase):
    def test_distance_alone_is_neither_slow_nor_late(self) -> None:
        for pace in (QUICK, LATE):
            free = pace.allowance(HANDSHAKE, 0.0)
            self.assertAlmostEqual(pace.allowance(HANDSHAKE, 0.6), free + 0.6)

    @given(st.integers(0, 10**6), st.floats(0.0, 3.0))
    def test_what_is_late_is_not_quick(self, size: int, trips: float) -> None:
        self.assertLess(QUICK.allowance(size, trips), LATE.allowance(size, trips))
