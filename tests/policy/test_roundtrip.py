"""What is usual on a line, by RFC 6298."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.roundtrip import LASTS, Estimate
from tests.properties import examples

SECONDS = st.floats(0.001, 10.0)


def after(times: list[float]) -> Estimate:
    """One measurement each second, the last one at 100."""
    estimate = Estimate()
    for number, seconds in enumerate(times):
        estimate = estimate.seen(seconds, 101.0 + number - len(times))
    return estimate


class Usual(SynchronousTestCase):
    def test_nothing_measured_says_nothing(self) -> None:
        self.assertEqual(Estimate().usual(100.0), 0.0)

    def test_the_first_measurement_counts_three_times(self) -> None:
        self.assertEqual(after([0.5]).usual(100.0), 1.5)

    def test_the_second_weighs_an_eighth_and_a_quarter(self) -> None:
        found = after([0.5, 1.5])
        self.assertEqual((found.smoothed, found.variation), (0.625, 0.4375))

    @examples()
    @given(SECONDS)
    def test_the_same_again_and_again_is_all_that_is_usual(self, each: float) -> None:
        self.assertAlmostEqual(after([each] * 60).usual(100.0), each, places=3)

    @examples()
    @given(st.lists(SECONDS, min_size=1, max_size=40))
    def test_it_is_never_less_than_the_quickest_and_never_beyond_all_reason(
        self, times: list[float]
    ) -> None:
        found = after(times)
        low, high = min(times), max(times)
        self.assertTrue(low * 0.999 <= found.smoothed <= high * 1.001, found)
        self.assertLessEqual(found.usual(100.0), high + 4 * max(high / 2, high - low))

    @examples()
    @given(st.lists(SECONDS, min_size=1, max_size=40), SECONDS)
    def test_what_is_a_minute_old_is_forgotten(
        self, times: list[float], new: float
    ) -> None:
        found = after(times)
        self.assertGreater(found.usual(100.0 + LASTS), 0.0)
        later = 100.5 + LASTS
        self.assertEqual(found.usual(later), 0.0)
        self.assertEqual(found.seen(new, later), Estimate(new, new / 2, later))
