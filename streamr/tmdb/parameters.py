"""What a parameter's value may look like, and which parameters stay here.

The rule: what TMDB takes, we take. TMDB ignores parameters that it does not know, and
documents only a part of those that it obeys; so all go on to it, and are part of the
cache key. What stays here is what acts for a user, credentials, JSONP, and what only
defeats caches. A value that TMDB refuses is refused here, with its code, and saves the
trip; one that it reads in its own way is written in that way before it leaves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from streamr.errors import Envelope, Refusal

Pair = tuple[str, str]

# TMDB: "Pages start at 1 and max at 500. They are expected to be an integer."
PAGES = (1, 500)
# TMDB: "Too many append to response objects: The maximum number of remote calls is 20."
MOST_APPENDED = 20
# The longest sensible value is a list of twenty appended names or some genre ids.
MOST_CHARACTERS = 1000
# Parameters that no row of endpoints.txt has, in one request: TMDB's apps send three.
MOST_UNKNOWN = 20

# What a form of a value is called in the OpenAPI description.
FORMS = {
    "language": "an ISO 639-1 code such as en or en-US",
    "region": "an ISO 3166-1 code such as US",
    "watch_region": "an ISO 3166-1 code such as US",
    "certification_country": "an ISO 3166-1 code such as US",
}
# Where Chinese is written in a script (Unicode's likely subtags, CLDR).
_SCRIPTS = {("zh", "hans"): "CN", ("zh", "hant"): "TW"}
_LOCALE = re.compile(
    r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?"
)
# One entry of append_to_response.
APPENDED = r"[a-z_]+(/[a-z0-9_]+)*"
# No value holds these.
CONTROL = r"[\x00-\x1f\x7f]"

# A name that TMDB could know.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# What acts for a user: streamr answers everyone alike.
_USER = {"session_id", "guest_session_id", "request_token"}
# Callers' credentials: streamr sends its own.
_CREDENTIALS = {"api_key", "apikey", "api-key", "access_token", "token", "bearer"}
# A body that is a script is no JSON, and TMDB's own JSONP answers are not stored.
_JSONP = {"callback", "jsonp"}
# What makes each call another one, so that no cache answers it.
_CACHE_BUSTERS = {
    *("_", "_t", "_ts", "t", "ts", "v", "cb", "time", "timestamp", "nonce"),
    *("cachebust", "cachebuster", "cache_bust", "cache_buster", "cache-buster"),
    *("nocache", "no_cache", "no-cache", "rand", "random", "rnd", "buster"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("fbclid", "gclid"),
}
# By their names in small letters.
DROPPED = frozenset(_USER | _CREDENTIALS | _JSONP | _CACHE_BUSTERS)


def is_dropped(name: str) -> bool:
    """True for a parameter that stays here."""
    return name.lower() in DROPPED or not NAME.fullmatch(name)


def canonical(name: str, value: str) -> str:
    """A value as TMDB reads it: parts without blanks around them, the nearest locale
    that it has (zh-Hans-CN is zh-CN, sr-Latn-RS is sr-RS, en_US is en-US)."""
    if name == "append_to_response":
        return ",".join(_appended(value))
    if name == "language":
        return _locale(value.strip())
    return value


def _appended(value: str) -> list[str]:
    """The entries that TMDB could know: it leaves others out in silence.

    So it does with what only a user's session has, without one; tmdbapis asks for that
    with every title.
    """
    entries = [entry.strip() for entry in value.split(",")]
    return [
        entry
        for entry in dict.fromkeys(entries)
        if re.fullmatch(APPENDED, entry) and "account_states" not in entry
    ]


def _locale(value: str) -> str:
    match = _LOCALE.fullmatch(value)
    if match is None:
        return value
    language, script, region = match[1].lower(), (match[2] or "").lower(), match[3]
    region = (region or _SCRIPTS.get((language, script), "")).upper()
    return f"{language}-{region}" if region else language


def check(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs that are sent on: without empty values and exact repetitions.

    Two values of one name both go on, in their order: which of them counts is TMDB's to
    say. Raises Refusal naming the parameter, what was wrong and what is allowed.
    """
    last: dict[str, str] = {}
    for name, given in pairs:
        _CHECKS.get(name, _any)(name, given)
        value = canonical(name, given)
        if value != "" and last.get(name) != value:
            last[name] = value
            yield name, value


def only(name: str, pairs: Iterable[Pair]) -> str | None:
    """The one value of a parameter, None without one; raises Refusal for several."""
    values = list(dict.fromkeys(value for key, value in pairs if key == name and value))
    if len(values) > 1:
        raise bad(
            name, f"was given twice, as {values[0][:40]!r} and {values[1][:40]!r}"
        )
    return values[0] if values else None


def choice(name: str, value: str, allowed: Iterable[str]) -> str:
    """The value, when it is one of those allowed; raises Refusal otherwise."""
    allowed = list(allowed)
    if value not in allowed:
        raise bad(name, f"is {value[:40]!r}; allowed: {', '.join(allowed)}")
    return value


def bad(name: str, problem: str, code: Envelope = Envelope.INPUT) -> Refusal:
    """The refusal of one parameter."""
    return Refusal(400, code, f"Invalid parameter: {name} {problem[:200]}.")


def _any(name: str, value: str) -> None:
    if len(value) > MOST_CHARACTERS:
        raise bad(name, f"is longer than {MOST_CHARACTERS} characters")
    if re.search(CONTROL, value):
        raise bad(name, "contains control characters")


def _page(name: str, value: str) -> None:
    first, last = PAGES
    if value == "":
        return
    if not (re.fullmatch(r"[0-9]{1,4}", value) and first <= int(value) <= last):
        raise Refusal(
            400,
            Envelope.PAGE,
            f"Invalid page: Pages start at {first} and max at {last}. They are "
            f"expected to be an integer. ({name} is {value[:40]!r})",
        )


def _append(name: str, value: str) -> None:
    _any(name, value)
    count = len([entry for entry in value.split(",") if entry.strip()])
    if count > MOST_APPENDED:
        raise Refusal(
            400,
            Envelope.APPENDED,
            "Too many append to response objects: The maximum number of remote calls "
            f"is {MOST_APPENDED}. ({name} has {count})",
        )


_CHECKS: dict[str, Callable[[str, str], None]] = {
    "page": _page,
    "append_to_response": _append,
}
