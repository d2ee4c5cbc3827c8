"""Whether well-formed JSON can be the answer to what was asked.

A 200 that cannot be right is a fault, is never handed on and never stored: TMDB's error
envelope with status 200, another title, a list without its page, an object where an
array belongs.
"""

from __future__ import annotations

import re
from typing import Any

from streamr.boundaries import Query

# Answered with a bare array (facts: tmdb.md, Bodies).
_ARRAYS = frozenset(
    f"/configuration/{name}"
    for name in ("countries", "jobs", "languages", "primary_translations", "timezones")
)
# Answered page by page.
_PAGES = re.compile(
    r"/(trending/.+|discover/.+|search/.+|movie/(popular|top_rated|upcoming|now_playing)"
    r"|tv/(popular|top_rated|on_the_air|airing_today)|person/popular"
    r"|(movie|tv)/\{\w+\}/(recommendations|similar|reviews|lists)"
    r"|keyword/\{\w+\}/movies|person/\{\w+\}/tagged_images)"
)
# Answered with the details of what the number names.
_DETAILS = re.compile(r"/(movie|tv|person|collection|company|keyword|network)/\{\w+\}")
# What an answer of these endpoints always holds, by the last part of the template.
_KEYS: dict[str, tuple[str, ...]] = {
    "credits": ("cast", "crew"),
    "aggregate_credits": ("cast", "crew"),
    "combined_credits": ("cast", "crew"),
    "movie_credits": ("cast", "crew"),
    "tv_credits": ("cast", "crew"),
    "videos": ("results",),
    "providers": ("results",),
    "release_dates": ("results",),
    "content_ratings": ("results",),
    "translations": ("translations",),
    "changes": (),
    "list": (),
    "{external_id}": ("movie_results", "tv_results", "person_results"),
    "configuration": ("images",),
    "{season_number}": ("season_number",),
    "{episode_number}": ("episode_number",),
}


def problem(query: Query, value: Any) -> str | None:
    """What is wrong with the JSON of a 200, or None when it can be the answer."""
    if query.template in _ARRAYS:
        return None if isinstance(value, list) else "an object where an array belongs"
    if not isinstance(value, dict):
        return "an array where an object belongs"
    if "status_code" in value and ("status_message" in value or "success" in value):
        return "an error envelope with status 200"
    if _PAGES.fullmatch(query.template):
        return _page_problem(value)
    if _DETAILS.fullmatch(query.template):
        return _id_problem(query.path, value)
    missing = [
        key
        for key in _KEYS.get(query.template.rpartition("/")[2], ())
        if key not in value
    ]
    return f"an object without {missing[0]}" if missing else None


def _page_problem(value: dict[str, Any]) -> str | None:
    if isinstance(value.get("results"), list) and isinstance(value.get("page"), int):
        return None
    return "a list without its page envelope"


def _id_problem(path: str, value: dict[str, Any]) -> str | None:
    asked = re.match(r"[0-9]+", path.rpartition("/")[2])
    if asked is None:
        return None
    if value.get("id") == int(asked.group()):
        return None
    return "the details of something else" if "id" in value else "details without an id"
