"""The drill, against a demo that is played: it watches, and always heals."""

import os
import signal
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from streamr.commands.drill_steps import (
    BACK_SECONDS,
    FAULTS,
    HEALED,
    UNBROKEN,
    CannotDrill,
    Drill,
    RunningDemo,
    Step,
    undisturbed,
)
from streamr.config.load import load
from streamr.terminal.client import DIRECT, LISTS
from streamr.terminal.findings import Finding, Mark

HOST = "api.themoviedb.org"
HEALTHY, OTHER = "none", "proxy@127.0.0.1:5001/modern@api.tmdb.org"


class Played(RunningDemo):
    """A demo in memory: the direct route comes back some seconds after it is healed."""

    def __init__(self, back_after: float = 6.0, fault: str = HEALTHY) -> None:
        super().__init__(load({}, {}, needs_key=False))
        self.fault = fault
        self.switched: list[str] = []
        self.time = 0.0
        self.back_at = 0.0
        self.back_after = back_after
        self.fallback: str | None = OTHER
        # so long (seconds) a closed breaker still sends callers over another route
        self.in_doubt = 0.0
        self.interrupt: Callable[[str], None] = lambda _path: None

    def direct(self) -> tuple[str, str]:
        return HOST, self.fault

    def is_back(self) -> bool:
        return self.time >= self.back_at - self.in_doubt

    def switch(self, host: str, fault: str) -> None:
        assert host == HOST
        self.fault = fault
        self.switched.append(fault)
        self.back_at = self.time + self.back_after

    def ask(self, path: str) -> Finding:
        self.interrupt(path)
        if self.fault == HEALTHY and self.time >= self.back_at:
            return Finding(path, Mark.OK, "20 results", DIRECT, 30)
        if self.fallback is None:
            return Finding(path, Mark.FAILED, "502", None, 30, "tls_reset")
        return Finding(path, Mark.WARNING, "20 results", self.fallback, 60, "tls_reset")

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def drilled(demo: Played) -> list[Step]:
    drill = Drill(demo, lambda _line: None, lambda: demo.time, demo.sleep)
    drill.run()
    return drill.steps


def failed(steps: list[Step]) -> set[str]:
    return {each.phase for each in steps if each.finding.mark is Mark.FAILED}


class Watching(SynchronousTestCase):
    def test_each_fault_is_set_and_healed_before_the_next(self) -> None:
        demo = Played()
        drilled(demo)
        wanted = [word for fault in FAULTS for word in (fault, HEALTHY)]
        self.assertEqual(demo.switched, wanted)

    def test_when_all_goes_well_every_list_is_told_in_every_phase(self) -> None:
        steps = drilled(Played())
        self.assertEqual(failed(steps), set())
        for phase in (UNBROKEN, *FAULTS):
            asked = [each.finding.what for each in steps if each.phase == phase]
            self.assertEqual(asked, list(LISTS))
        broken = [each.finding for each in steps if each.phase == FAULTS[0]]
        self.assertEqual({each.by for each in broken}, {OTHER})
        self.assertEqual({each.cause for each in broken}, {"tls_reset"})

    def test_a_fallback_that_fails_is_a_failed_step(self) -> None:
        demo = Played()
        demo.fallback = None
        self.assertEqual(failed(drilled(demo)), set(FAULTS))

    def test_a_direct_answer_under_a_fault_is_a_failed_step(self) -> None:
        demo = Played()
        demo.fallback = DIRECT
        self.assertEqual(failed(drilled(demo)), set(FAULTS))

    def test_it_waits_for_the_direct_route_and_says_how_long(self) -> None:
        steps = drilled(Played(back_after=7.0))
        back = next(each for each in steps if each.phase == HEALED)
        self.assertEqual(back.finding.told, "after 7.0 s, 20 results")

    def test_a_direct_route_that_stays_away_fails_after_the_deadline(self) -> None:
        steps = drilled(Played(back_after=BACK_SECONDS + 5))
        self.assertEqual(failed(steps), {HEALED})

    def test_a_route_in_doubt_behind_a_closed_breaker_is_waited_for(self) -> None:
        demo = Played(back_after=7.0)
        demo.in_doubt = 5.0
        self.assertEqual(failed(drilled(demo)), set())

    def test_one_overtaken_answer_does_not_fail_a_sound_direct_route(self) -> None:
        demo, times = Played(), []

        def slow_at_first(_path: str) -> None:
            times.append(demo.time)
            demo.back_at = 1.0 if len(times) == 1 else 0.0

        demo.interrupt = slow_at_first
        self.assertNotIn(UNBROKEN, failed(drilled(demo)))


class Healing(SynchronousTestCase):
    def test_it_heals_when_it_is_interrupted(self) -> None:
        demo = Played()

        def at_the_first_fault(_path: str) -> None:
            if demo.fault != HEALTHY:
                raise KeyboardInterrupt

        demo.interrupt = at_the_first_fault
        self.assertRaises(KeyboardInterrupt, drilled, demo)
        self.assertEqual(demo.switched, [FAULTS[0], HEALTHY])

    def test_it_heals_when_it_is_interrupted_while_it_breaks(self) -> None:
        demo = Played()
        switch = demo.switch

        def interrupted(host: str, fault: str) -> None:
            switch(host, fault)
            if fault != HEALTHY:
                raise KeyboardInterrupt

        demo.switch = interrupted  # type: ignore[method-assign]
        self.assertRaises(KeyboardInterrupt, drilled, demo)
        self.assertEqual(demo.fault, HEALTHY)

    def test_a_second_ctrl_c_does_not_stop_the_healing(self) -> None:
        # behind a script nobody hears the first one either
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        with undisturbed():
            os.kill(os.getpid(), signal.SIGINT)
            reached = True
        self.assertTrue(reached)
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)

    def test_what_somebody_else_broke_is_left_alone(self) -> None:
        demo = Played(fault="html")
        error = self.assertRaises(CannotDrill, drilled, demo)
        self.assertIn("already broken (html)", str(error))
        self.assertIn("/demo/heal", str(error))
        self.assertEqual(demo.switched, [])

    def test_when_healing_fails_the_hand_is_told_how(self) -> None:
        demo = Played()
        switch = demo.switch

        def gone(host: str, fault: str) -> None:
            if fault == HEALTHY:
                raise CannotDrill("no demo answers")
            switch(host, fault)

        demo.switch = gone  # type: ignore[method-assign]
        error = self.assertRaises(CannotDrill, drilled, demo)
        self.assertIn("not repaired", str(error))
        self.assertIn("curl -X POST http://127.0.0.1:3001/demo/heal", str(error))
