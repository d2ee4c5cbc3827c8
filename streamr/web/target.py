"""Request targets: what a caller's path and query ask for. Pure.

    /api/tmdb/popular?media_type=tv   → Query("/tv/popular", …)    (a shortcut)
    /api/tmdb/tv/popular              → the same                   (TMDB's own path)
    /3/tv/popular                     → the same                   (a changed base URL)

Paths are compared as they were sent. Nothing is decoded, because no path of TMDB needs
it: a target with `%`, `\\`, `//` or a host in it matches no template.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from streamr.boundaries import Query
from streamr.catalogue import NOT_FOUND, Catalogue
from streamr.errors import Envelope, Refusal
from streamr.policy.checks import check, choice, only

Pair = tuple[str, str]

# TMDB's discover has some 40 filters; nobody sends more parameters than twice that.
MOST_PARAMETERS = 100


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A path of our own: `media_type` chooses among paths of TMDB's.

    `paths` maps each allowed media type to its path; the first one is the default.
    """

    paths: Mapping[str, str]
    windows: tuple[str, ...] = ()

    def asked(self) -> list[str]:
        """A path of TMDB's for each media type, in their order."""
        end = f"/{self.windows[0]}" if self.windows else ""
        return [f"{path}{end}" for path in self.paths.values()]

    def takes(self, catalogue: Catalogue) -> frozenset[str]:
        """The parameters that one media type or another takes."""
        return frozenset[str]().union(
            *(catalogue.match(path).parameters or () for path in self.asked())
        )

    def query(
        self, catalogue: Catalogue, takes: frozenset[str], pairs: Sequence[Pair]
    ) -> Query:
        """The query, with the defaults that a front end relies on.

        What only another media type `takes` is checked, and then left out.
        """
        kind = only("media_type", pairs) or next(iter(self.paths))
        path = self.paths[choice("media_type", kind, self.paths)]
        if self.windows:
            window = only("time_window", pairs) or self.windows[0]
            path = f"{path}/{choice('time_window', window, self.windows)}"
        deque(check(pair for pair in pairs if pair[0] in takes), maxlen=0)
        present = {name for name, value in pairs if value}
        more = [pair for pair in DEFAULTS if pair[0] not in present]
        return catalogue.query(path, [*pairs, *more])


# What shortcuts ask for when the caller leaves it out.
DEFAULTS: tuple[Pair, ...] = (("language", "en-US"), ("page", "1"))

_TRENDING = Shortcut(
    {kind: f"/trending/{kind}" for kind in ("all", "movie", "tv", "person")},
    windows=("week", "day"),
)
_POPULAR = Shortcut({kind: f"/{kind}/popular" for kind in ("movie", "tv", "person")})
_TOP_RATED = Shortcut({kind: f"/{kind}/top_rated" for kind in ("movie", "tv")})

# The proxy's own three, and what main has beside them.
PROXY_SHORTCUTS = {
    "trending": _TRENDING,
    "popular": _POPULAR,
    "top-rated": _TOP_RATED,
}
MAIN_BASE = "/api/tmdb"
MAIN_SHORTCUTS = {
    **PROXY_SHORTCUTS,
    "upcoming": Shortcut({"movie": "/movie/upcoming", "tv": "/tv/on_the_air"}),
    "now-playing": Shortcut({"movie": "/movie/now_playing", "tv": "/tv/airing_today"}),
    "discover": Shortcut({kind: f"/discover/{kind}" for kind in ("movie", "tv")}),
}

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
