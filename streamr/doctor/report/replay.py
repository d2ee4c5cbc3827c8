"""PURE: from evidence back to a network that the simulator can put up.

What was seen becomes faults: by name and by ClientHello, with their rates, resolvers
that say what they said, boxes at addresses that were not TMDB's. The doctor, run in
that network, comes to the same verdicts (of the network: ports and disk are nobody
else's).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from streamr.doctor.diagnosis import proxies
from streamr.doctor.diagnosis.facts import Facts, all_causes, main_cause
from streamr.doctor.diagnosis.http import (
    LEAST_BODY_MS,
    LEAST_RATE,
    SUSPENDED,
    code_of,
    speed,
)
from streamr.doctor.evidence import (
    ArmResult,
    Certificate,
    Evidence,
    HostReply,
    Place,
    ProxyReply,
)

_HOME = "127.0.0.1"
_HOME6 = "::1"

_HELLO = {
    "tls_reset": "reset-after-hello",
    "tls_closed": "fin-after-hello",
    "tls_timeout": "silence-after-hello",
    "tls_alert_received": "alert-handshake-failure",
    "tls_protocol_error": "alert-protocol-version",
    "connection_terminated": "reset-at-accept",
}
_CERTIFICATES = {
    None: "cert-wrong-host",
    9: "cert-expired",
    10: "cert-expired",
    18: "cert-self-signed",
}
_BOXES = {"connection_refused": "closed", "connection_timeout": "black-hole"}
_SLOW = "drip"
# A slow body comes in drops, one in so many seconds.
_DRIP = 0.1
_HTTP = {
    "http_response_timeout": "silence-after-request",
    "connection_terminated": "reset-after-request",
    "http_protocol_error": "malformed-head",
    "http_response_incomplete": "short-body",
    "http_response_content_coding": "corrupt-gzip",
    "http_response_body_size": "gzip-bomb",
    "http_response_redirect": "redirect",
    "http_request_denied": "status:code=403,body=html",
    "http_rate_limited": "rate-limit",
    "upstream_error": "status:code=500,body=html",
    "upstream_unavailable": "status:code=503,body=html",
}
# The simulator's proxies, by what the doctor says of them.
_PROXIES = {
    "proxy_unreachable": "closed",
    "proxy_certificate": "closed",
    "proxy_stranger": "stranger",
    "proxy_token": "token",
    "proxy_loop": "loop",
    "proxy_key": "key",
    "proxy_fails": "fails",
    "proxy_broken": "broken",
}


class ReplayedHost(TypedDict, total=False):
    """What a name meets there: its faults, what its resolver says, and the boxes."""

    fault: str
    answers: str | list[str]
    boxes: dict[str, str]


class ReplayedNetwork(TypedDict, total=False):
    """The spec that the simulator reads; `clock` is its clock's lead in seconds."""

    dns: bool
    hosts: dict[str, ReplayedHost]
    pins: dict[str, str | list[str]]
    clock: float
    proxies: list[str]


