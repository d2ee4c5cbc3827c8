"""Request targets: what a caller's path and query ask for. Pure.

    /api/tmdb/popular?media_type=tv   → Query("/tv/popular", …)    (a shortcut)
    /api/tmdb/tv/popular              → the same                   (TMDB's own path)
    /3/tv/popular                     → the same                   (a changed base URL)

Paths are compared as they were sent. Nothing is decoded, because no path of TMDB needs
it: a target with `%`, `\\`, `//` or a host in it matches no template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from streamr.boundaries import Query
from streamr.errors import Envelope, Refusal
from streamr.tmdb.catalogue import NOT_FOUND, Catalogue
from streamr.tmdb.shortcuts import (
    MAIN_BASE,
    MAIN_SHORTCUTS,
    PROXY_SHORTCUTS,
    Pair,
    Shortcut,
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


def _finder(
    catalogue: Catalogue,
    base: str,
    shortcuts: Mapping[str, Shortcut],
    prefixes: Sequence[str],
) -> FindQuery:
    named = {
        f"{base}/{name}": (shortcut, shortcut.takes(catalogue))
        for name, shortcut in shortcuts.items()
    }

    def find(path: str, pairs: Sequence[Pair]) -> Query:
        if path in named:
            shortcut, takes = named[path]
            return shortcut.query(catalogue, takes, pairs)
        for prefix in prefixes:
            if path.startswith(f"{prefix}/"):
                return catalogue.query(path.removeprefix(prefix), pairs)
        raise Refusal(404, Envelope.NOT_FOUND, NOT_FOUND)

    return find
