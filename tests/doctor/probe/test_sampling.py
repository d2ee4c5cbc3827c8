"""Sampling by arms: it finds what is there, and claims nothing that is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.doctor.diagnosis.confidence import bounds
from streamr.doctor.evidence import Place
from streamr.doctor.probe.sampling import ERROR_RATE, MOST_ROUNDS, Arm, Duel, Study
from streamr.doctor.probe.trials import matrix_study, names_study
from tests.properties import examples

DIRECT, OTHER = "api.themoviedb.org", "api.tmdb.org"
ANCHORS = {DIRECT: Place("203.0.113.1", 443), OTHER: Place("203.0.113.2", 443)}
RUNS = 12

Rate = Callable[[Arm], float]


def run(rate: Rate, seed: int, most: int = MOST_ROUNDS) -> Study:
    """A study in a network where each arm fails at its rate."""
    dice, study = Random(seed), matrix_study(ANCHORS)
    while not study.settled and study.rounds < most:
        study.note(
            {
                arm: "tls_reset" if dice.random() < rate(arm) else None
                for arm in study.order(study.rounds)
            }
        )
    return study


def clear(study: Study) -> set[tuple[str, str]]:
    """What differs, and who is worse in it."""
    return {
        (each.name.split()[0], each.worse_arms[0].host)
        if each.name.startswith("names")
        else (each.name, each.worse_arms[0].profile)
        for each in study.findings
        if each.clear
    }


steady = examples()


class Sampling(SynchronousTestCase):
    """Whole studies, over many seeds."""

    def test_a_sound_network_is_settled_with_nothing_clear(self) -> None:
        study = run(lambda arm: 0.0, 1)
        self.assertTrue(study.settled)
        self.assertEqual(set(), clear(study))
        for profile in ("modern", "classic", "tls12"):
            tries = sum(
                tally.tries
                for a, tally in study.tallies.items()
                if a.profile == profile
            )
            self.assertGreaterEqual(tries, 25)

    def test_a_filtered_name_is_found_in_every_run(self) -> None:
        for seed in range(RUNS):
            study = run(lambda arm: float(arm.host == DIRECT), seed)
            self.assertEqual({("names", DIRECT)}, clear(study))

    def test_a_name_filtered_half_of_the_time_is_found(self) -> None:
        for seed in range(RUNS):
            study = run(lambda arm: 0.5 * (arm.host == DIRECT), seed)
            self.assertEqual({("names", DIRECT)}, clear(study))

    def test_a_split_hello_is_told_from_a_box_that_takes_no_tls13(self) -> None:
        split = run(lambda arm: float(arm.profile == "modern"), 1)
        self.assertEqual(
            {("modern/classic", "modern"), ("modern/tls12", "modern")}, clear(split)
        )
        old = run(lambda arm: float(arm.profile != "tls12"), 1)
        self.assertEqual(
            {("modern/tls12", "modern"), ("classic/tls12", "classic")}, clear(old)
        )

    def test_random_resets_are_never_called_a_filter(self) -> None:
        for seed in range(8 * RUNS):
            for rate in (0.5, 0.17):
                study = run(lambda _arm, rate=rate: rate, seed, most=25)  # type: ignore[misc]
                self.assertEqual(set(), clear(study), (seed, rate))

    def test_ten_tries_say_nothing_of_17_percent(self) -> None:
        def split(arm: Arm) -> float:
            return 0.17 * (arm.profile == "modern")

        for seed in range(RUNS):
            study = run(split, seed, most=5)
            self.assertEqual(10, study.rounds * len(ANCHORS))
            self.assertEqual(set(), clear(study), seed)

    def test_enough_tries_tell_17_percent_from_none_and_accuse_nobody_else(
        self,
    ) -> None:
        def split(arm: Arm) -> float:
            return 0.17 * (arm.profile == "modern")

        found = [clear(run(split, seed)) for seed in range(RUNS)]
        right = sum(("modern/classic", "modern") in each for each in found)
        self.assertGreaterEqual(right, 0.85 * RUNS)
        for each in found:
            self.assertLessEqual(
                each, {("modern/classic", "modern"), ("modern/tls12", "modern")}
            )

    def test_a_dead_network_is_settled_after_two_dozen_tries(self) -> None:
        study = run(lambda arm: 1.0, 1)
        self.assertEqual(24, study.unexplained().tries)

    def test_an_arm_whose_failing_is_explained_is_left_alone(self) -> None:
        study = run(lambda arm: float(arm.host == DIRECT), 1)
        for arm, tally in study.tallies.items():
            self.assertEqual(arm.host == DIRECT, tally.tries < 10, arm)

    def test_what_stays_when_a_cause_is_explained_is_told_apart(self) -> None:
        study = run(lambda arm: 1.0 if arm.host == DIRECT else 0.5, 1)
        self.assertEqual({("names", DIRECT)}, clear(study))
        self.assertTrue(study.unexplained().failed)

    def test_every_round_begins_with_another_arm(self) -> None:
        study = matrix_study(ANCHORS)
        first = {study.order(number)[0] for number in range(6)}
        self.assertEqual(set(study.arms), first)

    def test_names_at_one_address_differ_in_the_name_alone(self) -> None:
        study = names_study(DIRECT, OTHER, "classic", Place("203.0.113.1", 443))
        self.assertEqual({DIRECT, OTHER}, {arm.host for arm in study.arms})
        self.assertEqual(1, len({(a.profile, a.address, a.port) for a in study.arms}))

    def test_one_name_alone_can_be_studied(self) -> None:
        study = matrix_study({DIRECT: ANCHORS[DIRECT]})
        self.assertEqual(3, len(study.arms))
        self.assertFalse(study.settled)


class ErrorRate(SynchronousTestCase):
    """The promise behind early stopping."""

    @steady
    @given(st.floats(0.01, 0.99))
    def test_an_e_value_is_1_at_most_on_average_when_arms_are_equal(
        self, rate: float
    ) -> None:
        for length in (1, 2, 3, 4):
            whole = 0.0
            for pairs in product(product((True, False), repeat=2), repeat=length):
                duel, chance = Duel(), 1.0
                for first, second in pairs:
                    duel.note(first, second)
                    for failed in (first, second):
                        chance *= rate if failed else 1 - rate
                whole += chance * math.exp(duel.log_e)
            self.assertLessEqual(whole, 1 + 1e-9)

    def test_nine_against_none_is_clear_and_four_against_none_is_not(self) -> None:
        place = Place("203.0.113.1", 443)
        study = names_study(DIRECT, OTHER, "modern", place)
        worse, better = study.arms
        for rounds in range(1, 10):
            study.note({worse: "tls_reset", better: None})
            if rounds == 4:
                self.assertFalse(study.findings[0].clear)
        (finding,) = study.findings
        self.assertTrue(finding.clear)
        self.assertLessEqual(finding.chance or 1.0, ERROR_RATE)
        self.assertEqual((worse,), finding.worse_arms)


class Bounds(SynchronousTestCase):
    """The printed confidence."""

    def test_nothing_tried_says_nothing(self) -> None:
        self.assertEqual((0.0, 1.0), bounds(0, 0))

    @steady
    @given(st.integers(0, 60), st.integers(0, 60))
    def test_they_hold_the_rate_that_was_seen(self, failed: int, ok: int) -> None:
        low, high = bounds(failed, failed + ok)
        seen = failed / (failed + ok) if failed + ok else 0.5
        self.assertTrue(0 <= low <= seen <= high <= 1)

    def test_they_narrow_with_more_tries(self) -> None:
        widths = [high - low for low, high in (bounds(n // 2, n) for n in (4, 40, 400))]
        self.assertEqual(sorted(widths, reverse=True), widths)

    def test_they_hold_the_truth_however_often_one_looks(self) -> None:
        missed = 0
        for seed in range(60):
            dice, failed = Random(seed), 0
            for tries in range(1, 100):
                failed += dice.random() < 0.3
                low, high = bounds(failed, tries)
                if not low <= 0.3 <= high:
                    missed += 1
                    break
        self.assertLessEqual(missed, 1)
