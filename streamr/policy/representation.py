"""Answers made ready to be kept: an ETag, and the codings of their bodies."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace

from streamr.boundaries import Answer, Query, StoredResponse
from streamr.policy.freshness import Terms

try:
    import brotli
except ImportError:  # the extra `brotli` is not installed
    brotli = None

# zlib's own default: 0.1 to 0.3 ms for a list page (docs/facts/performance.md,
# "Compressing a list page").
GZIP_LEVEL = 6
# About as long as gzip, for fewer bytes; 11 would take fifty times as long
# (docs/facts/performance.md, "Compressing a list page").
BROTLI_QUALITY = 5
# Beyond this, compressing takes more than a millisecond: not on the reactor.
HEAVY = 100_000
BROTLI, GZIP = "br", "gzip"


def heavy(body: bytes) -> bool:
    """True when compressing a body belongs off the reactor."""
    return len(body) > HEAVY


def best(taken: frozenset[str]) -> str | None:
    """The best of the codings that a caller takes; None when it is the plain body."""
    if brotli is not None and BROTLI in taken:
        return BROTLI
    return GZIP if GZIP in taken else None


def has(stored: StoredResponse, coding: str) -> bool:
    """Whether a response has its body in this coding already."""
    return (stored.brotli if coding == BROTLI else stored.gzipped) is not None


def encoded(body: bytes, coding: str) -> bytes:
    """A body in one of the codings that `best` names."""
    return brotlied(body) if coding == BROTLI else gzipped(body)


def with_coding(stored: StoredResponse, coding: str, made: bytes) -> StoredResponse:
    """The same response, with its body in this coding as well."""
    if coding == BROTLI:
        return replace(stored, brotli=made)
    return replace(stored, gzipped=made)


def ready(
    key: str, query: Query, answer: Answer, terms: Terms, now: float
) -> StoredResponse:
    """The stored response of an answer that came at `now` (monotonic seconds), in the
    codings that it came in."""
    return StoredResponse(
        key=key,
        path=query.path,
        kind=terms.kind,
        status=answer.status,
        content_type=answer.content_type,
        body=answer.body,
        gzipped=answer.gzipped,
        brotli=None,
        etag=etag(answer.body),
        validators=answer.validators,
        stored_at=now - terms.age,
        lifetime=terms.lifetime,
        while_revalidate=terms.while_revalidate,
        if_error=terms.if_error,
    )


def renewed(stored: StoredResponse, terms: Terms, now: float) -> StoredResponse:
    """The same response, said to be still good (RFC 9111, 4.3.4)."""
    return replace(
        stored,
        stored_at=now - terms.age,
        lifetime=terms.lifetime,
        while_revalidate=terms.while_revalidate,
        if_error=terms.if_error,
    )


def aged(stored: StoredResponse, now: float) -> StoredResponse:
    """The same response, just past its lifetime: to be renewed before it is trusted."""
    return replace(stored, stored_at=now - stored.lifetime)


def etag(body: bytes) -> str:
    """The entity tag of a body: weak, because every coding of it carries the same."""
    return f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def gzipped(body: bytes) -> bytes:
    """The gzip form; the same bytes every time."""
    return gzip.compress(body, GZIP_LEVEL, mtime=0)


def gunzipped(body: bytes) -> bytes:
    """The identity form of a gzip body; raises OSError or EOFError otherwise."""
    return gzip.decompress(body)


def brotlied(body: bytes) -> bytes:
    """The brotli form; only where the extra `brotli` is installed."""
    made: bytes = brotli.compress(body, quality=BROTLI_QUALITY)
    return made
