"""What TMDB offers: path templates and the parameters each of them takes.

The table is `endpoints.txt` beside this file, which says all that streamr knows of one
endpoint. Only what matches a template leaves the house, so no path can climb. The
template's parameters describe it; which others go with it says parameters.py.
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
    MOST_UNKNOWN,
    bad,
    check,
    is_dropped,
)

Pair = tuple[str, str]

# What TMDB wants to be said wherever its data is shown (docs/facts/tmdb.md, "Terms").
NOTICE = (
    "This product uses TMDB and the TMDB APIs but is not endorsed, certified, or "
    "otherwise approved by TMDB."
)

# A value in a path: TMDB's ids, slugs (550-fight-club), external ids (tt0137523).
# It cannot be `.`, has no two dots in a row, and nothing that a URL gives a meaning to,
# however it is encoded; other characters stand in percent-encoding (550-amélie).
_CHARACTER = r"[A-Za-z0-9._~-]|%(?!2[5EF]|5C|7F)[2-9A-F][0-9A-F]"
VALUE = rf"(?!\.(?:/|$))(?![^/]*\.\.)(?:{_CHARACTER}){{1,100}}"
# Values that TMDB has only a few of.
ENUMERATED = {"time_window": ("day", "week")}
_TEMPLATE = re.compile(r"/[a-z][a-z0-9_]*(?:/(?:[a-z][a-z0-9_]*|\{[a-z_]+\}))*")

APPEND = "append_to_response"
# In a row: the class of answers that are not kept, the name of what is undocumented.
UNKEPT, LEGACY = "unkept", "-"

# An unknown path has TMDB's code for an unknown title, which clients know; the sentence
# tells them apart.
UNKNOWN_PATH = (
    "streamr does not know this path. The main server lists the paths that it knows "
    "at /docs; STREAMR_EXTRA_PATHS adds others that TMDB has."
)
FOR_A_USER = (
    "streamr uses its own key and does not act for a TMDB user: account, "
    "guest_session and the steps of authentication are not available."
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked of TMDB.

    `parameters` are those that TMDB documents. `name` is TMDB's, and the last part of
    its reference page's address; "" for a path that TMDB no longer documents, or that
    STREAMR_EXTRA_PATHS adds. Without the `required` parameters TMDB cannot answer.
    `freshness` says how long its answers are good, None when they are not kept;
    `expected` what they always are, and `shape` describes them whole. `in_demo` says
    that the demo answers it, too; `added` is true for STREAMR_EXTRA_PATHS.
    """

    template: str
    parameters: frozenset[str]
    pattern: re.Pattern[str]
    defaults: tuple[Pair, ...] = ()
    required: frozenset[str] = frozenset()
    name: str = ""
    freshness: Freshness | None = CLASSES["details"]
    expected: Expected = ANYTHING
    shape: str = ""
    in_demo: bool = True
    added: bool = False

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of the values in the path, in their order."""
        return tuple(re.findall(r"\{([a-z_]+)\}", self.template))


class Catalogue:
    """All endpoints, in the order in which they are matched."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        # a literal segment wins over a placeholder: /movie/popular is no movie id
        self.endpoints = sorted(endpoints, key=lambda e: e.template.replace("{", "~"))
        self._templates = frozenset(each.template for each in self.endpoints)
        self._shelves: dict[tuple[str, int], list[Endpoint]] = {}
        for endpoint in self.endpoints:
            self._shelves.setdefault(_shelf(endpoint.template), []).append(endpoint)

    def query(self, path: str, parameters: Sequence[Pair]) -> Query:
        """The checked query for a path below `/3`, such as `/movie/550`.

        Raises Refusal: 404 for what TMDB does not have, 403 for what acts for a user,
        400 for a value that cannot be right, or is missing.
        """
        if acts_for_a_user(path):
            raise Refusal(403, Envelope.DENIED, FOR_A_USER)
        endpoint = self.match(path)
        kept = tuple(check(pair for pair in parameters if not is_dropped(pair[0])))
        parts = dict(kept).get(APPEND)
        appended = parts.split(",") if parts else []
        self._check_names(endpoint, kept, path, appended)
        return Query(
            path,
            kept,
            endpoint.template,
            endpoint.defaults,
            endpoint.freshness,
            endpoint.expected,
            self._known_parts(endpoint, appended),
            tuple(dict.fromkeys(name for name, _ in parameters if is_dropped(name))),
        )

    def match(self, path: str) -> Endpoint:
        """The endpoint of a path below `/3`; raises Refusal (404)."""
        endpoint = self._match(path)
        if endpoint is None:
            raise Refusal(404, Envelope.NOT_FOUND, UNKNOWN_PATH)
        return endpoint

    def _check_names(
        self, endpoint: Endpoint, kept: Sequence[Pair], path: str, appended: list[str]
    ) -> None:
        """Raises Refusal when a parameter is missing, or too many are unknown."""
        for name in sorted(endpoint.required):
            if not any(name == key and value.strip() for key, value in kept):
                raise bad(name, "is missing")
        below = (self._match(f"{path}/{entry}") for entry in appended)
        takers = [endpoint, *(each for each in below if each is not None)]
        unknown = [
            name
            for name, _ in kept
            if not any(name in each.parameters for each in takers)
        ]
        if len(unknown) > MOST_UNKNOWN:
            raise bad(
                unknown[MOST_UNKNOWN],
                f"exceeds the limit: streamr passes on at most {MOST_UNKNOWN} "
                "parameters that TMDB does not document",
            )

    def _known_parts(
        self, endpoint: Endpoint, appended: Iterable[str]
    ) -> tuple[str, ...]:
        """The appended parts that the answer has to hold.

        A season is no such part: apps ask for twenty of them, however many there are.
        """
        templates = (f"{endpoint.template}/{entry}" for entry in appended)
        return tuple(
            template.removeprefix(f"{endpoint.template}/")
            for template in templates
            if template in self._templates
        )

    def _match(self, path: str) -> Endpoint | None:
        for endpoint in self._shelves.get(_shelf(path), ()):
            if endpoint.pattern.fullmatch(path):
                return endpoint
        return None


def load(extra: Iterable[str] = ()) -> Catalogue:
    """The catalogue that ships with streamr, and the settings' extra templates."""
    added = (Endpoint(each, frozenset(), _pattern(each), added=True) for each in extra)
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
        return "it has to look like /movie/{movie_id}/new_thing, in lower case"
    for each in shipped():
        if _anonymous(each.template) == _anonymous(template):
            return f"streamr already has it, as {each.template}"
    return None


def _anonymous(template: str) -> str:
    """A template without the names of its values: what makes two of them one."""
    return re.sub(r"\{[a-z_]+\}", "{}", template)


def read_row(row: Sequence[str]) -> Endpoint:
    """The endpoint of one row: its first line, and those below it by their first words.

    Raises ValueError for a word that no row has, KeyError for an unknown class.
    """
    template, name, kind = row[0].split()
    if kind not in (*CLASSES, UNKEPT):
        raise KeyError(f"endpoints.txt: {template}: there is no class {kind}")
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
        "" if name == LEGACY else name,
        CLASSES.get(kind),
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
    """True for paths (and templates) of accounts, sessions and ratings.

    `/authentication` by itself names no user: it says whether the key is good.
    """
    parts = path.split("/")
    return (parts[1:2] != [] and path != "/authentication") and (
        parts[1] in {"account", "authentication", "guest_session"}
        or parts[-1] == "account_states"
    )
