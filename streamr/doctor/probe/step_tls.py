"""Steps of the examination: what of a handshake is it that does not pass?"""

from __future__ import annotations

from collections.abc import Sequence

from streamr.doctor.diagnosis.facts import STRANGER, Facts, main_cause
from streamr.doctor.diagnosis.tls import NAMES
from streamr.doctor.evidence import Matrix, Place
from streamr.doctor.probe.run import Case
from streamr.doctor.probe.sampling import Study
from streamr.doctor.probe.step_tcp import Addresses
from streamr.doctor.probe.trials import (
    Runner,
    addresses_study,
    matrix_study,
    names_study,
)


class Arms:
    """Studies of names and profiles: many handshakes, compared."""

    def __init__(self, case: Case, runner: Runner) -> None:
        self._case = case
        self._runner = runner

    async def compare_profiles(self) -> None:
        """Each name with each profile, at the name's best address."""
        case, facts = self._case, self._case.facts()
        anchors = {
            host: place
            for host in case.hosts
            if case.is_tls(host) and (place := _anchor(host, facts))
        }
        if anchors and not (case.slow and all(map(facts.at_home, anchors))):
            case.matrix = await self._run(matrix_study(anchors), "arms")

    async def compare_names(self, addresses: Addresses) -> None:
        """A/B of names at one address, where one name fails more than another; a name
        that was verified nowhere is tried at the other names' addresses."""
        case = self._case
        for each in case.matrix.differences:
            arms = case.matrix.arms
            worse, better = arms[each.worse[0]], arms[each.better[0]]
            if not each.name.startswith(NAMES) or main_cause(worse.causes) in STRANGER:
                continue
            good = [arms[index] for index in each.better]
            best = max(good, key=lambda arm: arm.ok / arm.tries)
            study = names_study(worse.host, better.host, best.profile, worse.place)
            case.names = await self._run(study, "names at one address")
        facts = case.facts()
        compared = {arm.host for arm in case.names.arms if case.names.differences}
        lost = [
            (host, other, place)
            for host in case.hosts
            if case.is_tls(host) and _is_lost(facts, host)
            if host not in compared
            for other in case.hosts
            if other != host
            for place in facts.places(other)
            if facts.verified(other, place)
        ]
        await addresses.check((host, place) for host, _, place in lost)
        await self._compare_lost(lost)

    async def _compare_lost(self, lost: Sequence[tuple[str, str, Place]]) -> None:
        """A/B of names where one is at home and the other, which DNS may lead astray,
        does not get through either."""
        facts = self._case.facts()
        for host, other, place in lost:
            seen = [e for e in facts.handshakes() if (e.host, e.place) == (host, place)]
            if not any(each.reached or each.cause in STRANGER for each in seen):
                profile = facts.profile(other, place)
                study = names_study(host, other, profile, place)
                self._case.names = await self._run(study, "names at one address")
                return

    async def compare_addresses(self) -> None:
        """A/B of two addresses of one name, where it was verified at some of them. A
        family without one that works is compared before single addresses."""
        case, facts = self._case, self._case.facts()
        pairs = []
        for host in filter(case.is_tls, case.hosts):
            own = [each for each in facts.places(host) if facts.answers(each)]
            good = [each for each in own if facts.verified(host, each)]
            bad = [e for e in own if facts.fails(host, e) and not facts.is_stranger(e)]
            if good and bad:
                families = {each.family for each in good}
                worst = min(bad, key=lambda each: each.family in families)
                profile = facts.profile(host, good[0])
                pairs.append((host, profile, worst, good[0]))
        if pairs:
            case.addresses = await self._run(addresses_study(pairs), "addresses")

    async def _run(self, study: Study, step: str) -> Matrix:
        case = self._case
        return await self._runner.run(
            study, case.arms_until(), lambda text: case.tell(step, text)
        )


def _anchor(host: str, facts: Facts) -> Place | None:
    """The address at which a host's arms are tried: the likeliest to be TMDB's."""
    places = [each for each in facts.places(host) if facts.answers(each)]
    return min(
        places,
        key=lambda p: (not facts.verified(host, p), not facts.reached(p)),
        default=None,
    )


def _is_lost(facts: Facts, host: str) -> bool:
    """True when a name was verified nowhere yet."""
    return not facts.at_home(host) and facts.elsewhere(host) is None
