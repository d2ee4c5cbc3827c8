"""What a parameter's value may look like. A value that cannot be right never leaves.

TMDB answers a bad page with its code 22 and HTTP 400; so do we, and save the trip.
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

_LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?"
_REGION = r"[A-Za-z]{2}"
# Parameters with a form of their own: the pattern of the whole value, and its name.
# The OpenAPI description reads it too.
FORMS = {
    "language": (_LANGUAGE, "an ISO 639-1 code such as en or en-US"),
    "region": (_REGION, "an ISO 3166-1 code such as US"),
    "watch_region": (_REGION, "an ISO 3166-1 code such as US"),
    "certification_country": (_REGION, "an ISO 3166-1 code such as US"),
}
# One entry of append_to_response.
APPENDED = r"[a-z_]+(/[a-z0-9_]+)*"
# No value holds these.
CONTROL = r"[\x00-\x1f\x7f]"
_USER_NAMES = frozenset({"session_id", "guest_session_id", "request_token"})


def for_a_user(pair: Pair) -> bool:
    """True for a parameter that makes TMDB act for one user."""
    return pair[0] in _USER_NAMES


def without_a_user(pair: Pair) -> Pair:
    """The parameter without an appended part that only a user's session has.

    TMDB leaves it out in silence where there is no session, and tmdbapis asks for it
    with every title: a refusal would break what works there.
    """
    name, value = pair
    if name != "append_to_response":
        return pair
    kept = [part for part in value.split(",") if "account_states" not in part]
    return name, ",".join(kept)


def check(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs that are sent on: without empty values and exact repetitions.

    Raises Refusal naming the parameter, what was wrong and what is allowed.
    """
    seen: dict[str, str] = {}
    for name, value in pairs:
        if value == "" or seen.get(name) == value:
            continue
        if name in seen:
            only(name, [(name, seen[name]), (name, value)])
        seen[name] = value
        _CHECKS.get(name, _any)(name, value)
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
        raise bad(name, f"cannot be {value[:40]!r}; allowed: {', '.join(allowed)}")
    return value


def bad(name: str, problem: str, code: Envelope = Envelope.INPUT) -> Refusal:
    """The refusal of one parameter."""
    return Refusal(400, code, f"Invalid parameter: {name} {problem[:200]}.")


def _any(name: str, value: str) -> None:
    if len(value) > MOST_CHARACTERS:
        raise bad(name, f"is longer than {MOST_CHARACTERS} characters")
    if re.search(CONTROL, value):
        raise bad(name, "holds control characters")


def _page(name: str, value: str) -> None:
    first, last = PAGES
    if not (re.fullmatch(r"[0-9]{1,4}", value) and first <= int(value) <= last):
        raise Refusal(
            400,
            Envelope.PAGE,
            f"Invalid page: Pages start at {first} and max at {last}. They are "
            f"expected to be an integer. ({name} cannot be {value[:40]!r})",
        )


def _form(pattern: str, allowed: str) -> Callable[[str, str], None]:
    def checked(name: str, value: str) -> None:
        if not re.fullmatch(pattern, value):
            raise bad(name, f"cannot be {value[:40]!r}; allowed: {allowed}")

    return checked


def _appended(name: str, value: str) -> None:
    entries = value.split(",")
    if len(entries) > MOST_APPENDED:
        raise Refusal(
            400,
            Envelope.APPENDED,
            "Too many append to response objects: The maximum number of remote calls "
            f"is {MOST_APPENDED}. ({name} has {len(entries)})",
        )
    for entry in entries:
        if entry and not re.fullmatch(APPENDED, entry):
            raise bad(
                name,
                f"cannot hold {entry[:40]!r}; allowed: names such as credits, "
                "watch/providers or season/1, with commas between",
            )


_CHECKS: dict[str, Callable[[str, str], None]] = {
    **{name: _form(*form) for name, form in FORMS.items()},
    "page": _page,
    "append_to_response": _appended,
}
