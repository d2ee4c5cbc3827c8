"""What TMDB offers: path templates and the parameters each of them takes.

The table is `endpoints.txt` beside this file, which says all that streamr knows of one
endpoint. Only what matches a template leaves the house, so no path can climb; only the
template's own parameters go with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

from streamr.boundaries import ANYTHING, Expected, Freshness, Query
from streamr.errors import Envelope, Refusal
from streamr.tmdb.lifetimes import CLASSES
from streamr.tmdb.parameters import (
    MOST_APPENDED,
    bad,
    check,
    for_a_user,
    without_a_user,
)

Pair = tuple[str, str]

# What TMDB wants to be said wherever its data is shown (docs/facts/tmdb.md, "Terms").
NOTICE = (
    "This product uses TMDB and the TMDB APIs but is not endorsed, certified, or "
    "otherwise approved by TMDB."
)

# A value in a path: TMDB's ids, slugs (550-fight-club), external ids (tt0137523).
# It cannot be `.`, has no two dots in a row, and nothing that a URL gives a meaning to.
VALUE = r"(?!\.(?:/|$))(?![^/]*\.\.)[A-Za-z0-9._~-]{1,100}"
# Values that TMDB has only a few of.
ENUMERATED = {"time_window": ("day", "week")}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
_TEMPLATE = re.compile(r"/[a-z][a-z0-9_]*(?:/(?:[a-z][a-z0-9_]*|\{[a-z_]+\}))*")

APPEND = "append_to_response"

# What TMDB says for an unknown path, so that clients see what they know.
NOT_FOUND = "The resource you requested could not be found."
FOR_A_USER = (
    "streamr answers with its own key and acts for no user: account, authentication, "
    "guest_session and session_id are not available through it."
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked of TMDB.

    `parameters` is None for a template added by STREAMR_EXTRA_PATHS: it takes any.
    `name` is TMDB's, and the last part of its reference page's address; without the
    `required` parameters TMDB cannot answer. `freshness` says how long its answers are
    good, `expected` what they always are, and `shape` describes them whole. `in_demo`
    says that the demo answers it, too.
    """

    template: str
    parameters: frozenset[str] | None
    pattern: re.Pattern[str]
    defaults: tuple[Pair, ...] = ()
    required: frozenset[str] = frozenset()
    name: str = ""
    freshness: Freshness = CLASSES["details"]
    expected: Expected = ANYTHING
    shape: str = ""
    in_demo: bool = True

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of the values in the path, in their order."""
        return tuple(re.findall(r"\{([a-z_]+)\}", self.template))


class Catalogue:
    """All endpoints, in the order in which they are matched."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        # a literal segment wins over a placeholder: /movie/popular is no movie id
        self.endpoints = sorted(endpoints, key=lambda e: e.template.replace("{", "~"))
        self._shelves: dict[tuple[str, int], list[Endpoint]] = {}
        for endpoint in self.endpoints:
            self._shelves.setdefault(_shelf(endpoint.template), []).append(endpoint)

    def query(self, path: str, parameters: Sequence[Pair]) -> Query:
        """The checked query for a path below `/3`, such as `/movie/550`.

        Raises Refusal: 404 for what TMDB does not have, 403 for what acts for a user,
        400 for a value that cannot be right, or is missing.
        """
        if acts_for_a_user(path) or any(map(for_a_user, parameters)):
            raise Refusal(403, Envelope.DENIED, FOR_A_USER)
        parameters = [without_a_user(pair) for pair in parameters]
        endpoint = self.match(path)
        takers = [endpoint]
        if _takes(endpoint, APPEND):
            # what is appended takes its own: include_image_language for images
            takers += self._appended(path, parameters)
        taken = [
            pair for pair in parameters if any(_takes(each, pair[0]) for each in takers)
        ]
        kept = tuple(check(taken))
        for name in sorted(endpoint.required):
            if not any(name == key and value.strip() for key, value in kept):
                raise bad(name, "is missing")
        return Query(
            path,
            kept,
            endpoint.template,
            endpoint.defaults,
            endpoint.freshness,
            endpoint.expected,
        )

    def match(self, path: str) -> Endpoint:
        """The endpoint of a path below `/3`; raises Refusal (404)."""
        endpoint = self._match(path)
        if endpoint is None:
            raise Refusal(404, Envelope.NOT_FOUND, NOT_FOUND)
        return endpoint

    def _appended(self, path: str, parameters: Sequence[Pair]) -> list[Endpoint]:
        """The endpoints below a path that are appended to its answer."""
        values = [value for name, value in parameters if name == APPEND]
        entries = ",".join(values).split(",")[:MOST_APPENDED]
        found = (self._match(f"{path}/{entry}") for entry in entries)
        return [endpoint for endpoint in found if endpoint is not None]

    def _match(self, path: str) -> Endpoint | None:
        for endpoint in self._shelves.get(_shelf(path), ()):
            if endpoint.pattern.fullmatch(path):
                return endpoint
        return None


