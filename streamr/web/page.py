"""A page: one response, ready to be written; and those that are errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from streamr.boundaries import CacheUse
from streamr.errors import Attempt, Envelope, Refusal
from streamr.fields import cache_status, names, proxy_status

JSON = "application/json;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """One response, ready to be written."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


def refusal_page(server: str, refusal: Refusal) -> Page:
    """The page of a request that was answered before anything left."""
    headers = [
        ("Content-Type", JSON),
        ("Cache-Control", "no-store"),
        (names.PROXY_STATUS, proxy_status.own_error(server, _refusal_cause(refusal))),
        (
            names.CACHE_STATUS,
            cache_status.render(server, CacheUse(forward="bypass"), None),
        ),
    ]
    if refusal.allow:
        headers.append(("Allow", refusal.allow))
    if refusal.retry_after is not None:
        headers.append(("Retry-After", str(refusal.retry_after)))
    body = envelope(refusal.status, refusal.code, refusal.message)
    return Page(refusal.status, body, tuple(headers))


def json_page(status: int, value: object) -> Page:
    """A page of our own, such as the health."""
    headers = (("Content-Type", JSON), ("Cache-Control", "no-store"))
    return Page(status, _dumped(value), headers)


def envelope(
    status: int, code: Envelope, message: str, attempts: Sequence[Attempt] = ()
) -> bytes:
    """An error in TMDB's shape, with the keys of the system before beside it."""
    return _dumped(
        {
            "success": False,
            "status_code": int(code),
            "status_message": message,
            "error": message,
            "status": status,
            "details": {"attempts": [_told(attempt) for attempt in attempts]},
        }
    )


def _told(attempt: Attempt) -> dict[str, object]:
    told: dict[str, object] = {
        "route": attempt.name,
        "cause": attempt.cause or "ok",
        "ms": attempt.ms,
    }
    if attempt.detail:
        told["detail"] = attempt.detail
    return told


def _refusal_cause(refusal: Refusal) -> str:
    """RFC 9209's word for a refusal."""
    if refusal.status == 508:
        return "proxy_loop_detected"
    if refusal.status >= 500:
        return "proxy_internal_error"
    return (
        "http_request_denied"
        if refusal.status in (401, 403, 429)
        else "http_request_error"
    )


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
