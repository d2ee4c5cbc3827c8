"""How long an answer of TMDB is good, by what it is: a list, a title, a search."""

from __future__ import annotations

from streamr.boundaries import Freshness
from streamr.policy.freshness import DAY, HOUR, MINUTE

CLASSES = {
    each.name: each
    for each in (
        Freshness("configuration", DAY, HOUR, 7 * DAY, 7 * DAY, 60 * DAY),
        Freshness("details", 6 * HOUR, 10 * MINUTE, DAY, 2 * DAY, 30 * DAY),
        Freshness("lists", HOUR, 5 * MINUTE, 8 * HOUR, 12 * HOUR, 7 * DAY),
        Freshness("search", 30 * MINUTE, MINUTE, 8 * HOUR, 12 * HOUR, 7 * DAY),
        Freshness("changes", 5 * MINUTE, 30.0, HOUR, 5 * MINUTE, DAY),
    )
}


_LISTS = frozenset(
    ["popular", "top_rated", "upcoming", "now_playing", "on_the_air", "airing_today"]
)


def class_of(template: str) -> Freshness:
    """The freshness class of an endpoint of the catalogue."""
    parts = template.strip("/").split("/")
    if parts[0] in ("configuration", "certification", "genre", "watch"):
        return CLASSES["configuration"]
    if parts[0] == "search":
        return CLASSES["search"]
    if parts[0] in ("trending", "discover") or parts[-1] in _LISTS:
        return CLASSES["lists"]
    if parts[-1] in ("changes", "latest"):
        return CLASSES["changes"]
    return CLASSES["details"]