def load(extra: Iterable[str] = ()) -> Catalogue:
    """The catalogue that ships with streamr, and the settings' extra templates."""
    added = (Endpoint(each, None, _pattern(each)) for each in extra)
    return Catalogue([*shipped(), *added])


def shipped() -> list[Endpoint]:
    """The rows of the table that ships with streamr."""
    file = resources.files("streamr.tmdb") / "endpoints.txt"
    text = re.sub(r"(?m)^#.*\n", "", file.read_text(encoding="utf-8"))
    lines = re.sub(r"\n {3,}", " ", text).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("/")]
    rows = pairwise([*starts, len(lines)])
    return [read_row(lines[start:end]) for start, end in rows]


def template_problem(template: str) -> str | None:
    """What is wrong with a template of STREAMR_EXTRA_PATHS; None when it is fine."""
    if not _TEMPLATE.fullmatch(template):
        return "it looks like /movie/{movie_id}/new_thing, in lower case"
    return None


def read_row(row: Sequence[str]) -> Endpoint:
    """The endpoint of one row: its first line, and those below it by their first words.

    Raises ValueError for a word that no row has, KeyError for an unknown class.
    """
    template, name, kind = row[0].split()
    more = dict(line.split(maxsplit=1) for line in row[1:] if line)
    if unknown := more.keys() - {"takes", "holds", "shape", "demo"}:
        raise ValueError(f"endpoints.txt: {template}: no row has {sorted(unknown)}")
    taken = [word.partition("=") for word in more.get("takes", "").split()]
    return Endpoint(
        template,
        frozenset(name.removesuffix("*") for name, _, _ in taken),
        _pattern(template),
        tuple((name, value) for name, equals, value in taken if equals),
        frozenset(name[:-1] for name, _, _ in taken if name.endswith("*")),
        name,
        CLASSES[kind],
        _expected(more.get("holds", "").split()),
        more.get("shape", ""),
        more.get("demo") != "none",
    )


def _expected(words: Sequence[str]) -> Expected:
    keys = tuple(word for word in words if word not in ("[]", "page"))
    return Expected(keys, array="[]" in words, page="page" in words)


def _pattern(template: str) -> re.Pattern[str]:
    parts = template.strip("/").split("/")
    return re.compile("".join("/" + _part_pattern(part) for part in parts))


def _part_pattern(part: str) -> str:
    if part[0] != "{":
        return re.escape(part)
    words = ENUMERATED.get(part[1:-1])
    return f"(?:{'|'.join(words)})" if words else VALUE


def _shelf(path: str) -> tuple[str, int]:
    """Where to look for a path: its first segment (never a placeholder), its length."""
    parts = path.split("/", 2)
    return parts[1] if len(parts) > 1 else "", path.count("/")


def acts_for_a_user(path: str) -> bool:
    """True for paths (and templates) of accounts, sessions and ratings."""
    parts = path.split("/")
    return parts[1:2] != [] and (
        parts[1] in {"account", "authentication", "guest_session"}
        or parts[-1] == "account_states"
    )


def _takes(endpoint: Endpoint, name: str) -> bool:
    if endpoint.parameters is None:
        return name.lower() != "api_key" and bool(_NAME.fullmatch(name))
    return name in endpoint.parameters
