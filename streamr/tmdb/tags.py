"""What a purge can name, and the tags by which caches in front know the same answers.

Each answer has the tag of all answers, that of its freshness class, one for its path
and each path above it, and those of the films and series in its lists: whatever a purge
names, caches in front find it by one tag. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from streamr.boundaries import Query, StoredResponse
from streamr.tmdb.lifetimes import KINDS

ALL, PICTURES = "tmdb", "tmdb-images"
# The field of each format, and what stands between two tags in it: Cloudflare's,
# Fastly's (which Varnish and Souin know as well), Akamai's.
FORMATS: dict[str, tuple[str, str]] = {
    "cache-tag": ("Cache-Tag", ","),
    "surrogate-key": ("Surrogate-Key", " "),
    "edge-cache-tag": ("Edge-Cache-Tag", ","),
}
# Films and series that one answer is tagged with: 2 kB of a head, of which nginx takes
# 4 kB by default. A list page has 20 of them, a long career more than this.
MOST_TITLES = 100
# What a purge of answers takes, exactly one of them.
PURGES = ("all", "class", "path", "title")
TITLES = ("movie", "tv")
_NAMED = re.compile(r"^([0-9]+)-.*$")
# Bodies whose titles are remembered: those that are asked for now.
REMEMBERED = 64


def of_class(kind: str) -> str:
    """The tag of a freshness class."""
    return f"{ALL}-class-{kind}"


def of_path(path: str) -> str:
    """The tag of a path below /3 and of all below it."""
    return "-".join([ALL, *(quote(each, safe="") for each in _segments(path))])


def tags(path: str, kind: str | None, body: bytes) -> list[str]:
    """All tags of an answer; `kind` is its freshness class."""
    segments = _segments(path)
    found = [ALL, *([of_class(kind)] if kind is not None else ())]
    found += (of_path("/".join(segments[: end + 1])) for end in range(len(segments)))
    found += (of_path(title) for title in titles(body)[:MOST_TITLES])
    return list(dict.fromkeys(found))


@lru_cache(REMEMBERED)
def titles(body: bytes) -> Sequence[str]:
    """The films and series that an answer lists, as `movie/550`."""
    try:
        told = json.loads(body)
    except ValueError:
        return ()
    found = (_title(row) for row in _rows(told))
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _rows(told: object, depth: int = 2) -> Iterator[object]:
    """What is listed in an object, in the parts that were appended to it, and in its
    rows: what a person is known for."""
    for value in told.values() if isinstance(told, dict) and depth else ():
        if isinstance(value, list):
            for row in value:
                yield row
                yield from _rows(row, depth - 1)
        elif isinstance(value, dict):
            yield value  # a credit has one `media`
            yield from _rows(value, depth - 1)


def _title(row: object) -> str | None:
    """What one row of a list is. Where TMDB does not say it, its fields do: only films
    have a title, and only series a first air date."""
    if not isinstance(row, dict) or type(row.get("id")) is not int:
        return None
    kind = row.get("media_type")
    if kind is None:
        kind = "movie" if "title" in row else "tv" if "first_air_date" in row else None
    return f"{kind}/{row['id']}" if kind in TITLES else None


def _segments(path: str) -> list[str]:
    """The parts of a path. TMDB takes a name behind a number, as its own pages have it:
    550-fight-club is 550."""
    found = [each for each in path.split("/") if each]
    return [*found[:1], *(_NAMED.sub(r"\1", each) for each in found[1:])]


@dataclass(frozen=True, slots=True)
class TagField:
    """The field that tells caches in front of an answer's tags."""

    name: str
    separator: str

    def of(self, query: Query, body: bytes) -> tuple[str, str]:
        """For the answer to a query."""
        kind = None if query.freshness is None else query.freshness.name
        return self.name, self.separator.join(tags(query.path, kind, body))

    def of_pictures(self) -> tuple[str, str]:
        """For a picture."""
        return self.name, PICTURES


def field_of(name: str) -> TagField | None:
    """The field of a format in `FORMATS`; None for "", which is none."""
    return TagField(*FORMATS[name]) if name else None


@dataclass(frozen=True, slots=True)
class Purge:
    """What is to be dropped: `what` is one of `PURGES`, or `images`."""

    what: str
    value: str = ""

    @property
    def tag(self) -> str:
        """The tag of what caches in front have to drop."""
        match self.what:
            case "images":
                return PICTURES
            case "class":
                return of_class(self.value)
            case "path" | "title":
                return of_path(self.value)
        return ALL

    def unwanted(self, stored: StoredResponse) -> bool:
        """Whether a stored answer is meant."""
        match self.what:
            case "class":
                return stored.kind == self.value
            case "path":
                return _is_below(stored.path, self.value)
            case "title":
                return _is_below(stored.path, f"/{self.value}") or self._shows(stored)
        return self.what == "all"

    def _shows(self, stored: StoredResponse) -> bool:
        """Whether the title is in a list of the answer; only what has its number in it
        is read."""
        number = self.value.rpartition("/")[2].encode()
        return number in stored.body and self.value in titles(stored.body)


def _is_below(path: str, other: str) -> bool:
    above = _segments(other)
    return _segments(path)[: len(above)] == above


def purge(given: Mapping[str, str]) -> Purge:
    """The purge that parameters ask for. Raises ValueError."""
    match [*given.items()]:
        case [("class", kind)]:
            if kind not in KINDS:
                known = ", ".join(KINDS)
                raise ValueError(
                    f"there is no freshness class {kind!r}; known: {known}"
                )
            return Purge("class", kind)
        case [("path", path)]:
            if not _segments(path):
                raise ValueError(
                    "an empty path matches nothing; to purge everything, use all=1"
                )
            return Purge("path", path)
        case [("title", title)]:
            if not is_title(title):
                raise ValueError(
                    f"{title[:40]!r} is not a title; allowed: movie/ID and tv/ID, such "
                    "as movie/550"
                )
            return Purge("title", title)
        case [("all", "1")]:
            return Purge("all")
    raise ValueError(
        "say what to purge, one of: all=1, class=NAME, path=PATH, title=KIND/ID"
    )


def is_title(text: str) -> bool:
    """Whether this is a film or a series, as a purge names it."""
    kind, _, number = text.partition("/")
    return kind in TITLES and number.isascii() and number.isdigit()
