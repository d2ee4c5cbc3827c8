"""What comes back: headers, errors, and the statuses that an operation can have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from streamr.errors import CAUSES
from streamr.fields import names
from streamr.openapi.form import Header, Media, Reference, Response, Schema
from streamr.openapi.shapes import reference

JSON_TYPE = "application/json"
PICTURE_TYPE = "image/*"

_TEXT: Schema = {"type": "string"}
# name: (always there?, schema, what it says)
_HEADERS: dict[str, tuple[bool, Schema, str]] = {
    names.REQUEST_ID: (True, _TEXT, "The request's id: yours, or a new one."),
    "X-Content-Type-Options": (True, {"const": "nosniff"}, "Always nosniff."),
    "Vary": (False, _TEXT, "What the answer depends on: Accept-Encoding, Origin."),
    "Cache-Control": (False, _TEXT, "How long you may keep it (RFC 9111)."),
    names.CDN_CACHE_CONTROL: (False, _TEXT, "The same for CDNs (RFC 9213)."),
    "ETag": (False, _TEXT, "Send it back as If-None-Match."),
    "Age": (
        False,
        {"type": "integer", "minimum": 0},
        "Seconds since TMDB made the answer.",
    ),
    names.CACHE_STATUS: (False, _TEXT, "Hit, miss or stale, and why (RFC 9211)."),
    names.PROXY_STATUS: (
        False,
        _TEXT,
        "The cause of each failed attempt (RFC 9209); absent when the first attempt "
        "brought the answer.",
    ),
    names.SERVER_TIMING: (False, _TEXT, "Milliseconds of each attempt, and in total."),
    "X-Proxy-Source": (
        False,
        _TEXT,
        "The proxy that answered, as host:port; absent when TMDB answered directly.",
    ),
    names.DROPPED: (
        False,
        _TEXT,
        "Parameters of the request that were not sent to TMDB: those that act for a "
        "user, credentials, JSONP, and those that only defeat caches.",
    ),
    "Retry-After": (False, _TEXT, "When to try again: seconds, or a date."),
    "Allow": (True, _TEXT, "The methods that the path accepts."),
    "Access-Control-Allow-Origin": (
        False,
        _TEXT,
        "Set for web pages whose origin CORS_ORIGINS allows.",
    ),
}
_EVERY = (names.REQUEST_ID, "X-Content-Type-Options", "Access-Control-Allow-Origin")
_TOLD = ("Cache-Control", names.CACHE_STATUS, names.PROXY_STATUS, names.SERVER_TIMING)
_ANSWERED = (
    *("Vary", "ETag", "Age", names.CDN_CACHE_CONTROL),
    *("X-Proxy-Source", names.DROPPED),
)

# status: (component, schema of the body, further headers, description)
_ERRORS: dict[int, tuple[str, str, tuple[str, ...], str]] = {
    400: (
        "BadRequest",
        "Error",
        (),
        "A parameter is invalid; the message names it and says what is allowed.",
    ),
    401: ("BadKey", "Error", (), "TMDB does not accept streamr's key."),
    403: (
        "Denied",
        "Error",
        (),
        "The endpoint acts for a TMDB user, which streamr never does; or TMDB "
        "refuses the request.",
    ),
    404: (
        "NotFound",
        "Error",
        (),
        "TMDB has nothing under that id, or streamr does not know the path.",
    ),
    405: (
        "WrongMethod",
        "GatewayError",
        ("Allow",),
        "Only GET, HEAD and OPTIONS are allowed.",
    ),
    422: (
        "Unprocessable",
        "Unprocessable",
        (),
        "TMDB cannot process the values, such as a period of more than 14 days.",
    ),
    429: (
        "TooMany",
        "GatewayError",
        ("Retry-After",),
        "TMDB asks for fewer requests, or more are waiting than it allows; and no "
        "answer is stored.",
    ),
    500: ("Internal", "GatewayError", (), "An error in streamr itself."),
    502: (
        "BadGateway",
        "GatewayError",
        ("Retry-After",),
        "No route to TMDB gave an answer. With Retry-After, TMDB fails on this path.",
    ),
    503: (
        "Unavailable",
        "GatewayError",
        ("Retry-After",),
        "Every route has failed recently.",
    ),
    504: ("Timeout", "GatewayError", (), "The deadline passed."),
    508: ("Loop", "GatewayError", (), "The request came back to this streamr."),
}
# Parameters over which TMDB answers 422.
_PICKY = frozenset({"query", "start_date", "external_source"})
_OWN_PAGE = (405, 500)


def headers() -> dict[str, Header]:
    """The components for all response headers."""
    return {name: _header(*row) for name, row in _HEADERS.items()}


def _header(always: bool, schema: Schema, told: str) -> Header:
    made: Header = {"description": told, "schema": schema}
    if always:
        made["required"] = True
    return made


def errors() -> dict[str, Response]:
    """The components for all errors, and for 304."""
    made: dict[str, Response] = {
        name: {
            "description": told + _causes(status),
            "headers": _referred((*_EVERY, *_TOLD, *more)),
            "content": {JSON_TYPE: {"schema": reference(body)}},
        }
        for status, (name, body, more, told) in _ERRORS.items()
    }
    made["NotModified"] = {
        "description": "Your copy is still good (If-None-Match).",
        "headers": _referred((*_EVERY, *_TOLD, *_ANSWERED)),
    }
    return made


def of_tmdb(takes: Iterable[str], schema: Schema) -> dict[str, Response]:
    """The responses of an endpoint of TMDB's that takes these parameters."""
    picky = not _PICKY.isdisjoint(takes)
    statuses = [each for each in _ERRORS if each != 422 or picky]
    found = {str(status): _error(status) for status in statuses}
    return {
        "200": {
            "description": "TMDB's answer.",
            "headers": _referred((*_EVERY, *_TOLD, *_ANSWERED)),
            "content": {JSON_TYPE: {"schema": schema}},
        },
        "304": {"$ref": "#/components/responses/NotModified"},
        **found,
    }


def of_pictures() -> dict[str, Response]:
    """The responses of a request for a picture."""
    statuses = [each for each in _ERRORS if each not in (400, 403, 422)]
    headers = _referred((*_EVERY, *_TOLD, "ETag", "Age"))
    picture: dict[str, Media] = {PICTURE_TYPE: {"schema": {}}}
    return {
        "200": {"description": "The picture.", "headers": headers, "content": picture},
        "206": {
            "description": "The part that was asked for.",
            "headers": headers,
            "content": picture,
        },
        "304": {"$ref": "#/components/responses/NotModified"},
        **{str(status): _error(status) for status in statuses},
    }


def of_ours(
    pages: Mapping[int, tuple[str, Schema]], errors: Sequence[int] = ()
) -> dict[str, Response]:
    """The responses of a page of our own: its statuses, and errors beside the usual."""
    told: dict[str, Response] = {
        str(status): {
            "description": said,
            "headers": _referred((*_EVERY, "Cache-Control")),
            "content": {JSON_TYPE: {"schema": schema}},
        }
        for status, (said, schema) in pages.items()
    }
    listed = sorted({*errors, *_OWN_PAGE})
    return {**told, **{str(status): _error(status) for status in listed}}


def _error(status: int) -> Response:
    return {"$ref": f"#/components/responses/{_ERRORS[status][0]}"}


def _referred(names: tuple[str, ...]) -> dict[str, Reference]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _causes(status: int) -> str:
    """Which causes of the fault table end in a status."""
    names = [cause.name for cause in CAUSES.values() if cause.status == status]
    return f" Causes: {', '.join(names)}." if names else ""
