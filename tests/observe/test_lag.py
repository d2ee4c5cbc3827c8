"""The reactor's lag, on a clock that jumps."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.observe.lag import EVERY, LoopLag


class Lagging(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.seen: list[float] = []
        self.lag = LoopLag(self.clock, self.seen.append)
        self.lag.start()

    def test_a_loop_that_is_in_time_has_none(self) -> None:
        self.clock.pump([EVERY] * 3)
        self.assertEqual(self.seen, [0.0] * 3)

    def test_a_stall_is_measured_once_and_the_next_look_begins_anew(self) -> None:
        self.clock.advance(EVERY + 2.0)
        self.clock.advance(EVERY)
        self.assertEqual(self.seen, [2.0, 0.0])

    def test_it_leaves_no_timer(self) -> None:
        self.clock.advance(EVERY)
        self.lag.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.lag.stop()
