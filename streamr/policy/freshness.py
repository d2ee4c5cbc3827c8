"""How long an answer is good, and what may still be done with it afterwards.

RFC 9111 (lifetime, age, no-store) and RFC 5861 (stale-while-revalidate,
stale-if-error), bounded below and above by the class of the endpoint. Ages are
intervals on the monotonic clock: a jump of the wall clock expires nothing and makes
nothing immortal. For the same reason the Date of an answer is compared with its Expires
only, never with our clock.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache

from streamr.boundaries import Answer, Completeness, Freshness, StoredResponse

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# TMDB's terms (2023-10-20) allow six months; 180 days are the outer bound here.
MOST_KEPT = 180 * DAY
# With a stale copy at hand nobody waits longer than this (seconds).
SLOW = 0.25
# After a refresh has failed the stale copy is served without asking again for a while.
REFRESH_PAUSE = 5.0


# A 404 is true for a while, and never served stale.
MISSING = Freshness("missing", MINUTE, MINUTE, MINUTE, 0, 0)

# What is not whole is kept for a moment, renewed by whoever asks for it in the second
# half of it, and never served after it: at most so long in all (seconds).
PASSING = {Completeness.PARTIAL: MINUTE, Completeness.EMPTY: 5 * MINUTE}

# Cache-Control fields that are remembered.
REMEMBERED = 256
# One directive: a token, perhaps with a token or a quoted string (RFC 9111, 5.2).
# only from the beginning of a word: within one it would fail at the same place again
_FIELD = re.compile(r'(?<![a-z-])([a-z-]+)(?:=(?:"([^"]*)"|([^",\s]*)))?\s*(?:,|$)')
_SECONDS = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms an answer is kept; all in seconds. `age` is how old it came."""

    kind: str
    age: float
    lifetime: float
    while_revalidate: float
    if_error: float


def terms(answer: Answer, kind: Freshness | None) -> Terms | None:
    """The terms of an answer of this class, or None when it must not be stored.

    Only 200 and 404 ever are; TMDB's 401 says max-age=300, which is not believed.
    """
    directives = _directives(answer.cache_control or "")
    if kind is None or answer.status not in (200, 404):
        return None
    if _varies_on_all(answer.vary or ""):
        return None
    if "no-store" in directives or "private" in directives:
        return None
    if answer.status == 404:
        kind = MISSING
    named = _named(directives, answer)
    lifetime = min(max(kind.usual if named is None else named, kind.least), kind.most)
    passing = PASSING.get(answer.completeness)
    if passing is not None and answer.status == 200:
        half = min(lifetime, passing / 2)
        return Terms(kind.name, min(max(answer.age, 0.0), half), half, half, 0.0)
    return Terms(
        kind.name,
        min(max(answer.age, 0.0), lifetime),
        lifetime,
        kind.while_revalidate,
        min(kind.if_error, MOST_KEPT - lifetime),
    )


class State(Enum):
    """What may be done with a stored response now."""

    FRESH = "fresh"
    REVALIDATE = "serve it, and renew it in the background"
    STALE = "serve it when TMDB is slow or fails"
    GONE = "nothing"


def state(stored: StoredResponse | None, now: float) -> State:
    """The state of a stored response at `now` (monotonic seconds)."""
    if stored is None:
        return State.GONE
    late = now - stored.stored_at - stored.lifetime
    if late < 0:
        return State.FRESH
    if late < stored.while_revalidate:
        return State.REVALIDATE
    return State.STALE if late < stored.if_error else State.GONE


def left(stored: StoredResponse, now: float) -> int:
    """Whole seconds for which a response is still fresh."""
    return max(0, int(stored.lifetime - max(0.0, now - stored.stored_at)))


def cache_control(stored: StoredResponse, now: float) -> str:
    """The Cache-Control field for callers, and for shared caches without a field of
    their own.

    What is left of the lifetime is max-age less the Age beside it (RFC 9111, 4.2): a
    caller's cache keeps the answer as long as ours.
    """
    lifetime = _lifetime(stored, now)
    fresh = f"public, max-age={lifetime}, s-maxage={lifetime}"
    return fresh + _when_stale(stored, now)


def cdn_cache_control(stored: StoredResponse, now: float) -> str:
    """The CDN-Cache-Control field (RFC 9213): without s-maxage, which forbids shared
    caches to serve what is stale (RFC 9111, 5.2.2.10), whatever stands beside it."""
    return f"max-age={_lifetime(stored, now)}{_when_stale(stored, now)}"


def _lifetime(stored: StoredResponse, now: float) -> int:
    remaining = left(stored, now)
    return remaining + int(max(0.0, now - stored.stored_at)) if remaining else 0


def _when_stale(stored: StoredResponse, now: float) -> str:
    """RFC 5861's directives. They say what is left of each time once it runs, so that
    caches in a row do not add up what each of them may do."""
    late = max(0.0, now - stored.stored_at - stored.lifetime)
    said = ""
    for name, seconds in (
        ("stale-while-revalidate", stored.while_revalidate),
        ("stale-if-error", stored.if_error),
    ):
        if seconds > late:
            said += f", {name}={int(seconds - late)}"
    return said


def _named(directives: Mapping[str, str | None], answer: Answer) -> float | None:
    """The lifetime that TMDB names (RFC 9111, 4.2.1), in seconds."""
    if directives.get("no-cache", "some fields") is None:
        # 5.2.2.4: without names of fields it speaks of all, beside a max-age too
        return 0.0
    for name in ("s-maxage", "max-age"):
        seconds = directives.get(name)
        if seconds is not None and _SECONDS.fullmatch(seconds):
            return min(float(seconds), MOST_KEPT)
    if answer.expires and answer.date:
        try:
            expires = parsedate_to_datetime(answer.expires)
            lasting = expires - parsedate_to_datetime(answer.date)
        except (ValueError, TypeError, OverflowError):
            # RFC 9111, 5.3: a date that cannot be read means "already expired"
            return 0.0
        return min(max(lasting.total_seconds(), 0.0), MOST_KEPT)
    return None


# TMDB says the same of most of its answers.
@lru_cache(REMEMBERED)
def _directives(field: str) -> Mapping[str, str | None]:
    """The directives of a Cache-Control field (RFC 9111, 5.2), in small letters."""
    found: dict[str, str | None] = {}
    for name, quoted, plain in _FIELD.findall(field.lower()):
        found.setdefault(name, quoted or plain or None)
    return found


def _varies_on_all(vary: str) -> bool:
    """RFC 9111, 4.1: a member "*" never matches."""
    return "*" in (member.strip() for member in vary.split(","))
