"""PURE: the host that pictures come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from streamr.doctor.diagnosis.facts import HOW, Facts, meaning
from streamr.doctor.diagnosis.verdicts import DoctorVerdict, verdict
from streamr.doctor.evidence import PICTURES, NameLookup, Place, special


def judge(facts: Facts) -> Iterator[DoctorVerdict]:
    """What keeps pictures away: nothing, when its own resolver leads to a place where
    the host was verified."""
    looked = facts.evidence.pictures
    checks = facts.evidence.picture_checks
    if not looked or facts.offline:
        return
    first, *others = looked
    good = {each.place for each in checks if each.cause is None}
    causes = {e.place: e.cause for e in checks if e.cause and e.place not in good}
    if good.intersection(first.places) or not (first.cause or causes):
        return
    by = next((each.by for each in others if good.intersection(each.places)), "")
    yield verdict(
        "pictures_fail",
        (PICTURES,),
        how=_how(first, causes),
        truth=f"; the resolver {by} gives TMDB's addresses" if by else "",
    )


def _how(first: NameLookup, causes: Mapping[Place, str]) -> str:
    if first.cause is not None:
        return f"it cannot be resolved ({first.detail or meaning(first.cause)})"
    for place in first.places:
        cause = causes.get(place)
        kind = special(place.address) if first.by != "TMDB_PINS" else None
        if kind is not None:
            return f"the resolver returns {place} ({kind})"
        if cause is not None:
            return f"handshakes at {place} fail ({HOW.get(cause, meaning(cause))})"
    return "nothing of it was verified"
