"""Keys that are left alone for a while."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.gateway.pauses import Pauses


class TheirTime(SynchronousTestCase):
    def test_a_key_is_left_alone_until_then_and_no_longer(self) -> None:
        pauses = Pauses(10)
        pauses.begin("a", 105.0)
        for now, held in ((100.0, True), (104.999, True), (105.0, False)):
            self.assertEqual(pauses.hold("a", now), held, now)
        self.assertFalse(pauses.hold("b", 100.0))

    def test_it_can_end_early_or_begin_anew(self) -> None:
        pauses = Pauses(10)
        pauses.begin("a", 105.0)
        pauses.end("a")
        pauses.end("never heard of")
        self.assertFalse(pauses.hold("a", 100.0))
        pauses.begin("a", 105.0)
        pauses.begin("a", 109.0)
        self.assertTrue(pauses.hold("a", 108.0))

    def test_beyond_the_bound_the_oldest_is_forgotten(self) -> None:
        pauses = Pauses(2)
        for key in ("a", "b", "a", "c"):  # "a" has begun anew
            pauses.begin(key, 105.0)
        held = [key for key in "abc" if pauses.hold(key, 100.0)]
        self.assertEqual(held, ["a", "c"])
