"""Request targets: what a caller's path and query ask for. Pure.

    /api/tmdb/popular?media_type=tv   → Query("/tv/popular", …)    (a shortcut)
    /api/tmdb/tv/popular              → the same                   (TMDB's own path)
    /3/tv/popular                     → the same                   (a changed base URL)

Paths are compared as they were sent. Nothing is decoded, because no path of TMDB needs
it: a target with `%`, `\\`, `//` or a host in it matches no template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qsl

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

# TMDB's discover has some 40 filters; nobody sends more parameters than twice that.
MOST_PARAMETERS = 100


Find = Callable[[str, Sequence[Pair]], Query]


def split(uri: bytes) -> tuple[str, list[Pair]]:
    """A request target's path and parameters.

    Raises Refusal for what is no origin-form target (RFC 9112, 3.2.1).
    """
    try:
        text = uri.decode("ascii")
        path, _, query = text.partition("?")
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError as error:
        raise Refusal(
            400,
            Envelope.INPUT,
            "Invalid request target: it has to be ASCII with UTF-8 in percent-encoding "
            f"and at most {MOST_PARAMETERS} parameters.",
        ) from error
    if not path.startswith("/"):
        raise Refusal(
            400, Envelope.INPUT, "Invalid request target: it has to begin with /."
        )
    return (path[:-1] if path.endswith("/") and path != "/" else path), pairs


def main_query(catalogue: Catalogue) -> Find:
    """How the main server reads its targets."""
    base = MAIN_BASE
    prefixes = (f"{base}/proxy/3", f"{base}/proxy", f"{base}/3", base, "/3")
    return _finder(catalogue, base, MAIN_SHORTCUTS, prefixes)


def proxy_query(catalogue: Catalogue) -> Find:
    """How the proxy reads its targets."""
    prefixes = ("/api/3", "/api", "/3")
    return _finder(catalogue, "", PROXY_SHORTCUTS, prefixes)


def _finder(
    catalogue: Catalogue,
    base: str,
    shortcuts: Mapping[str, Shortcut],
    prefixes: Sequence[str],
) -> Find:
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
