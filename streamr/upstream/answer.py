"""Whether a whole response is an answer: the Answer in it, or the Fault that it is."""

from __future__ import annotations

from dataclasses import replace

from streamr.boundaries import Answer, Call, Completeness, Query
from streamr.errors import Envelope, Fault
from streamr.tmdb.plausibility import completeness, problem
from streamr.upstream.body import describe, read_json

# TMDB's codes that speak of the key that was sent, and what they say of it.
_KEY_CODES: dict[int, str] = {
    Envelope.KEY: "key_refused",
    Envelope.SUSPENDED: "key_suspended",
}


def judge(query: Query, call: Call, response: Answer) -> Answer:
    """The response, when it is an answer; else the Fault that it is is raised.

    TMDB's own 4xx in JSON are answers; a redirect, a 5xx, a body that is no JSON or
    that cannot be what was asked is not, whatever the status says. Nor is what TMDB
    says of our key: it is not about what the caller asked.
    """
    status = response.status
    if status == 304 and call.known is not None:
        return replace(response, body=b"", gzipped=None)
    impossible = no_answer(response)
    if impossible is not None:
        raise impossible
    try:
        if status != 200 and status < 400:
            raise Fault("http_response_invalid", f"status {status}")
        value = read_json(response.body, certain=response.certain)
        wrong = problem(query, value) if status == 200 else None
        if wrong is not None:
            raise Fault("http_response_invalid", wrong)
    except Fault as fault:
        raise denied(response, f" with {describe(response.body)}") or fault from fault
    if status == 401:
        _check_key(value)
    if status != 200 or (held := completeness(query, value)) is Completeness.WHOLE:
        return response
    return replace(response, completeness=held)


def no_answer(response: Answer) -> Fault | None:
    """The Fault in a status that is no answer, whatever comes with it: a redirect, or
    an error of TMDB's machines."""
    status = response.status
    if 300 <= status < 400:
        return Fault("http_response_redirect", f"status {status}")
    if status >= 500:
        kind = "upstream_unavailable" if status in (502, 503, 504) else "upstream_error"
        return Fault(kind, f"status {status}", retry_after=response.retry_after)
    return None


def denied(response: Answer, seen: str = "") -> Fault | None:
    """The Fault in what a CDN says and TMDB would say in JSON: it is true all the same.
    `seen` tells of its body."""
    what = f"status {response.status}{seen}"
    if response.status == 403:
        return Fault("http_request_denied", what)
    if response.status == 429:
        return Fault("http_rate_limited", what, retry_after=response.retry_after)
    return None


def _check_key(value: object) -> None:
    """Raises Fault for what TMDB says of our key (docs/facts/tmdb.md, "Error codes").
    Other codes of a 401 speak of what was asked for, such as a private list."""
    code = value.get("status_code") if isinstance(value, dict) else None
    cause = _KEY_CODES.get(code) if isinstance(code, int) else None
    if cause is not None:
        raise Fault(cause, f"TMDB's code {code}", final=True)
