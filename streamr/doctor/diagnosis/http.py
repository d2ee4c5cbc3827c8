"""PURE: what HTTP says, and TMDB of the key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from streamr.doctor.diagnosis.dns_tcp import vantage
from streamr.doctor.diagnosis.facts import Facts, main_cause, meaning
from streamr.doctor.diagnosis.verdicts import DoctorVerdict, verdict
from streamr.doctor.evidence import STARVED, Evidence, HostReply
from streamr.errors import CAUSES, Phase

# TMDB's codes (docs/facts/tmdb.md, "Error codes") for a suspended key and a suspended
# user.
SUSPENDED = (10, 45)
# A film's page with everything appended has 20-60 kB in gzip: slower than this and it
# takes seconds.
LEAST_RATE = 10_000.0
# A body that came within this time says nothing of the rate.
LEAST_BODY_MS = 700

_TRANSPORT = (Phase.RESOLVE, Phase.CONNECT, Phase.TLS)
_PAGE = "a page of HTML"
# Where the detail says more than the cause's meaning.
_TOLD_BY_DETAIL = ("http_response_invalid", "upstream_error", "upstream_unavailable")
# The causes that have a verdict of their own, for some of the answers or for all.
_CODES = {
    "http_response_timeout": "http_silent",
    "connection_terminated": "http_cut",
    "http_protocol_error": "http_garbled",
    "http_response_incomplete": "body_damaged",
    "http_response_content_coding": "body_damaged",
    "http_response_body_size": "body_damaged",
    "http_response_invalid": "body_damaged",
    "http_response_redirect": "portal_page",
    "http_request_denied": "country_refused",
    "http_rate_limited": "rate_limited",
    "upstream_error": "tmdb_fails",
    "upstream_unavailable": "tmdb_fails",
}


def judge(facts: Facts) -> Iterator[DoctorVerdict]:
    """The verdicts of these layers."""
    evidence = facts.evidence
    replies = [each for each in evidence.replies if not _never_arrived(each)]
    yield from _key(evidence, replies)
    yield from _answers(facts, replies)
    if not evidence.slow:
        yield from _rate(replies)


def _never_arrived(reply: HostReply) -> bool:
    return reply.cause is not None and CAUSES[reply.cause].phase in _TRANSPORT


def _key(evidence: Evidence, replies: Sequence[HostReply]) -> Iterator[DoctorVerdict]:
    if not evidence.has_key:
        yield verdict("key_missing")
        return
    # what is said at the direct name is what callers are told
    own_first = sorted(replies, key=lambda reply: reply.host != evidence.direct)
    found = (key_verdict(reply.status, reply.code) for reply in own_first)
    yield from islice(filter(None, found), 1)


def key_verdict(status: int | None, code: int | None) -> DoctorVerdict | None:
    """What TMDB says of the key in an answer, or None when it says nothing of it."""
    if status not in (401, 403) or code is None:
        return None
    if code in SUSPENDED:
        return verdict("key_suspended", status=status, code=code)
    return verdict("key_wrong", status=status, code=code) if status == 401 else None


def code_of(reply: HostReply) -> str | None:
    """The verdict that one answer calls for, or None for a good one or the key's."""
    if reply.status == 403 and reply.code not in SUSPENDED:
        return "country_refused"
    if reply.status == 429:
        return "rate_limited"
    if reply.cause == "http_response_timeout" and reply.size:
        return None  # it came, but slowly: see `_rate`
    if reply.cause == "http_response_invalid" and _PAGE in reply.detail:
        return "portal_page"
    return _CODES.get(reply.cause) if reply.cause is not None else None


def _answers(facts: Facts, replies: Sequence[HostReply]) -> Iterator[DoctorVerdict]:
    found = [(reply, code_of(reply)) for reply in replies]
    for code in dict.fromkeys(code for _, code in found if code is not None):
        struck = [reply for reply, its in found if its == code]
        hosts = tuple(dict.fromkeys(reply.host for reply in struck))
        asked = [reply for reply, _ in found if reply.host in hosts]
        if code == "tmdb_fails" and _is_down(facts, struck, replies):
            code = "tmdb_down"
        yield verdict(
            code,
            hosts,
            what=_what(struck),
            counts=f"{len(struck)}/{len(asked)}",
            vantage=vantage(facts) if facts.vantage else "",
        )


def _what(struck: Sequence[HostReply]) -> str:
    causes = Counter(reply.cause for reply in struck if reply.cause)
    if not causes:
        return f"status {struck[0].status}"
    cause = main_cause(causes)
    detail = next(r.detail for r in struck if r.cause == cause)
    return detail if cause in _TOLD_BY_DETAIL and detail else meaning(cause)


def _is_down(
    facts: Facts, struck: Sequence[HostReply], replies: Sequence[HostReply]
) -> bool:
    """TMDB is down when every answer over a verified connection says so, whichever
    name was asked, and no other vantage point knows better."""
    return len(struck) == len(replies) and facts.vantage != "works"


def speed(reply: HostReply) -> float:
    """Bytes of the body per second."""
    return reply.size * 1000 / max(1, reply.body_ms)


def _rate(replies: Sequence[HostReply]) -> Iterator[DoctorVerdict]:
    """Throttling shows in the body: its bytes come, but slowly. Of what we read late
    ourselves nothing can be said."""
    replies = [reply for reply in replies if reply.lag < STARVED]
    timed = [r for r in replies if r.size and r.body_ms >= LEAST_BODY_MS]
    rates = [(speed(reply), reply) for reply in timed]
    slow = [(rate, reply) for rate, reply in rates if rate < LEAST_RATE]
    quick = [r for r in replies if r.cause is None and r.body_ms < LEAST_BODY_MS]
    if slow and len(slow) >= len(quick):
        rate, reply = min(slow, key=lambda each: each[0])
        hosts = tuple(dict.fromkeys(each.host for _, each in slow))
        told = (
            f"{rate / 1000:.1f} kB/s ({reply.size} bytes in "
            f"{reply.body_ms / 1000:.1f} s from {reply.host})"
        )
        yield verdict("throttled", hosts, rate=told)
