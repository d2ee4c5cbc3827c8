"""PURE: which arm is tried next, when arms differ clearly, and when it is enough.

An arm is what a handshake is tried with: a name, a TLS profile, a place. Every round
tries each arm once, in turn, so that what changes with the time of day or with the load
hits all arms alike. Two arms are compared by an e-process over the pairs of a round
(Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests",
2024): under "both fail equally often" its expectation never exceeds 1, so by Ville's
inequality it exceeds 1/a with a chance of a at most, *however often one looks and
whenever one stops*. That is what lets the doctor stop early without crying wolf.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

# The chance that any difference is claimed where there is none: once in a thousand
# examinations, shared among the comparisons of one study.
ERROR_RATE = 0.001
# A failure rate of 17 % was seen in the field (docs/facts/field.md, "A large
# ClientHello is dropped"); 25 tries without a failure happen with it in less than one
# of a hundred runs (ten tries: in 16).
CLEAN_TRIES = 25
# As many handshakes without one success say that nothing gets through: where even
# one of five came through, this would happen once in 200 runs.
DEAD_TRIES = 24
# By then half against half would long differ: what does not, fails at random.
MIXED_ROUNDS = 12
MOST_ROUNDS = 60
# An arm whose failing is explained is left alone after as many failures in a row: when
# it fails by silence each further try costs seconds.
ENOUGH_FAILURES = 6
# The prior of the e-process: the value that its authors found to learn fastest.
_PRIOR = 0.18


@dataclass(frozen=True, slots=True, order=True)
class Arm:
    """What a handshake is tried with: `host`'s name at `address`:`port`."""

    host: str
    profile: str
    address: str
    port: int


@dataclass(slots=True)
class ArmTally:
    """What one arm's tries came to; `causes` are the fault table's names."""

    ok: int = 0
    failed: int = 0
    causes: Counter[str] = field(default_factory=Counter)

    @property
    def tries(self) -> int:
        """How many tries there were."""
        return self.ok + self.failed

    def note(self, cause: str | None) -> None:
        """Count one try; None when it came through."""
        if cause is None:
            self.ok += 1
        else:
            self.failed += 1
            self.causes[cause] += 1


def together(tallies: Iterable[ArmTally]) -> ArmTally:
    """Several tallies as one."""
    whole = ArmTally()
    for each in tallies:
        whole.ok += each.ok
        whole.failed += each.failed
        whole.causes.update(each.causes)
    return whole


class Duel:
    """An e-process for one pair of arms: how strongly it speaks against "equal"."""

    def __init__(self) -> None:
        self.log_e = 0.0
        self._failed = [0, 0]
        self._tries = 0

    def note(self, first_failed: bool, second_failed: bool) -> None:
        """One pair of the same round. The rates are estimated from earlier pairs."""
        rates = [
            (failed + _PRIOR) / (self._tries + 2 * _PRIOR) for failed in self._failed
        ]
        equal = sum(rates) / 2
        for rate, failed in zip(rates, (first_failed, second_failed), strict=True):
            self.log_e += math.log(rate if failed else 1 - rate)
            self.log_e -= math.log(equal if failed else 1 - equal)
        self._tries += 1
        self._failed[0] += first_failed
        self._failed[1] += second_failed


@dataclass(frozen=True, slots=True)
class Contrast:
    """One question: do the first arms of these pairs fail more often, or less, than
    the second ones? `name` says what the pairs differ in."""

    name: str
    pairs: tuple[tuple[Arm, Arm], ...]


@dataclass(frozen=True, slots=True)
class ContrastFinding:
    """The answer to a contrast. `worse` is 0 or 1: the side that fails more often;
    `chance` bounds the error of saying so, None when the arms do not differ clearly."""

    name: str
    worse: int
    chance: float | None
    worse_arms: tuple[Arm, ...]
    better_arms: tuple[Arm, ...]

    @property
    def clear(self) -> bool:
        """True when the arms differ beyond the error rate."""
        return self.chance is not None


