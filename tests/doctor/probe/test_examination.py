"""The examination's own time."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.probe.examination import ended_or_late
from streamr.doctor.probe.run import ProbeLimits


class Time(SynchronousTestCase):
    """Nothing outlasts the limit."""

    def test_work_that_ends_is_waited_for(self) -> None:
        clock, working = Clock(), Deferred[None]()
        waiting = ended_or_late(working, 28.0, clock)
        self.assertNoResult(waiting)
        working.callback(None)
        self.successResultOf(waiting)
        self.assertEqual([], clock.getDelayedCalls())

    def test_work_that_does_not_end_is_left_and_cancelled(self) -> None:
        clock, left = Clock(), []
        working: Deferred[None] = Deferred(left.append)
        waiting = ended_or_late(working, 28.0, clock)
        clock.advance(28.0)
        self.successResultOf(waiting)
        self.assertEqual([working], left)
        self.assertTrue(working.called)

    def test_work_that_swallows_the_cancellation_holds_nobody_up(self) -> None:
        clock = Clock()
        working: Deferred[None] = Deferred(lambda cancelled: None)
        working.addErrback(lambda failure: failure.trap(CancelledError) and Deferred())
        waiting = ended_or_late(working, 28.0, clock)
        clock.advance(28.0)
        self.successResultOf(waiting)

    def test_an_error_of_the_work_is_not_swallowed(self) -> None:
        clock, working = Clock(), Deferred[None]()
        waiting = ended_or_late(working, 28.0, clock)
        working.errback(ZeroDivisionError())
        self.failureResultOf(waiting, ZeroDivisionError)

    def test_the_whole_takes_less_than_30_seconds(self) -> None:
        self.assertLess(ProbeLimits().total, 30.0)
        self.assertLess(ProbeLimits().tls + ProbeLimits().arms, ProbeLimits().total)
