"""What the doctor takes a line for, over lines that carry a given rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from streamr.config.load import take_stock
from streamr.doctor.evidence import Connect, Handshake, MeasuredLine, NameLookup, Place
from streamr.doctor.probe.run import Case, ProbeLimits
from streamr.doctor.probe.step_line import Measuring, cost, rate_of
from tests.doctor.scenes import DIRECT, HERE, OTHER, THERE, shaken

RTT = 0.02
# Bytes that come in a handshake, and those that go out first.
FLIGHT, HELLO = 3000, 500


class Wire:
    """As a Prober on a line that carries so many bytes a second."""

    def __init__(self, clock: Clock, rate: float, *, at_once: int = FLIGHT) -> None:
        """`at_once` bytes of each flight come together."""
        self.clock = clock
        self.rate = rate
        self.together = at_once
        self.free_at = 0.0
        self.made: list[str] = []
        self.paced: list[int] = []
        # how long the machine holds up the first handshakes that are made together
        self.held = 0.0
        self.cause: Callable[[str], str | None] = lambda host: None

    def pace(self, at_once: int) -> None:
        self.paced.append(at_once)

    async def shake(self, host: str, profile: str, place: Place) -> Handshake:
        self.made.append(host)
        began = self.clock.seconds()
        cause = self.cause(host)
        if cause is not None:
            await deferLater(self.clock, 2.5 if cause == "tls_timeout" else RTT)
            return shaken(host, place, cause)
        self.free_at = max(began, self.free_at) + FLIGHT / self.rate
        held = self.held if 1 < len(self.made) < 6 else 0.0
        await deferLater(self.clock, self.free_at - began + 2 * RTT + held)
        waited = FLIGHT - self.together
        return replace(
            shaken(host, place),
            ms=round((self.clock.seconds() - began) * 1000),
            hello=HELLO,
            size=FLIGHT,
            waited=waited,
            waited_ms=round(waited / self.rate * 1000),
        )


class Measured(SynchronousTestCase):
    """One handshake alone, then a few together."""

    def measured(
        self,
        rate: float = 1e6,
        at_once: int = FLIGHT,
        cause: Callable[[str], str | None] = lambda host: None,
        held: float = 0.0,
    ) -> MeasuredLine | None:
        clock = Clock()
        stock = take_stock({}, {}, needs_key=False)
        assert stock.settings is not None
        case = Case(
            clock, stock.settings, ProbeLimits(), lambda *_: None, clock.seconds
        )
        case.lookups = [
            NameLookup(DIRECT, "system", (HERE,)),
            NameLookup(OTHER, "system", (THERE,)),
        ]
        case.connects = [Connect(HERE, None, 20), Connect(THERE, None, 20)]
        self.line = Wire(clock, rate, at_once=at_once)
        self.line.cause, self.line.held = cause, held
        measuring = Measuring(case, self.line)  # type: ignore[arg-type]
        running = Deferred.fromCoroutine(measuring.measure())
        while not running.called:
            clock.advance(0.005)
        self.successResultOf(running)
        return case.line

    def test_the_rate_shows_in_the_flight_that_comes_in_parts(self) -> None:
        for rate in (2500, 8000, 16000):
            found = self.measured(rate, at_once=1000)
            assert found is not None
            self.assertEqual(rate, found.rate)
            self.assertTrue(found.is_slow)
            self.assertEqual(1, len(self.line.made))

    def test_it_shows_in_several_where_each_flight_comes_at_once(self) -> None:
        for rate in (2500, 8000, 16000):
            found = self.measured(rate)
            sure = rate < 9000
            self.assertEqual(5 if sure else 9, len(self.line.made))
            assert found is not None and found.rate is not None
            self.assertTrue(found.is_slow)
            self.assertLess(abs(found.rate / rate - 1), 0.2)

    def test_a_quick_line_is_not_slow_and_costs_two_batches_at_most(self) -> None:
        for rate in (1e5, 1e6, 1e8):
            found = self.measured(rate)
            assert found is not None
            self.assertFalse(found.is_slow)
            self.assertEqual(5, len(self.line.made))

    def test_a_machine_that_was_held_up_once_makes_no_slow_line(self) -> None:
        found = self.measured(1e6, held=0.9)
        assert found is not None
        self.assertFalse(found.is_slow)
        self.assertEqual(9, len(self.line.made))

    def test_a_quarter_second_may_be_the_machines(self) -> None:
        found = self.measured(1e6, held=0.25)
        assert found is not None
        self.assertIsNone(found.rate)
        self.assertEqual(5, len(self.line.made))

    def test_the_others_keep_to_what_the_line_carries_in_a_second(self) -> None:
        for rate, at_once in ((2500, 1), (8000, 2), (1e6, 12)):
            self.measured(rate, at_once=1000)
            self.assertEqual([at_once], self.line.paced)

    def test_of_a_name_that_is_reset_nothing_shows_and_the_other_is_asked(self) -> None:
        reset: Callable[[str], str | None] = {DIRECT: "tls_reset"}.get
        self.assertIsNotNone(self.measured(cause=reset))
        self.assertEqual([DIRECT, OTHER], self.line.made[:2])

    def test_after_silence_no_more_time_is_spent(self) -> None:
        silent: Callable[[str], str | None] = {DIRECT: "tls_timeout"}.get
        self.assertIsNone(self.measured(cause=silent))
        self.assertEqual([DIRECT], self.line.made)

    def test_what_a_busy_machine_measures_is_no_rate(self) -> None:
        slow = replace(shaken(DIRECT, HERE), size=FLIGHT, waited=2000, waited_ms=1000)
        self.assertEqual(2000, rate_of(slow))
        self.assertIsNone(rate_of(replace(slow, lag=0.3)))

    def test_a_handshake_costs_what_the_fuller_direction_carries(self) -> None:
        small = replace(shaken(DIRECT, HERE), hello=500, size=3000)
        self.assertEqual(3200, cost(small))
        self.assertEqual(1900, cost(replace(small, hello=1600, size=900)))
