"""What TMDB offers: path templates and the parameters each of them takes.

The table is `data/tmdb-get-endpoints.txt`, one endpoint a line: template, TMDB's name
for it, parameters (`*` required, `=` default). Only what matches a template leaves the
house, so no path can climb; only the template's own parameters go with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from streamr.boundaries import Query
from streamr.errors import Envelope, Refusal
from streamr.tmdb.lifetimes import class_of
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

# Practice, not documentation: trending takes a page (docs/facts/tmdb.md, "Trending
# takes a page"), a movie's videos the languages that a series' do, and TMDB appends to
# more than it says, on which tmdbapis relies.
_ALSO_TAKES = {
    "/trending/all/{time_window}": "page=1",
    "/trending/movie/{time_window}": "page=1",
    "/trending/person/{time_window}": "page=1",
    "/trending/tv/{time_window}": "page=1",
    "/collection/{collection_id}": "append_to_response",
    "/company/{company_id}": "append_to_response",
    "/configuration": "append_to_response",
    "/network/{network_id}": "append_to_response",
    "/movie/{movie_id}/videos": "include_video_language",
}

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
    `required` parameters TMDB cannot answer.
    """

    template: str
    parameters: frozenset[str] | None
    pattern: re.Pattern[str]
    defaults: tuple[Pair, ...] = ()
    required: frozenset[str] = frozenset()
    name: str = ""

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
            class_of(endpoint.template),
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
    table = resources.files("streamr") / "data" / "tmdb-get-endpoints.txt"
    lines = table.read_text(encoding="utf-8").splitlines()
    return Catalogue(
        [*map(_endpoint, lines), *(_made(template, None) for template in extra)]
    )


def template_problem(template: str) -> str | None:
    """What is wrong with a template of STREAMR_EXTRA_PATHS; None when it is fine."""
    if not _TEMPLATE.fullmatch(template):
        return "it looks like /movie/{movie_id}/new_thing, in lower case"
    return None


def _endpoint(line: str) -> Endpoint:
    path, title, words = line.split("\t")
    template = path.removeprefix("/3")
    words = f"{words} {_ALSO_TAKES.get(template, '')}"
    pairs = [word.partition("=") for word in words.split()]
    names = frozenset(name.removesuffix("*") for name, _, _ in pairs)
    required = frozenset(name[:-1] for name, _, _ in pairs if name.endswith("*"))
    defaults = tuple((name, value) for name, equals, value in pairs if equals)
    made = _made(template, names, defaults)
    return replace(made, required=required, name=title)


def _made(
    template: str, parameters: frozenset[str] | None, defaults: tuple[Pair, ...] = ()
) -> Endpoint:
    parts = template.strip("/").split("/")
    pattern = "".join("/" + _part_pattern(part) for part in parts)
    return Endpoint(template, parameters, re.compile(pattern), defaults)


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