def network(evidence: Evidence) -> ReplayedNetwork:
    """The spec of a network that behaves like it (simulator/network.py)."""
    facts = Facts(evidence)
    evidence = facts.evidence
    boxes = _Boxes()
    hosts = {host: _host(facts, host, boxes) for host in evidence.hosts}
    spec: ReplayedNetwork = {"dns": _needs_dns(facts), "hosts": hosts}
    pinned = [host for host in evidence.hosts if facts.unpinned(host)]
    if pinned:
        spec["pins"] = {host: hosts[host].pop("answers") for host in pinned}
    skews = sorted(r.skew for r in evidence.replies if r.skew is not None)
    if skews:
        spec["clock"] = -skews[len(skews) // 2]
    named = [_proxy(each) for each in evidence.proxies if each.chosen]
    if named:
        spec["proxies"] = named
    return spec


def settings(evidence: Evidence) -> dict[str, str]:
    """What a doctor in that network has to be told besides where it is."""
    return {"STREAMR_ADDRESS_FAMILY": evidence.family}


class _Boxes:
    """Hands out loopback addresses for what is not TMDB's."""

    def __init__(self) -> None:
        self._known: dict[Place, str] = {}

    def address(self, place: Place) -> str:
        """An address of this machine's for a place, always the same. IPv6 has one."""
        if place.family == "IPv6":
            return _HOME6
        return self._known.setdefault(place, f"127.0.0.{len(self._known) + 2}")


def _needs_dns(facts: Facts) -> bool:
    """Whether the resolver was part of the trouble; else pins are as good."""
    hosts = facts.evidence.hosts
    found = [facts.lookup(host) for host in hosts]
    failed = any(each is not None and each.cause is not None for each in found)
    return failed or any(facts.is_misled(host) or facts.lies(host) for host in hosts)


def _host(facts: Facts, host: str, boxes: _Boxes) -> ReplayedHost:
    found = facts.lookup(host)
    spec: ReplayedHost = {"fault": _fault(facts, host)}
    if found is None:
        return spec
    if found.cause is not None:
        spec["answers"] = "silent" if found.cause == "dns_timeout" else "fails"
        return spec
    answers: list[str] = []
    standing: dict[str, str] = {}
    for place in found.places:
        box = _box(facts, host, place)
        if box is None:
            address = _HOME
        else:
            address = boxes.address(place)
            standing[address] = box
        answers.append(address)
    spec["answers"] = list(dict.fromkeys(answers))
    if standing:
        spec["boxes"] = standing
    return spec


def _box(facts: Facts, host: str, place: Place) -> str | None:
    """What stood at a place; None for TMDB's own server."""
    tried = facts.connect(place)
    if tried is not None and tried.cause is not None:
        return _BOXES.get(tried.cause, "closed")
    if facts.reached(place):
        return None if place.family == "IPv4" else "none"
    seen = [
        each
        for each in facts.handshakes()
        if each.place == place and each.cause is not None
    ]
    if facts.is_false(host, place) or facts.elsewhere(host) is not None:
        stranger = next((each for each in seen if facts.is_stranger(place)), None)
        if stranger is None:
            return "reset-at-accept" if seen else "closed"
        return _stranger(stranger.cause, stranger.certificate)
    if seen and any(facts.verified(host, each) for each in facts.places(host)):
        # filtered at this address only: the name gets through at another
        return _HELLO.get(seen[0].cause or "", "reset-at-accept")
    return None if place.family == "IPv4" else "none"


def _stranger(cause: str | None, certificate: Certificate | None) -> str:
    if cause == "tls_not_tls":
        return "plain-http"
    code = certificate.code if certificate is not None else 20
    return _CERTIFICATES.get(code, "cert-untrusted")


def _fault(facts: Facts, host: str) -> str:
    """The name's faults: what its hellos met, then what its requests met."""
    arms = [
        arm
        for arm in facts.evidence.matrix.arms
        if arm.host == host and not facts.is_misled(host)
    ]
    if not facts.at_home(host) and facts.elsewhere(host) is not None:
        arms = []  # the address is to blame, and stands as a box
    replies = [each for each in facts.evidence.replies if each.host == host]
    parts = [_hello_fault(arms), _http_fault(replies)]
    return "+".join(filter(None, parts)) or "none"


def _hello_fault(arms: Sequence[ArmResult]) -> str:
    failed = [arm for arm in arms if arm.failed]
    if not failed:
        return ""
    cause = main_cause(all_causes(failed))
    name = _HELLO.get(cause)
    if name is None:
        sample = next(a.sample for a in failed if a.sample.cause is not None)
        name = _stranger(cause, sample.certificate)
    struck = {arm.profile for arm in failed}
    when = {
        frozenset({"modern"}): "when=big",
        frozenset({"modern", "classic"}): "when=tls13",
    }.get(frozenset(struck), "")
    rate = sum(arm.failed for arm in failed) / sum(arm.tries for arm in failed)
    return _with(name, when, rate)


def _with(name: str, when: str, rate: float) -> str:
    """A fault of the simulator's with its arguments."""
    arguments = [when, f"p={rate:.2f}" if rate < 1 else ""]
    told = ",".join(filter(None, arguments))
    if not told:
        return name
    return f"{name},{told}" if ":" in name else f"{name}:{told}"


def _http_fault(replies: Sequence[HostReply]) -> str:
    """The fault behind a host's answers, with its rate."""
    kinds = Counter(filter(None, map(_kind, replies)))
    if not kinds:
        return ""
    name, times = kinds.most_common(1)[0]
    if name == _SLOW:
        speeds = sorted(speed(each) for each in replies if _kind(each) == _SLOW)
        drop = max(1, round(speeds[len(speeds) // 2] * _DRIP))
        name = f"{_SLOW}:interval={_DRIP},size={drop}"
    return _with(name, "", times / len(replies))


def _kind(reply: HostReply) -> str | None:
    if reply.size and reply.body_ms >= LEAST_BODY_MS and speed(reply) < LEAST_RATE:
        return _SLOW
    if reply.code in SUSPENDED or reply.status == 401:
        return f"status:code={reply.status},own={reply.code or 7}"
    if reply.status == 403:
        return "status:code=403"
    if reply.status == 429:
        return "rate-limit"
    if reply.cause == "http_response_invalid":
        return _invalid(reply)
    return _HTTP.get(reply.cause) if reply.cause is not None else None


def _invalid(reply: HostReply) -> str:
    if code_of(reply) == "portal_page":
        return "html"
    return {"an empty body": "empty"}.get(reply.detail, "cut-json")


def _proxy(found: ProxyReply) -> str:
    code = proxies.code_of(found)
    return "works" if code is None else _PROXIES[code]
