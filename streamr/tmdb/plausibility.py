"""Whether well-formed JSON can be the answer to what was asked.

A 200 that cannot be right is a fault, is never handed on and never stored: TMDB's error
envelope with status 200, another title, a list without its page, an object where an
array belongs. What the answers of an endpoint always hold stands in its row of
endpoints.txt: only what TMDB documents for every one of them, so that a field that TMDB
leaves out one day breaks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from streamr.boundaries import Completeness, Query

# What the number after these names is the `id` of the answer.
_NUMBERED = re.compile(
    r"/(movie|tv|person|collection|company|keyword|network)/\{\w+\}"
    r"(/\w+|/watch/providers)?"
)


def problem(query: Query, value: object) -> str | None:
    """What is wrong with the JSON of a 200, or None when it can be the answer."""
    template, expected = query.template, query.expected
    if expected.array:
        return None if isinstance(value, list) else "an object instead of an array"
    if not isinstance(value, dict):
        return "an array instead of an object"
    good_news = "success" in expected.keys and value.get("success", True) is True
    if _is_envelope(value) and not good_news:
        return "an error envelope with status 200"
    if expected.page and not _is_page(value):
        return "a list without its page envelope"
    for key in expected.keys:
        if key not in value:
            return f"an answer without {key}"
    ids = template.endswith("/external_ids")
    if ids and not all(key.endswith("id") for key in value):
        return "something other than external ids"
    return _number_problem(query, value)


def completeness(query: Query, value: object) -> Completeness:
    """How much an answer that can be right holds of what was asked for.

    TMDB leaves out an appended part when its own part of the work fails, and its search
    finds nothing while its index is renewed: both with status 200.
    """
    if not isinstance(value, dict):
        return Completeness.WHOLE
    if any(part not in value for part in query.appended):
        return Completeness.PARTIAL
    lists = [each for each in value.values() if isinstance(each, list)]
    searched = query.expected.page or query.template.startswith("/find/")
    if searched and lists and not any(lists):
        return Completeness.EMPTY
    return Completeness.WHOLE


def _is_envelope(value: Mapping[str, object]) -> bool:
    return "status_code" in value and ("status_message" in value or "success" in value)


def _is_page(value: Mapping[str, object]) -> bool:
    page = value.get("page")
    return isinstance(value.get("results"), list) and type(page) is int


def _number_problem(query: Query, value: Mapping[str, object]) -> str | None:
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
