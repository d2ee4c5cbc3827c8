"""How long an answer of TMDB is good, by what it is: a list, a title, a search."""

from __future__ import annotations

from streamr.boundaries import Freshness
from streamr.policy.freshness import DAY, HOUR, MINUTE, MISSING

# By their names, which stand in the rows of endpoints.txt and in `streamr cache`.
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
# What a stored answer can be, as a purge may name it.
KINDS = (*CLASSES, MISSING.name)
