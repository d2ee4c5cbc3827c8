"""The grammar of faults, and which fault strikes."""

from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.faults.http import REWRITES, SCRIPTS
from streamr.simulator.faults.table import HELLO, HTTP, KINDS, choose, describe, parse
from streamr.simulator.host import Host, Latency, Timers
from streamr.simulator.network.client_hello import Hello

BIG = Hello(1568, "x", True)
SMALL13 = Hello(517, "x", True)
OLD = Hello(181, "x", False)


class Grammar(SynchronousTestCase):
    """name[:arg=value,...] joined by plus."""

    def says(self, expression: str, *words: str) -> None:
        with self.assertRaises(ValueError) as caught:
            parse(expression)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_every_name_of_the_table_is_understood(self):
        for name, kind in KINDS.items():
            (fault,) = parse(name)
            self.assertEqual((fault.name, fault.layer), (name, kind.layer))

    def test_none_and_nothing_clear(self):
        self.assertEqual((parse("none"), parse(" ")), ((), ()))

    def test_arguments(self):
        (fault,) = parse("reset-after-hello:p=0.5,when=big")
        self.assertEqual((fault.p, fault.when), (0.5, "big"))
        (fault,) = parse("status:code=502,body=html")
        self.assertEqual(
            dict(fault.arguments), {"code": 502, "body": "html", "own": None}
        )

    def test_defaults(self):
        self.assertEqual(parse("slow")[0].arguments["delay"], 2.0)
        self.assertEqual(
            dict(parse("drip")[0].arguments), {"interval": 0.2, "size": 64}
        )
        self.assertEqual(parse("status")[0].arguments["code"], 500)

    def test_several(self):
        names = [one.name for one in parse("reset-after-hello:p=0.5 + html")]
        self.assertEqual(names, ["reset-after-hello", "html"])

    def test_errors_name_what_is_allowed(self):
        self.says("explode", "explode", "none", "reset-after-hello", "gzip-bomb")
        self.says("html:when=big", "html", "p=")
        self.says("refuse:p=0.5", "refuse", "no arguments")
        self.says("reset-after-hello:p=2", "p=2", "from 0 to 1")
        self.says("reset-after-hello:when=monday", "always, big, tls13")
        self.says("status:code=200", "an integer from 400 to 599")
        self.says("status:code", "code=")
        self.says("slow:delay=nan", "a number")

    def test_the_description_names_every_fault(self):
        for name in KINDS:
            self.assertIn(name, describe())

    def test_every_http_fault_is_carried_out_somewhere(self):
        http = {name for name, kind in KINDS.items() if kind.layer == HTTP}
        self.assertEqual(http, {*REWRITES, *SCRIPTS, "slow", "drip"})


class Choice(SynchronousTestCase):
    """Which fault strikes."""

    def struck(self, expression: str, hello: Hello) -> str:
        fault = choose(parse(expression), HELLO, Random(1), hello)
        return fault.name if fault else ""

    def test_big_strikes_only_what_needs_a_second_segment(self):
        for hello, name in ((BIG, "reset-after-hello"), (SMALL13, ""), (OLD, "")):
            self.assertEqual(self.struck("reset-after-hello:when=big", hello), name)

    def test_tls13_strikes_only_what_offers_it(self):
        for hello, name in ((BIG, "garbage"), (SMALL13, "garbage"), (OLD, "")):
            self.assertEqual(self.struck("garbage:when=tls13", hello), name)

    def test_the_first_that_applies_wins(self):
        both = "garbage:when=big+fin-after-hello"
        self.assertEqual(self.struck(both, BIG), "garbage")
        self.assertEqual(self.struck(both, OLD), "fin-after-hello")

    def test_each_layer_has_its_own(self):
        faults = parse("garbage+html")
        self.assertEqual(choose(faults, HTTP, Random(1)).name, "html")

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

    def test_a_bad_expression_leaves_the_old_one(self):
        host = Host("x", Clock(), 0, None, True)
        host.set_fault("html")
        with self.assertRaises(ValueError):
            host.set_fault("explode")
        self.assertEqual((host.expression, host.faults[0].name), ("html", "html"))
