"""The doctor's own lateness: measured, told to each trial, and never the network's."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.evidence import SILENCE, STARVED, Connect, is_starved
from streamr.doctor.probe.lateness import LOOK_EVERY, MOST_TRIES, Lateness
from streamr.errors import CAUSES
from tests.doctor.scenes import HERE

SILENT = Connect(HERE, "connection_timeout", 3000)


class Measured(SynchronousTestCase):
    """Lateness on a clock that jumps."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lateness = Lateness(self.clock)
        self.lateness.start()

    def test_a_reactor_in_time_is_never_late(self) -> None:
        self.clock.pump([LOOK_EVERY] * 30)
        self.assertAlmostEqual(self.lateness.worst, 0.0)

    def test_a_stall_is_told_in_seconds(self) -> None:
        self.clock.advance(LOOK_EVERY + 0.7)
        self.assertAlmostEqual(self.lateness.worst, 0.7)

    def test_a_stall_as_long_as_counts_is_met_wherever_it_begins(self) -> None:
        for before in (0.01, 0.05, 0.09):
            lateness = Lateness(clock := Clock())
            lateness.start()
            clock.advance(before)
            clock.advance(STARVED + LOOK_EVERY)
            self.assertGreaterEqual(lateness.worst, STARVED, before)

    def test_a_trial_is_told_the_worst_of_its_own_time_only(self) -> None:
        self.clock.advance(2.0)
        trial: Deferred[Connect] = Deferred()
        told = Deferred.fromCoroutine(self.lateness.told(trial))
        self.clock.advance(LOOK_EVERY + 0.3)
        self.clock.advance(LOOK_EVERY + 0.4)
        self.clock.pump([LOOK_EVERY] * 5)
        trial.callback(SILENT)
        self.assertEqual(replace(SILENT, lag=0.4), self.successResultOf(told))
        self.clock.advance(5.0)
        quick: Deferred[Connect] = Deferred()
        told = Deferred.fromCoroutine(self.lateness.told(quick))
        quick.callback(SILENT)
        self.assertEqual(SILENT, self.successResultOf(told))

    def test_a_timeout_in_a_stall_is_told_of_that_stall(self) -> None:
        """The look is due before the time is up, and both run in one late turn."""
        trial: Deferred[Connect] = Deferred()
        self.clock.callLater(3.0, trial.callback, SILENT)
        told = Deferred.fromCoroutine(self.lateness.told(trial))
        self.clock.pump([LOOK_EVERY] * 28)
        self.clock.advance(1.0)
        self.assertTrue(self.successResultOf(told).starved)

    def test_it_leaves_no_timer(self) -> None:
        self.clock.pump([LOOK_EVERY] * 3)
        self.lateness.stop()
        self.assertEqual([], self.clock.getDelayedCalls())


class Repeated(SynchronousTestCase):
    """A trial for which the machine was too busy is made again."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lateness = Lateness(self.clock)
        self.lateness.start()
        self.begun: list[Deferred[Connect]] = []
        self.found = Deferred.fromCoroutine(self.lateness.fair(self.begin))

    def begin(self) -> Deferred[Connect]:
        self.begun.append(Deferred())
        return self.begun[-1]

    def stall(self) -> None:
        self.clock.advance(LOOK_EVERY + STARVED + 0.1)

    def test_silence_in_a_stall_is_tried_again_and_the_answer_counts(self) -> None:
        self.stall()
        self.begun[0].callback(SILENT)
        self.assertNoResult(self.found)
        self.begun[1].callback(Connect(HERE, None, 9))
        self.assertIsNone(self.successResultOf(self.found).cause)

    def test_silence_of_a_machine_in_time_is_believed_at_once(self) -> None:
        self.clock.pump([LOOK_EVERY] * 30)
        self.begun[0].callback(SILENT)
        self.assertEqual(SILENT, self.successResultOf(self.found))

    def test_what_was_heard_in_a_stall_is_believed(self) -> None:
        self.stall()
        self.begun[0].callback(Connect(HERE, "connection_refused", 9))
        self.assertFalse(self.successResultOf(self.found).starved)

    def test_a_machine_that_stays_busy_is_not_pestered(self) -> None:
        for number in range(MOST_TRIES):
            self.assertNoResult(self.found)
            self.stall()
            self.begun[number].callback(SILENT)
        self.assertTrue(self.successResultOf(self.found).starved)
        self.assertEqual(MOST_TRIES, len(self.begun))


class Policy(SynchronousTestCase):
    """What says nothing."""

    def test_it_is_silence_while_we_were_late_and_nothing_else(self) -> None:
        for cause in (None, *CAUSES):
            for lag, late in ((0.0, False), (STARVED - 0.01, False), (STARVED, True)):
                self.assertEqual(
                    late and cause in SILENCE, is_starved(cause, lag), (cause, lag)
                )

    def test_every_silence_is_a_fault_of_the_table(self) -> None:
        self.assertLessEqual(SILENCE, set(CAUSES))
        timeouts = {name for name in CAUSES if name.endswith("_timeout")}
        self.assertEqual(timeouts, SILENCE)
