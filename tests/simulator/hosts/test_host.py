"""The switches, the dice and the timers of one host."""

from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.faults.table import HTTP
from streamr.simulator.hosts.host import Host, Latency, Timers


class Faults(SynchronousTestCase):
    """Which strike, and how often."""

    def test_probability_is_kept_and_repeats_with_the_seed(self):
        def run(seed: int) -> list[bool]:
            host = Host("x", Clock(), seed, None, True)
            host.set_fault("html:p=0.5")
            return [host.strike(HTTP) is not None for _ in range(400)]

        self.assertEqual(run(7), run(7))
        self.assertNotEqual(run(7), run(8))
        self.assertTrue(150 < sum(run(7)) < 250, sum(run(7)))

    def test_p_0_never_and_p_1_always(self):
        for text, wanted in (("html:p=0", 0), ("html:p=1", 50)):
            host = Host("x", Clock(), 0, None, True)
            host.set_fault(text)
            self.assertEqual(sum(bool(host.strike(HTTP)) for _ in range(50)), wanted)
            self.assertEqual(host.ledger.faults["html"], wanted)

    def test_a_bad_expression_leaves_the_old_one(self):
        host = Host("x", Clock(), 0, None, True)
        host.set_fault("html")
        with self.assertRaises(ValueError):
            host.set_fault("explode")
        self.assertEqual((host.expression, host.faults[0].name), ("html", "html"))


class Time(SynchronousTestCase):
    """Latency and timers."""

    def test_latency_is_80_to_250_ms_with_a_tail(self):
        random, latency = Random(3), Latency()
        samples = [latency.sample(random) for _ in range(5000)]
        tail = [one for one in samples if one > 0.25]
        self.assertTrue(0.01 < len(tail) / 5000 < 0.03, len(tail))
        self.assertTrue(min(samples) >= 0.08 and min(tail) >= 1 and max(tail) <= 3)

    def test_no_latency_by_default(self):
        self.assertEqual(Host("x", Clock(), 0, None, True).thinking(), 0)

    def test_cancelled_timers_never_run_and_leave_nothing(self):
        clock, ran = Clock(), []
        timers = Timers(clock)
        timers.later(1, ran.append, "first")
        timers.later(2, ran.append, "second")
        clock.advance(1)
        timers.cancel()
        self.assertEqual((ran, clock.getDelayedCalls()), (["first"], []))
