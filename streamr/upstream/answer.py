"""Whether a whole response is an answer: the Answer in it, or the Fault that it is."""

from __future__ import annotations

from dataclasses import dataclass

from streamr.boundaries import Answer, Call, Query, Validators
from streamr.errors import Fault
from streamr.tmdb.plausibility import problem
from streamr.upstream.body import describe, read_json
from streamr.upstream.classify import JSON


@dataclass(frozen=True, slots=True)
class Head:
    """What counts of a response's head."""

    status: int
    content_type: str = JSON
    cache_control: str | None = None
    retry_after: str | None = None
    proxy_status: str = ""
    age: float = 0.0
    date: str | None = None
    expires: str | None = None
    vary: str | None = None
    etag: str | None = None
    last_modified: str | None = None

    @property
    def validators(self) -> Validators | None:
        """What can be used to ask again whether this is still good."""
        if self.etag is None and self.last_modified is None:
            return None
        return Validators(self.etag, self.last_modified)


def judge(
    query: Query,
    call: Call,
    head: Head,
    body: bytes,
    gzipped: bytes | None,
    *,
    certain: bool,
) -> Answer:
    """The Answer in a complete response, or raise the Fault that it is.

    TMDB's own 4xx in JSON are answers; a redirect, a 5xx, a body that is no JSON or
    that cannot be what was asked is not, whatever the status says.
    """
    status = head.status
    if status == 304 and call.known is not None:
        return _answer(head, b"", None)
    if 300 <= status < 400:
        raise Fault("http_response_redirect", f"status {status}")
    if status >= 500:
        kind = "upstream_unavailable" if status in (502, 503, 504) else "upstream_error"
        raise Fault(kind, f"status {status}", retry_after=head.retry_after)
    try:
        if status != 200 and status < 400:
            raise Fault("http_response_invalid", f"status {status}")
        value = read_json(body, certain=certain)
        wrong = problem(query, value) if status == 200 else None
        if wrong is not None:
            raise Fault("http_response_invalid", wrong)
    except Fault as fault:
        raise _refused(head, body) or fault from fault
    return _answer(head, body, gzipped)


def _answer(head: Head, body: bytes, gzipped: bytes | None) -> Answer:
    return Answer(
        head.status,
        body,
        gzipped,
        content_type=head.content_type,
        cache_control=head.cache_control,
        retry_after=head.retry_after,
        age=head.age,
        date=head.date,
        expires=head.expires,
        vary=head.vary,
        validators=head.validators,
    )


def _refused(head: Head, body: bytes) -> Fault | None:
    """What a CDN says in HTML and TMDB would say in JSON: it is true all the same."""
    if head.status == 403:
        return Fault("http_request_denied", f"status 403 with {describe(body)}")
    if head.status == 429:
        return Fault(
            "http_rate_limited",
            f"status 429 with {describe(body)}",
            retry_after=head.retry_after,
        )
    return None
