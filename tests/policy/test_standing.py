"""Why a route stands behind those that are in order, in words."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import CAUSES
from streamr.policy.breaker import Breaker, BreakerState
from streamr.policy.standing import aside, in_words, works

OPEN = Breaker(BreakerState.OPEN)


class Aside(SynchronousTestCase):
    def test_one_that_is_in_order_is_not_aside(self) -> None:
        for cause in (None, "tls_reset"):
            self.assertEqual(aside(Breaker(), cause, 3.0), "")

    def test_an_open_one_is_told_with_its_fault_and_its_next_probe(self) -> None:
        fault = "the connection was reset in the TLS handshake"
        for wait, probe in (
            (12.0, "next probe in 12 s"),
            (11.1, "next probe in 12 s"),
            (0.2, "next probe in 1 s"),
            (0.0, "a probe is due"),
            (-1.0, "a probe is due"),
            (None, "probed again when somebody asks"),
        ):
            told = aside(OPEN, "tls_reset", wait)
            self.assertEqual(told, f"open ({fault}); {probe}")

    def test_one_whose_fault_is_not_known_is_told_without(self) -> None:
        self.assertEqual(aside(OPEN, None, 4.0), "open; next probe in 4 s")

    def test_one_that_is_being_probed_or_is_in_doubt_is_told_as_that(self) -> None:
        probed = replace(OPEN, state=BreakerState.HALF_OPEN)
        self.assertEqual(aside(probed, None, 4.0), "open; a probe is under way")
        doubted = Breaker(doubted=True)
        self.assertEqual(aside(doubted, None, 4.0), "in doubt; next probe in 4 s")


class Words(SynchronousTestCase):
    def test_every_cause_has_words(self) -> None:
        for cause in CAUSES:
            self.assertTrue(in_words(cause))

    def test_one_that_was_overtaken_had_said_nothing(self) -> None:
        self.assertEqual(in_words("overtaken"), "no answer in time")

    def test_one_that_works_is_told_with_its_time(self) -> None:
        self.assertEqual(works(411.6, False), "works here (412 ms)")
        told = works(40, True, told=True)
        self.assertEqual(told, "works for another node (40 ms), but others are quicker")
        self.assertIn("others are quicker", works(411.6, True))
