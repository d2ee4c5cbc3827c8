"""Whether well-formed JSON can be the answer to what was asked.

A 200 that cannot be right is a fault, is never handed on and never stored: TMDB's error
envelope with status 200, another title, a list without its page, an object where an
array belongs. Only what TMDB documents for every answer of an endpoint is asked for, so
that a field that TMDB leaves out one day breaks nothing.
"""

from __future__ import annotations

import re
from typing import Any

from streamr.boundaries import Query

# Answered with a bare array (docs/facts/tmdb.md, "Bodies that are bare arrays").
_ARRAYS = frozenset(
    f"/configuration/{name}"
    for name in ("countries", "jobs", "languages", "primary_translations", "timezones")
)
# Answered page by page.
_PAGES = re.compile(
    r"/(trending/.+|discover/.+|search/.+|movie/(popular|top_rated|upcoming|now_playing)"
    r"|tv/(popular|top_rated|on_the_air|airing_today)|person/popular"
    r"|(movie|tv|person)/changes"
    r"|(movie|tv)/\{\w+\}/(recommendations|similar|reviews|lists)"
    r"|keyword/\{\w+\}/movies|person/\{\w+\}/tagged_images)"
)
# What the number after these names is the `id` of the answer.
_NUMBERED = re.compile(
    r"/(movie|tv|person|collection|company|keyword|network)/\{\w+\}"
    r"(/\w+|/watch/providers)?"
)
# What an answer always holds. The first pattern that fits the template counts.
_KEYS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), tuple(keys.split()))
    for pattern, keys in (
        (r"/movie/(\{\w+\}|latest)", "id title"),
        (r"/tv/(\{\w+\}|latest)", "id name seasons"),
        (r"/person/(\{\w+\}|latest)", "id name known_for_department"),
        (r"/collection/\{\w+\}", "id name parts"),
        (r"/(company|keyword|network)/\{\w+\}", "id name"),
        (r".*/(aggregate_|combined_|movie_|tv_)?credits", "cast crew"),
        (r".*/(videos|release_dates|content_ratings|episode_groups)", "results"),
        (r".*/(alternative_names|screened_theatrically|watch/providers)", "results"),
        (r"/watch/providers/.+", "results"),
        (r"/movie/\{\w+\}/alternative_titles", "titles"),
        (r"/tv/\{\w+\}/(alternative_titles|keywords)", "results"),
        (r"/movie/\{\w+\}/keywords", "keywords"),
        (r".*/translations", "translations"),
        (r".*/\{\w+\}/changes", "changes"),
        (r"/(movie|tv)/\{\w+\}/images", "backdrops posters"),
        (r"/collection/\{\w+\}/images", "backdrops posters"),
        (r"/person/\{\w+\}/images", "profiles"),
        (r"/(company|network)/\{\w+\}/images", "logos"),
        (r".*/season/\{\w+\}/images", "posters"),
        (r".*/episode/\{\w+\}/images", "stills"),
        (r".*/season/\{\w+\}", "season_number episodes"),
        (r".*/episode/\{\w+\}", "episode_number"),
        (r"/tv/episode_group/\{\w+\}", "groups"),
        (r"/genre/.+", "genres"),
        (r"/certification/.+", "certifications"),
        (r"/find/.+", "movie_results tv_results person_results"),
        (r"/configuration", "images"),
        (r"/list/\{\w+\}", "items"),
        (r"/list/\{\w+\}/item_status", "item_present"),
        (r"/review/.+", "author content"),
        (r"/credit/.+", "credit_type"),
        (r".*/external_ids", "id"),
    )
)


def problem(query: Query, value: Any) -> str | None:
    """What is wrong with the JSON of a 200, or None when it can be the answer."""
    template = query.template
    if template in _ARRAYS:
        return None if isinstance(value, list) else "an object where an array belongs"
    if not isinstance(value, dict):
        return "an array where an object belongs"
    if "status_code" in value and ("status_message" in value or "success" in value):
        return "an error envelope with status 200"
    if _PAGES.fullmatch(template) and not _is_page(value):
        return "a list without its page envelope"
    for key in _keys(template):
        if key not in value:
            return f"an answer without {key}"
    ids = template.endswith("/external_ids")
    if ids and not all(key.endswith("id") for key in value):
        return "something else than external ids"
    return _number_problem(query, value)


def _is_page(value: dict[str, Any]) -> bool:
    page = value.get("page")
    return isinstance(value.get("results"), list) and type(page) is int


def _keys(template: str) -> tuple[str, ...]:
    for pattern, keys in _KEYS:
        if pattern.fullmatch(template):
            return keys
    return ()


def _number_problem(query: Query, value: dict[str, Any]) -> str | None:
    """Whether the answer is for the number that was asked for."""
    parts = query.path.split("/")
    if _NUMBERED.fullmatch(query.template) and parts[2][:1].isdigit():
        asked = re.match(r"[0-9]+", parts[2])
        found = value.get("id", None if len(parts) == 3 else asked)
        if asked is not None and found not in (asked, int(asked.group())):
            return "the answer for another id"
    for name in ("season_number", "episode_number"):
        ends = query.template.endswith(f"{{{name}}}")
        if ends and str(value.get(name)) != parts[-1].lstrip("0").zfill(1):
            return f"the answer for another {name}"
    return None
