"""Studies in a busy machine: what it could not hear counts for no arm."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.evidence import Handshake, Matrix, Place
from streamr.doctor.probe.lateness import LOOK_EVERY, Lateness
from streamr.doctor.probe.sampling import DEAD_TRIES
from streamr.doctor.probe.trials import Runner, names_study
from tests.doctor.scenes import DIRECT, HERE, OTHER, shaken

LIMIT = 2.5
UNTIL = 30.0


class Probing:
    """As a Prober: each handshake is silent, or stands at once."""

    def __init__(self, clock: Clock, silent: Callable[[str], bool]) -> None:
        self._clock = clock
        self._silent = silent

    async def shake(self, host: str, profile: str, place: Place) -> Handshake:
        if self._silent(host):
            await deferLater(self._clock, LIMIT)
            return shaken(host, place, "tls_timeout", profile=profile)
        return shaken(host, place, profile=profile)


class Busy(SynchronousTestCase):
    """A name at one address against another."""

    def study(self, silent: Callable[[str], bool], step: Callable[[], float]) -> Matrix:
        """What comes of it while the clock goes on in such steps."""
        self.clock = Clock()
        lateness = Lateness(self.clock)
        lateness.start()
        probing = Probing(self.clock, silent)
        runner = Runner(self.clock, probing, lateness, 12, 0.0)  # type: ignore[arg-type]
        study = names_study(DIRECT, OTHER, "classic", HERE)
        running = Deferred.fromCoroutine(runner.run(study, UNTIL, lambda text: None))
        while not running.called:
            self.clock.advance(step())
        return self.successResultOf(running)

    def test_silence_of_a_machine_in_time_is_counted(self) -> None:
        found = self.study(lambda host: host == DIRECT, lambda: LOOK_EVERY)
        self.assertEqual(0, found.discarded)
        self.assertEqual(
            [DIRECT], [found.arms[d.worse[0]].host for d in found.differences]
        )

    def test_rounds_that_a_busy_machine_could_not_hear_count_for_no_arm(self) -> None:
        found = self.study(lambda host: True, lambda: 1.0)
        self.assertEqual((), found.arms)
        self.assertGreater(found.discarded, 0)
        self.assertTrue(found.starved)
        # and it did not go on for ever
        self.assertLess(self.clock.seconds(), UNTIL + 2 * LIMIT)

    def test_after_the_stall_the_study_comes_to_its_end(self) -> None:
        found = self.study(
            lambda host: True,
            lambda: 1.0 if self.clock.seconds() < LIMIT else LOOK_EVERY,
        )
        self.assertGreater(found.discarded, 0)
        self.assertEqual(DEAD_TRIES, sum(arm.failed for arm in found.arms))
        self.assertFalse(found.starved)

    def test_what_is_heard_counts_however_late(self) -> None:
        found = self.study(lambda host: False, lambda: 1.0)
        self.assertEqual(0, found.discarded)
        self.assertFalse(any(arm.failed for arm in found.arms))
