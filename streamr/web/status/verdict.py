"""One glance: are callers fine? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamr.errors import CAUSES

# From this share of errors on it is not "some callers" any more.
MANY = 0.1


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """What the verdict needs of a route of main's: the direct one, then the proxies.

    `sound` says that callers are sent over this route and may hope; `cause` is the
    fault of its last attempt.
    """

    direct: bool
    sound: bool
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
    works, sentence = _routes(routes)
    if errors and still:
        # without the numbers: a screen reader would read them out each second
        if errors < MANY * (good + errors):
            return StatusVerdict("warn", "A few callers see errors.", sentence)
        return StatusVerdict("bad", "Callers see errors.", sentence)
    if good and errors:
        return StatusVerdict("detour", "Callers are fine again.", sentence)
    if good and works == "none":
        told = f"Stored answers stand in. {sentence}"
        return StatusVerdict("detour", "Callers are fine.", told)
    if good:
        level = "good" if works == "direct" else "detour"
        return StatusVerdict(level, "Callers are fine.", sentence)
    if works == "none":
        return StatusVerdict("bad", "No route to TMDB works.", sentence)
    level = "idle" if works == "direct" else "detour"
    return StatusVerdict(level, "Ready.", f"Nobody has asked lately. {sentence}")


def meaning(cause: str) -> str:
    """A cause in words. A proxy of another version may know causes that we do not."""
    if cause.startswith("status_"):
        return {
            "status_401": "TMDB does not accept the key: check TMDB_API_KEY",
            "status_403": "TMDB refuses us",
            "status_429": "TMDB asks for fewer requests",
        }.get(cause, f"TMDB answered {cause.removeprefix('status_')}")
    known = CAUSES.get(cause)
    return known.meaning if known is not None else cause.replace("_", " ")


def _routes(routes: Sequence[RouteSummary]) -> tuple[str, str]:
    """Which kind of route works (direct, proxy, none), and the sentence on it."""
    direct = [each for each in routes if each.direct]
    proxy = any(each.sound for each in routes if not each.direct)
    if any(each.sound for each in direct):
        return "direct", "TMDB answers directly."
    why = next((each.cause for each in direct if each.cause), None)
    broken = (
        f"The direct route is broken ({meaning(why)})"
        if why
        else "The direct route is broken"
    )
    if proxy:
        return "proxy", f"{broken}; a proxy answers."
    return "none", f"{broken}, and so is every other; they are being probed."
