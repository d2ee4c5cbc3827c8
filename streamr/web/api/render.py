"""Answers as bytes: bodies, error envelopes, and the headers that say where from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote

from streamr.boundaries import Answer, Exchange, Query, StoredResponse
from streamr.errors import Attempt, Fault, RouteKind
from streamr.fields import cache_status, names, proxy_status
from streamr.policy import freshness, representation
from streamr.web.page import JSON, Page, envelope

# Below one Ethernet segment compression saves nothing.
LEAST_GZIPPED = 1000
# How much of a stranger's parameters goes back to him: names, and their characters.
MOST_NAMED, MOST_NAME = 20, 40
# What clients want, of which a front end's visitors have a few kinds of browsers.
MOST_WANTS = 64
# Flights whose fields are remembered until the last of their callers is told.
REMEMBERED = 256

# TMDB's own sentences, which clients know, and whose key it is.
KEY_MESSAGES = {
    "key_refused": "Invalid API key: You must be granted a valid key.",
    "key_suspended": "Suspended API key: Access to your account has been suspended.",
}
OUR_KEY = (
    "It is the key of streamr, not of the caller: set a valid TMDB_ACCESS_TOKEN or "
    "TMDB_API_KEY there."
)

# What names an answer's tags for caches in front: tmdb.tags.TagField.of.
Tagged = Callable[[Query, bytes], tuple[str, str]]
# What adds a coding to a stored response: gateway.Gateway.coded.
Coded = Callable[[StoredResponse, frozenset[str]], StoredResponse]

_S_MAXAGE = re.compile(r", s-maxage=[0-9]+")
_Q = re.compile(r";\s*q\s*=\s*([0-9.]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wants:
    """What a caller can take: codings, and the entity tags it has already."""

    codings: frozenset[str] = frozenset()
    none_match: str = ""


@lru_cache(MOST_WANTS)
def wants(accept_encoding: str, if_none_match: str) -> Wants:
    """Read Accept-Encoding (RFC 9110, 12.5.3) and If-None-Match (13.1.2)."""
    weights: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, rest = part.partition(";")
        match = _Q.search(f";{rest}")
        weights[coding.strip()] = _number(match.group(1)) if match else 1.0
    others = weights.get("*", 0.0)
    names = {"gzip": weights.get("gzip", weights.get("x-gzip", others))}
    names["br"] = weights.get("br", others)
    taken = frozenset(name for name, weight in names.items() if weight > 0)
    return Wants(taken, if_none_match)


def as_it_is(stored: StoredResponse, _taken: frozenset[str]) -> StoredResponse:
    """A stored response in the codings that there are."""
    return stored


def answer_page(
    exchange: Exchange, wanted: Wants, now: float, coded: Coded = as_it_is
) -> Page:
    """The page of a finished exchange: from the store, from TMDB, or the fault.

    `coded` adds the coding that a caller takes to a stored response.
    """
    if exchange.outcome.stored is not None:
        return _stored_page(exchange, exchange.outcome.stored, wanted, now, coded)
    if exchange.outcome.answer is None:
        fault = exchange.outcome.fault or Fault("proxy_internal_error")
        return fault_page(exchange, fault)
    answer = exchange.outcome.answer
    headers = [("Content-Type", answer.content_type), ("Vary", "Accept-Encoding")]
    if answer.status == 200 and answer.cache_control:
        headers.append(("Cache-Control", answer.cache_control))
    else:
        # a 401 of TMDB carries max-age=300: a key put right would look wrong
        # (docs/facts/tmdb.md, "Cache-Control")
        headers.append(("Cache-Control", "no-store"))
    if answer.retry_after:
        headers.append(("Retry-After", answer.retry_after))
    if answer.age and answer.status == 200:
        headers.append(("Age", str(int(answer.age))))
    body = answer.body
    gzipped = _gzipped(answer) if "gzip" in wanted.codings else None
    if gzipped is not None:
        body = gzipped
        headers.append(("Content-Encoding", "gzip"))
    return Page(answer.status, body, (*headers, *provenance(exchange)))


def query_page(
    exchange: Exchange,
    wanted: Wants,
    now: float,
    query: Query,
    coded: Coded = as_it_is,
    tagged: Tagged | None = None,
) -> Page:
    """The page of a query's exchange: it also names the parameters that stayed here,
    and the tags of what others may keep."""
    page = answer_page(exchange, wanted, now, coded)
    told = dropped(query.dropped)
    shown = exchange.outcome.stored or exchange.outcome.answer
    if tagged is not None and shown is not None and shown.status == 200:
        told.append(tagged(query, shown.body))
    return replace(page, headers=(*page.headers, *told)) if told else page


def wants_new(directives: str) -> bool:
    """Whether a caller wants no copy that was made a while ago: a Cache-Control, or
    else a Pragma (RFC 9111, 5.2.1.4 and 5.4)."""
    words = {word.strip().lower() for word in directives.split(",")}
    return not words.isdisjoint({"no-cache", "max-age=0"})


def _gzipped(answer: Answer) -> bytes | None:
    """The gzip form of an answer that is not stored, where that is worth its time."""
    small = len(answer.body) < LEAST_GZIPPED
    if answer.gzipped or small or representation.heavy(answer.body):
        return answer.gzipped
    return representation.gzipped(answer.body)


def dropped(parameters: Sequence[str]) -> list[tuple[str, str]]:
    """The header that names the caller's parameters that stayed here, if any."""
    if not parameters:
        return []
    named = [quote(name[:MOST_NAME], safe="") for name in parameters[:MOST_NAMED]]
    return [(names.DROPPED, ", ".join(named))]


