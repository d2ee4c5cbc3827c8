"""Answers made ready to be written: each coding once, at store time, and an ETag."""

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


def heavy(answer: Answer) -> bool:
    """True when making the answer ready belongs off the reactor."""
    work = brotli is not None or answer.gzipped is None
    return work and len(answer.body) > HEAVY


def ready(
    key: str, query: Query, answer: Answer, terms: Terms, now: float
) -> StoredResponse:
    """The stored response of an answer that came at `now` (monotonic seconds)."""
    return StoredResponse(
        key=key,
        path=query.path,
        kind=terms.kind,
        status=answer.status,
        content_type=answer.content_type,
        body=answer.body,
        gzipped=answer.gzipped or gzipped(answer.body),
        brotli=brotlied(answer.body),
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


def brotlied(body: bytes) -> bytes | None:
    """The brotli form, when the extra is there."""
    if brotli is None:
        return None
    made: bytes = brotli.compress(body, quality=BROTLI_QUALITY)
    return made
