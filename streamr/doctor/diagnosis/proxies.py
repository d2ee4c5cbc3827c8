"""PURE: the proxies: whether they are ours, whether they let us in, what they found."""

from __future__ import annotations

from collections.abc import Iterator

from streamr import __version__
from streamr.doctor.diagnosis.facts import Facts, meaning, meanings, of_tmdb
from streamr.doctor.diagnosis.verdicts import DoctorVerdict, verdict
from streamr.doctor.evidence import ProxyReply
from streamr.errors import CAUSES, KEY_CAUSES, Phase

_TRANSPORT = (Phase.RESOLVE, Phase.CONNECT, Phase.TLS)


def judge(facts: Facts) -> Iterator[DoctorVerdict]:
    """The verdicts on the proxies that are named in TMDB_PROXY_URL."""
    for proxy in facts.evidence.proxies:
        if proxy.chosen and not (facts.offline and _never_arrived(proxy)):
            yield from _one(proxy)


def _one(proxy: ProxyReply) -> Iterator[DoctorVerdict]:
    code = code_of(proxy)
    if code is None:
        return
    yield verdict(code, url=proxy.url, what=_what(proxy))
    if proxy.cause and proxy.version and proxy.version != __version__:
        yield verdict(
            "proxy_version", url=proxy.url, version=proxy.version, own=__version__
        )


def code_of(proxy: ProxyReply) -> str | None:
    """What is wrong with one proxy; None for one that brought an answer of TMDB's."""
    if _never_arrived(proxy):
        refused = proxy.cause == "tls_certificate_error"
        return "proxy_certificate" if refused else "proxy_unreachable"
    if not proxy.ours:
        return "proxy_stranger"
    if KEY_CAUSES.intersection(proxy.reported):
        return "proxy_key"
    if proxy.cause == "proxy_configuration_error":
        return "proxy_token"
    if proxy.cause == "proxy_loop_detected":
        return "proxy_loop"
    if proxy.cause is None and proxy.status in (200, 401):
        return None if proxy.status == 200 else "proxy_key"
    return "proxy_fails" if of_tmdb(proxy.reported) else "proxy_broken"


def _never_arrived(proxy: ProxyReply) -> bool:
    """True when no request has reached whoever is there; what a proxy reports are its
    own attempts."""
    if proxy.cause is None or proxy.reported:
        return False
    return CAUSES[proxy.cause].phase in _TRANSPORT


def _what(proxy: ProxyReply) -> str:
    if of_tmdb(proxy.reported):
        return meanings(of_tmdb(proxy.reported))
    if proxy.cause is None:
        return f"status {proxy.status}"
    if proxy.cause == "tls_certificate_error" and proxy.detail:
        return proxy.detail
    told = meaning(proxy.cause)
    return f"{told} ({proxy.detail})" if proxy.detail else told
