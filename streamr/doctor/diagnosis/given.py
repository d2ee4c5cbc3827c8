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
# What these come to, of a proxy that the verdict has named.
_SAID = {
    "egress_unreachable": "there is no connection to it",
    "egress_timeout": "it did not answer in time",
    "egress_closed": "it closed the connection in place of an answer",
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
    cause = reply.cause or ""
    code = _CODES.get(cause, "egress_failed")
    return verdict(code, (facts.evidence.direct,), name=reply.name, what=_what(reply))


def _what(reply: EgressReply) -> str:
    """Why, without what the verdict says already where the reply has a detail."""
    cause, detail = reply.cause, reply.detail
    if cause is None:
        return f"status {reply.status}" + (f" ({detail})" if detail else "")
    if detail and cause not in _SAID and cause.startswith("egress_"):
        return detail
    told = _SAID.get(cause) or meaning(cause)
    return f"{told} ({detail})" if detail else told
