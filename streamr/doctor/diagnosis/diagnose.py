"""PURE: from evidence to verdicts, and whether the direct route is sound.

The method is OONI's Web Connectivity (spec ts-017) with what it lacks, repetition and
arms: each layer has its own verdicts (flags, not one enumeration, for causes combine),
and the deepest evidence counts first: an answer over a verified connection outweighs
what TLS, TCP or DNS looked like. An address is TMDB's when a verified handshake to it
succeeded, never because it looks alike. Without a second vantage point nothing is
called blocked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from streamr.doctor.diagnosis import (
    dns_tcp,
    given,
    http,
    machine,
    pictures,
    proxies,
    tls,
)
from streamr.doctor.diagnosis.advice import Advice, advise
from streamr.doctor.diagnosis.facts import Facts
from streamr.doctor.diagnosis.verdicts import KINDS, DoctorVerdict, Layer
from streamr.doctor.evidence import Evidence

_ORDER = list(Layer)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The verdicts: the headline first, then those on the direct route.

    `sound` is the direct route's; `comes_to` says what it comes to where "it does not
    work" would miss the point; `advice` is the one setting that helps.
    """

    verdicts: tuple[DoctorVerdict, ...]
    sound: bool
    comes_to: str = ""
    advice: Advice | None = None

    @property
    def codes(self) -> frozenset[str]:
        """The names of all verdicts."""
        return frozenset(each.code for each in self.verdicts)


def judge(evidence: Evidence) -> Diagnosis:
    """All verdicts, and whether the direct route is sound."""
    facts = Facts(evidence)
    route = (*dns_tcp.judge(facts), *tls.judge(facts), *http.judge(facts))
    if evidence.tunnelled:
        route = tuple(map(_beside, route))
    distinct = {(each.code, each.hosts): each for each in route}
    beside = (
        *given.judge(facts),
        *machine.judge(facts),
        *pictures.judge(facts),
        *proxies.judge(facts),
    )
    found = (*distinct.values(), *beside)
    ordered = sorted(
        found,
        key=lambda each: (
            not each.direct,
            not KINDS[each.code].comes_to,
            _ORDER.index(each.layer),
        ),
    )
    sound = _is_sound(evidence, ordered)
    if sound:
        return Diagnosis(tuple(ordered), sound)
    return Diagnosis(tuple(ordered), sound, _comes_to(ordered), advise(facts, ordered))


def _beside(found: DoctorVerdict) -> DoctorVerdict:
    """Of a direct route that goes through an outbound proxy, what this network does to
    TMDB says nothing."""
    here = (Layer.DNS, Layer.TCP, Layer.TLS, Layer.HTTP)
    return replace(found, direct=False) if found.layer in here else found


def _comes_to(ordered: list[DoctorVerdict]) -> str:
    """The last line of the first verdict that has one; what is beside the route counts
    only where nothing is known against it."""
    direct = [each for each in ordered if each.direct]
    told = (KINDS[each.code].comes_to for each in direct or ordered)
    return next(filter(None, told), "")


def _is_sound(evidence: Evidence, verdicts: list[DoctorVerdict]) -> bool:
    """The direct route is sound when nothing on it is wrong and TMDB has answered."""
    against = [
        each
        for each in verdicts
        if each.direct and (not each.hosts or evidence.direct in each.hosts)
    ]
    if evidence.tunnelled:
        first = evidence.egress[0].name
        answered = any(
            each.name == first and each.status == 200 for each in evidence.egresses
        )
    else:
        answered = any(
            each.host == evidence.direct and each.status == 200
            for each in evidence.replies
        )
    return answered and not against
