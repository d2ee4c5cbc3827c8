"""Studies on the wire: rounds of handshakes, run until the arms have said enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from streamr.doctor.diagnosis.tls import ADDRESSES, NAMES, OLD, SPLIT, TLS13
from streamr.doctor.evidence import ArmResult, Difference, Handshake, Matrix, Place
from streamr.doctor.probe.lateness import Lateness
from streamr.doctor.probe.sampling import Arm, Contrast, Study
from streamr.doctor.probe.tcp_tls import Prober
from streamr.upstream.dial.tls import PROFILES


def matrix_study(anchors: dict[str, Place]) -> Study:
    """Each name with each profile, at its own address."""
    arms = {
        (host, profile): Arm(host, profile, place.address, place.port)
        for host, place in anchors.items()
        for profile in PROFILES
    }
    contrasts = [
        Contrast(
            name, tuple((arms[host, newer], arms[host, older]) for host in anchors)
        )
        for name in (SPLIT, OLD, TLS13)
        for newer, _, older in (name.partition("/"),)
    ]
    first, *others = anchors
    contrasts += [
        Contrast(
            f"{NAMES} {first} {other}",
            tuple((arms[first, each], arms[other, each]) for each in PROFILES),
        )
        for other in others
    ]
    return Study(list(arms.values()), contrasts)


def names_study(host: str, other: str, profile: str, place: Place) -> Study:
    """Two names at one address: what differs then is the name alone."""
    arms = [Arm(name, profile, place.address, place.port) for name in (host, other)]
    return Study(arms, [Contrast(f"{NAMES} {host} {other}", ((arms[0], arms[1]),))])


def addresses_study(pairs: Sequence[tuple[str, str, Place, Place]]) -> Study:
    """Each name with one profile at two of its addresses: the first of them failed."""
    arms = [
        tuple(Arm(host, profile, each.address, each.port) for each in places)
        for host, profile, *places in pairs
    ]
    contrast = Contrast(ADDRESSES, tuple((first, other) for first, other in arms))
    return Study([arm for pair in arms for arm in pair], [contrast])


class Runner:
    """Runs a study: several rounds at once, at most `at_once` handshakes.

    A round in which this machine was too busy to hear one arm counts for none of them:
    so no arm is tried more often than its rivals, and the comparison stays fair.
    """

    def __init__(
        self,
        clock: IReactorTime,
        prober: Prober,
        lateness: Lateness,
        at_once: int,
        pause: float,
    ) -> None:
        self._clock = clock
        self._prober = prober
        self._lateness = lateness
        self._at_once = at_once
        self._pause = pause

    async def run(
        self, study: Study, until: float, tell: Callable[[str], None]
    ) -> Matrix:
        """Rounds until the study is settled, or until a reading of the clock."""
        samples: dict[Arm, Handshake] = {}
        discarded = 0
        settled = study.settled
        while not settled and self._clock.seconds() < until:
            discarded += await self._batch(study, samples)
            tell(f"{sum(each.tries for each in study.tallies.values())} handshakes")
            settled = study.settled
            if not settled:
                await deferLater(self._clock, self._pause)
        return _matrix(study, samples, settled, discarded)

    async def _batch(self, study: Study, samples: dict[Arm, Handshake]) -> int:
        """Some rounds at once; how many of them were discarded."""
        arms = study.order(study.rounds)
        width = max(1, self._at_once // len(arms))
        rounds = [
            [self._shake(arm) for arm in study.order(study.rounds + number)]
            for number in range(width)
        ]
        handshakes = [each for one in rounds for each in one]
        done = await gatherResults(handshakes, consumeErrors=True)
        found, discarded = iter(done), 0
        for one in rounds:
            pairs = [next(found) for _ in one]
            if any(shaken.starved for _, shaken in pairs):
                discarded += 1
                continue
            # rounds are told in their order, whichever ended first
            study.note({arm: shaken.cause for arm, shaken in pairs})
            for arm, shaken in pairs:
                kept = samples.get(arm)
                if kept is None or shaken.cause is not None:
                    samples[arm] = shaken
        return discarded

    def _shake(self, arm: Arm) -> Deferred[tuple[Arm, Handshake]]:
        place = Place(arm.address, arm.port)
        shaking = Deferred.fromCoroutine(
            self._lateness.told(self._prober.shake(arm.host, arm.profile, place))
        )
        return shaking.addCallback(lambda shaken: (arm, shaken))


def _matrix(
    study: Study, samples: dict[Arm, Handshake], settled: bool, discarded: int
) -> Matrix:
    tried = [arm for arm in study.arms if arm in samples]
    results = tuple(
        ArmResult(
            arm.host,
            arm.profile,
            Place(arm.address, arm.port),
            study.tallies[arm].ok,
            dict(study.tallies[arm].causes),
            samples[arm],
        )
        for arm in tried
    )
    differences = tuple(
        Difference(
            each.name,
            _indexes(tried, each.worse_arms),
            _indexes(tried, each.better_arms),
            each.chance or 0.0,
        )
        for each in study.findings
        if each.clear
    )
    return Matrix(results, differences, study.rounds, settled, discarded)


def _indexes(tried: Sequence[Arm], arms: Sequence[Arm]) -> tuple[int, ...]:
    return tuple(tried.index(arm) for arm in arms)