def _stored_page(
    exchange: Exchange, stored: StoredResponse, wanted: Wants, now: float, coded: Coded
) -> Page:
    """A stored response in the coding that the caller takes, or 304."""
    headers = [
        ("Vary", "Accept-Encoding"),
        ("ETag", stored.etag),
        ("Age", str(int(exchange.outcome.age))),
        *freshness_fields(stored, now),
    ]
    known = wanted.none_match and matches(wanted.none_match, stored.etag)
    if stored.status == 200 and known:
        return Page(304, b"", (*headers, *provenance(exchange)))
    headers.append(("Content-Type", stored.content_type))
    stored = coded(stored, wanted.codings)
    body = stored.body
    if stored.brotli is not None and "br" in wanted.codings:
        body = stored.brotli
        headers.append(("Content-Encoding", "br"))
    elif stored.gzipped is not None and "gzip" in wanted.codings:
        body = stored.gzipped
        headers.append(("Content-Encoding", "gzip"))
    return Page(stored.status, body, (*headers, *provenance(exchange)))


def freshness_fields(stored: StoredResponse, now: float) -> list[tuple[str, str]]:
    """What callers and the caches in front may do with a stored response. A 404 is kept
    here, and by nobody else."""
    if stored.status != 200:
        return [("Cache-Control", "no-store")]
    return [
        ("Cache-Control", freshness.cache_control(stored, now)),
        (names.CDN_CACHE_CONTROL, freshness.cdn_cache_control(stored, now)),
        (names.ACCEL_EXPIRES, str(freshness.left(stored, now))),
    ]


def private(page: Page) -> Page:
    """The same page, which no shared cache may keep (RFC 9111, 5.2.2.7)."""
    shared = (names.CDN_CACHE_CONTROL, names.ACCEL_EXPIRES)
    headers = [
        (name, private_control(value) if name == "Cache-Control" else value)
        for name, value in page.headers
        if name not in shared
    ]
    return replace(page, headers=(*headers, (names.ACCEL_EXPIRES, "0")))


def private_control(value: str) -> str:
    """What a Cache-Control of ours says where no shared cache may keep the page."""
    if not value.startswith("public"):
        return value
    return _S_MAXAGE.sub("", value.replace("public", "private", 1))


def matches(none_match: str, etag: str) -> bool:
    """Weak comparison (RFC 9110, 8.8.3.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in none_match.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


def fault_page(exchange: Exchange, fault: Fault) -> Page:
    """The error that a caller gets when no route had an answer."""
    headers = [("Content-Type", JSON), ("Cache-Control", "no-store")]
    if fault.retry_after:
        headers.append(("Retry-After", fault.retry_after))
    body = envelope(
        fault.cause.status,
        fault.cause.code,
        message(fault, exchange),
        exchange.outcome.attempts,
    )
    return Page(fault.cause.status, body, (*headers, *provenance(exchange)))


def message(fault: Fault, exchange: Exchange) -> str:
    """The sentence of a fault, for the person who reads the error."""
    if fault.cause.name in KEY_MESSAGES:
        return f"{KEY_MESSAGES[fault.cause.name]} {OUR_KEY}"
    count = len(exchange.outcome.attempts)
    tries = f" {count} attempt{'s' if count > 1 else ''} failed." if count else ""
    text = f"No answer from TMDB: {fault.cause.meaning} ({fault.cause.name}).{tries}"
    if fault.retry_after and not count and fault.detail:
        text += f" {fault.detail[:1].upper()}{fault.detail[1:]}."
    configuration = [
        f" {each.name}: {each.detail}."
        for each in exchange.outcome.attempts
        if each.cause == "proxy_configuration_error"
    ]
    return text + "".join(configuration)


def provenance(exchange: Exchange) -> list[tuple[str, str]]:
    """Who answered, what failed before, and how long each of them took."""
    attempts = list(exchange.outcome.attempts)
    if exchange.outcome.fault is not None and not (
        attempts and attempts[-1].cause == exchange.outcome.fault.cause.name
    ):
        # the last member speaks of this response: it is the gateway's own
        attempts.append(Attempt("", "", exchange.ms, exchange.outcome.fault.cause.name))
    status = proxy_status.render(exchange.server, attempts)
    headers = [(names.PROXY_STATUS, status)] if status else []
    if exchange.outcome.cache is not None:
        answered = (
            exchange.outcome.answer.status
            if exchange.outcome.answer is not None
            else None
        )
        used = cache_status.render(exchange.server, exchange.outcome.cache, answered)
        headers.append((names.CACHE_STATUS, used))
    timing = f"{_timing(exchange.outcome.attempts)}total;dur={exchange.ms}"
    headers.append((names.SERVER_TIMING, timing))
    if exchange.outcome.kind is RouteKind.PEER:
        headers.append(("X-Proxy-Source", exchange.outcome.attempts[-1].next_hop))
    return headers


@lru_cache(REMEMBERED)
def _timing(attempts: tuple[Attempt, ...]) -> str:
    """How long each attempt took: the same for all who share a flight."""
    metrics = (
        f"attempt{number};dur={each.ms};desc={_quoted(each.name, each.cause or 'ok')}"
        for number, each in enumerate(attempts, start=1)
    )
    return "".join(f"{each}, " for each in metrics)


def _quoted(*words: str) -> str:
    """A quoted-string (RFC 9110, 5.6.4): a route may be named by another server."""
    text = "".join(c if " " <= c <= "~" else "?" for c in " ".join(words))
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