class Study:
    """Rounds over a few arms, until every question is settled."""

    def __init__(self, arms: Sequence[Arm], contrasts: Sequence[Contrast]) -> None:
        self.arms = tuple(arms)
        self.contrasts = tuple(contrasts)
        self.tallies = {arm: ArmTally() for arm in arms}
        self.rounds = 0
        self._duels = {
            contrast.name: [Duel() for _ in contrast.pairs] for contrast in contrasts
        }

    def order(self, number: int) -> tuple[Arm, ...]:
        """The arms of the next round; each round begins with another arm."""
        blamed = self._blamed()
        arms = [arm for arm in self.arms if not (arm in blamed and self._hopeless(arm))]
        shift = number % max(1, len(arms))
        return (*arms[shift:], *arms[:shift])

    def note(self, causes: Mapping[Arm, str | None]) -> None:
        """One whole round: for each arm tried the cause of its failure, or None.

        Leaving an arm out is decided before the round, so the duels stay valid.
        """
        self.rounds += 1
        for arm, cause in causes.items():
            self.tallies[arm].note(cause)
        for contrast in self.contrasts:
            duels = self._duels[contrast.name]
            for (first, second), duel in zip(contrast.pairs, duels, strict=True):
                if first in causes and second in causes:
                    duel.note(causes[first] is not None, causes[second] is not None)

    def finding(self, contrast: Contrast) -> ContrastFinding:
        """What the rounds so far say about a contrast. The pairs of one round are
        independent given the past, so their e-values may be multiplied."""
        log_e = sum(duel.log_e for duel in self._duels[contrast.name])
        log_needed = math.log(len(self.contrasts) / ERROR_RATE)
        sides = [tuple(pair[side] for pair in contrast.pairs) for side in (0, 1)]
        rates = [failure_rate(self.tallies[arm] for arm in side) for side in sides]
        worse = 0 if rates[0] >= rates[1] else 1
        clear = log_e >= log_needed and rates[0] != rates[1]
        chance = math.exp(-log_e) * len(self.contrasts) if clear else None
        return ContrastFinding(
            contrast.name, worse, chance, sides[worse], sides[1 - worse]
        )

    @property
    def findings(self) -> tuple[ContrastFinding, ...]:
        """All contrasts."""
        return tuple(self.finding(each) for each in self.contrasts)

    def unexplained(self) -> ArmTally:
        """The tries of the arms that are on no clear contrast's worse side."""
        blamed = self._blamed()
        return together(self.tallies[arm] for arm in self.arms if arm not in blamed)

    def _blamed(self) -> set[Arm]:
        return {arm for each in self.findings if each.clear for arm in each.worse_arms}

    def _hopeless(self, arm: Arm) -> bool:
        tally = self.tallies[arm]
        return not tally.ok and tally.failed >= ENOUGH_FAILURES

    @property
    def settled(self) -> bool:
        """True when more rounds would not change what is said."""
        rest = self.unexplained()
        if self.rounds >= MOST_ROUNDS or not self.arms:
            return True
        if not rest.failed:
            return self._clean() and not self._growing()
        if not rest.ok:
            return rest.tries >= DEAD_TRIES and not self._growing()
        return self.rounds >= MIXED_ROUNDS and self._all_mixed()

    def _clean(self) -> bool:
        """No failure outside what is explained, in tries enough for each profile."""
        blamed = self._blamed()
        profiles: Counter[str] = Counter()
        for arm in self.arms:
            if arm not in blamed:
                profiles[arm.profile] += self.tallies[arm].tries
        return bool(profiles) and min(profiles.values()) >= CLEAN_TRIES

    def _growing(self) -> bool:
        """True when a contrast is becoming clear."""
        return any(
            not self.finding(contrast).clear
            and sum(duel.log_e for duel in self._duels[contrast.name]) > 1.0
            for contrast in self.contrasts
        )

    def _all_mixed(self) -> bool:
        """Every arm that is not explained fails often and comes through often."""
        blamed = self._blamed()
        return all(
            0.2 <= failure_rate([tally]) <= 0.8
            for arm, tally in self.tallies.items()
            if arm not in blamed
        )


def failure_rate(tallies: Iterable[ArmTally]) -> float:
    """Failures per try; 0.0 when there was none."""
    failed = tries = 0
    for each in tallies:
        failed += each.failed
        tries += each.tries
    return failed / tries if tries else 0.0
