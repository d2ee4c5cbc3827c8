"""One glance: do callers get answers? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamr.errors import CAUSES, KEY_CAUSES

# From this share of errors on it is not "some callers" any more.
MANY = 0.1
_NO_REASON = "The direct route fails"


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """What the verdict needs of a route of main's: the direct one, then the proxies.

    `answers` is True when its last attempt brought an answer, False when that failed or
    callers are not sent over it, None when nothing is known of it lately; `cause` is
    the fault of its last attempt.
    """

    direct: bool
    answers: bool | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class StatusVerdict:
    """`level` is good, detour, warn, bad or idle; the sentences are for people."""

    level: str
    headline: str
    sentence: str


def verdict(
    good: int, errors: int, still: bool, routes: Sequence[RouteSummary]
) -> StatusVerdict:
    """The verdict on the last half minute.

    `good` counts the callers who got an answer, `errors` those who got none; `still`
    says that there were errors within the last seconds, too.
    """
    found = _key(routes)
    if found is not None:
        return found
    works, sentence = _routes(routes)
    if errors and still:
        # without the numbers: a screen reader would read them out each second
        if errors < MANY * (good + errors):
            return StatusVerdict("warn", "A few callers get errors.", sentence)
        return StatusVerdict("bad", "Callers get errors.", sentence)
    if good and errors:
        return StatusVerdict("detour", "Callers get answers again.", sentence)
    if good and works == "none":
        told = f"They are stored answers. {sentence}"
        return StatusVerdict("detour", "Callers get answers.", told)
    if good:
        level = "good" if works == "direct" else "detour"
        return StatusVerdict(level, "Callers get answers.", sentence)
    if works == "none":
        return StatusVerdict("bad", "No route to TMDB works.", sentence)
    level = "idle" if works == "direct" else "detour"
    return StatusVerdict(level, "Ready.", f"No requests lately. {sentence}".strip())


def _key(routes: Sequence[RouteSummary]) -> StatusVerdict | None:
    """The verdict when TMDB does not take the key: nothing else matters then."""
    causes = (each.cause for each in routes if each.cause in KEY_CAUSES)
    cause = next(causes, None)
    if cause is None:
        return None
    cure = "Set a valid TMDB_ACCESS_TOKEN or TMDB_API_KEY, and restart streamr."
    headline = f"{CAUSES[cause].meaning}."
    if any(each.answers for each in routes):
        return StatusVerdict("warn", headline, f"{cure} A proxy answers meanwhile.")
    return StatusVerdict("bad", headline, cure)


def meaning(cause: str) -> str:
    """A cause in words. A proxy of another version may know causes that we do not."""
    if cause.startswith("status_"):
        return {
            "status_401": "TMDB refuses the request",
            "status_403": "TMDB refuses streamr",
            "status_429": "TMDB asks for fewer requests",
        }.get(cause, f"TMDB answered {cause.removeprefix('status_')}")
    known = CAUSES.get(cause)
    return known.meaning if known is not None else cause.replace("_", " ")


def _routes(routes: Sequence[RouteSummary]) -> tuple[str, str]:
    """Which kind of route works (direct, proxy, none), and the sentence on it. Nothing
    is said to answer that has not answered."""
    direct = [each for each in routes if each.direct]
    proxies = [each.answers for each in routes if not each.direct]
    if any(each.answers for each in direct):
        return "direct", "TMDB answers directly."
    if all(each.answers is None for each in direct):
        if True in proxies:
            return "proxy", (
                "A proxy answers; the direct route has not been tried lately."
            )
        return "direct", ""
    why = next((each.cause for each in direct if each.cause), None)
    broken = f"The direct route fails ({meaning(why)})" if why else _NO_REASON
    if True in proxies:
        return "proxy", f"{broken}; a proxy answers."
    if None in proxies:
        return "proxy", f"{broken}; the next request goes over a proxy."
    return "none", f"{broken}, and so does every other route; streamr is probing them."
