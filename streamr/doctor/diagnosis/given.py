"""PURE: the resolvers and outbound proxies that the settings list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from streamr.doctor.diagnosis.facts import Facts, meaning
from streamr.doctor.diagnosis.verdicts import DoctorVerdict, verdict
from streamr.doctor.evidence import EgressReply

# The faults of an outbound proxy by their verdicts; all others were met behind it.
_CODES = {
    "egress_unreachable": "egress_unreachable",
    "egress_timeout": "egress_unreachable",
    "egress_closed": "egress_unreachable",
    "egress_authentication": "egress_authentication",
    "egress_denied": "egress_denied",
    "egress_protocol_error": "egress_protocol_error",
}


def judge(facts: Facts) -> Iterator[DoctorVerdict]:
    """What is wrong with them. The first egress is the direct route's."""
    if facts.offline:
        return
    yield from _resolvers(facts)
    first = facts.evidence.egress[0].name
    for reply in facts.evidence.egresses:
        if not reply.works:
            found = _egress(facts, reply)
            yield replace(found, direct=reply.name == first)


def _resolvers(facts: Facts) -> Iterator[DoctorVerdict]:
    for by in facts.given:
        said = [each for each in facts.evidence.second if each.by == by]
        lost = [each for each in said if each.cause is not None]
        if lost:
            hosts = tuple(each.host for each in lost)
            yield verdict("resolver_fails", hosts, by=by, detail=lost[0].detail)
        lies = {
            each.host: false
            for each in said
            if (false := [p for p in each.places if facts.is_false(each.host, p)])
        }
        if lies:
            told = dict.fromkeys(str(place) for each in lies.values() for place in each)
            addresses = ", ".join(told)
            yield verdict("resolver_lies", tuple(lies), by=by, addresses=addresses)


def _egress(facts: Facts, reply: EgressReply) -> DoctorVerdict:
    told = meaning(reply.cause) if reply.cause else f"status {reply.status}"
    what = f"{told} ({reply.detail})" if reply.detail else told
    code = _CODES.get(reply.cause or "", "egress_failed")
    return verdict(code, (facts.evidence.direct,), name=reply.name, what=what)
