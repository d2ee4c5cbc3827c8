"""How much may be under way: TCP's rule, for requests."""

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.congestion import (
    FIRST_SIZE,
    FULL_LINE,
    HANDSHAKE,
    LATE,
    QUICK,
    Window,
    may_greet_at,
    may_knock_at,
)
from tests.properties import examples

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
        self.assertEqual(sizes, [1, 2, 4, 8])

    def test_after_a_cut_it_grows_by_one_each_round(self) -> None:
        window = after([("late", 0.0)], Window(MOST, size=12.0))
        for places in (6, 7, 8):
            self.assertEqual(window.places, places)
            # a hair more than a round: 1/7 is no exact float
            window = after([("quick", MOST)] * (places + 1), window)

    def test_what_is_not_used_does_not_grow(self) -> None:
        window = after([("quick", 1)] * 100)
        self.assertEqual(window.places, 3)

    @examples()
    @given(COMES)
    def test_it_keeps_to_its_bounds_and_is_never_closed(
        self, comes: list[tuple[str, float]]
    ) -> None:
        self.assertIn(after(comes).places, range(int(FIRST_SIZE), MOST + 1))
        self.assertEqual(after(comes, Window(1)).places, 1)

    @examples()
    @given(COMES)
    def test_whatever_was_it_opens_again_when_all_comes_quickly(
        self, comes: list[tuple[str, float]]
    ) -> None:
        window = after([("quick", MOST)] * 150, after(comes))
        self.assertEqual(window.places, MOST)


class Beginning(SynchronousTestCase):
    def test_one_is_enough_and_two_once_something_came_in_time(self) -> None:
        self.assertEqual(Window(MOST).places, 1)
        self.assertEqual(Window(MOST).opened().places, 2)
        self.assertEqual(Window(1).opened().places, 1)
        self.assertEqual(Window(MOST, size=6.0).opened().places, 6)

    def test_what_comes_late_then_opens_none(self) -> None:
        self.assertEqual(Window(MOST).halved(0.0, 1.0).places, 1)


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

    @examples()
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

    @examples()
    @given(st.integers(0, 10**6), st.floats(0.0, 3.0))
    def test_what_is_late_is_not_quick(self, size: int, trips: float) -> None:
        self.assertLess(QUICK.allowance(size, trips), LATE.allowance(size, trips))


# since when those before are silent, at 100
SILENT = st.lists(st.floats(50.0, 100.0), max_size=6)


class Knocking(SynchronousTestCase):
    def test_an_address_that_nobody_asks_is_asked_at_once(self) -> None:
        self.assertEqual(may_knock_at(100.0, []), 100.0)

    def test_one_more_each_time_after_twice_as_long(self) -> None:
        asked = [100.0]
        for _ in range(3):
            asked.append(may_knock_at(asked[-1], asked))
        self.assertEqual(asked, [100.0, 101.0, 103.0, 107.0])


class Greeting(SynchronousTestCase):
    def test_the_first_one_goes_at_once(self) -> None:
        self.assertEqual(may_greet_at(100.0, [], -math.inf, late=False), 100.0)

    def test_on_a_free_line_the_next_when_a_silence_is_unusual(self) -> None:
        for sent, at in (([100.0], 100.25), ([99.9, 100.0], 100.15), ([99.0], 100.0)):
            found = may_greet_at(100.0, sent, 100.0, late=False)
            self.assertAlmostEqual(found, at)

    def test_one_that_was_late_itself_waits_until_the_line_is_quiet(self) -> None:
        for sent, heard, at in (
            ([], 100.0, 101.0),
            ([100.0], 99.0, 101.0),
            ([99.0], 99.5, 100.5),
            ([99.0, 99.5], 90.0, 101.5),
            ([90.0], 91.0, 100.0),
        ):
            self.assertEqual(may_greet_at(100.0, sent, heard, late=True), at)

    @examples()
    @given(SILENT, st.floats(50.0, 100.0), st.booleans())
    def test_nothing_waits_for_ever_and_nothing_goes_back_in_time(
        self, sent: list[float], heard: float, late: bool
    ) -> None:
        for at in (
            may_knock_at(100.0, sent),
            may_greet_at(100.0, sent, heard, late=late),
        ):
            self.assertTrue(100.0 <= at <= 100.0 + FULL_LINE * 2 ** len(sent))
