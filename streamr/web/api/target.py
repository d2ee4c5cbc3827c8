"""Request targets: what a caller's path and query ask for. Pure.

    /api/tmdb/popular?media_type=tv   → Query("/tv/popular", …)    (a shortcut)
    /api/tmdb/tv/popular              → the same                   (TMDB's own path)
    /3/tv/popular                     → the same                   (a changed base URL)

Paths are compared in their normal form (streamr/tmdb/target.py). What has a meaning in
a URL is never decoded: a target with `%2F`, `%2E`, `\\` or a host in it matches no
template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from streamr.boundaries import Query
from streamr.errors import Envelope, Refusal
from streamr.tmdb.catalogue import FOR_A_USER, UNKNOWN_PATH, Catalogue
from streamr.tmdb.parameters import Pair
from streamr.tmdb.shortcuts import (
    MAIN_BASE,
    MAIN_SHORTCUTS,
    PROXY_SHORTCUTS,
    Shortcut,
)

NOT_BEHIND_THE_DOOR = (
    "The door serves TMDB's API below /3 under the API's names, its pictures below "
    "/t/p under theirs, and nothing else."
)

FindQuery = Callable[[str, Sequence[Pair]], Query]


def main_query(catalogue: Catalogue) -> FindQuery:
    """How the main server reads its targets."""
    base = MAIN_BASE
    prefixes = (f"{base}/proxy/3", f"{base}/proxy", f"{base}/3", base, "/3")
    return _finder(catalogue, base, MAIN_SHORTCUTS, prefixes)


def proxy_query(catalogue: Catalogue) -> FindQuery:
    """How the proxy reads its targets."""
    prefixes = ("/api/3", "/api", "/3")
    return _finder(catalogue, "", PROXY_SHORTCUTS, prefixes)


def door_query(catalogue: Catalogue) -> FindQuery:
    """How the door reads its targets: as TMDB itself."""
    of_tmdb = _finder(catalogue, "", {}, ("/3",))

    def find(path: str, pairs: Sequence[Pair]) -> Query:
        if path.startswith("/4/"):
            raise Refusal(403, Envelope.DENIED, FOR_A_USER)
        if not path.startswith("/3/"):
            raise Refusal(404, Envelope.NOT_FOUND, NOT_BEHIND_THE_DOOR)
        return of_tmdb(path, pairs)

    return find


def _finder(
    catalogue: Catalogue,
    base: str,
    shortcuts: Mapping[str, Shortcut],
    prefixes: Sequence[str],
) -> FindQuery:
    named = {f"{base}/{name}": shortcut for name, shortcut in shortcuts.items()}

    def find(path: str, pairs: Sequence[Pair]) -> Query:
        if path in named:
            return named[path].query(catalogue, pairs)
        for prefix in prefixes:
            if path.startswith(f"{prefix}/"):
                return catalogue.query(path.removeprefix(prefix), pairs)
        raise Refusal(404, Envelope.NOT_FOUND, UNKNOWN_PATH)

    return find
