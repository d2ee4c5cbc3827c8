"""The short paths beside TMDB's own: what `/api/tmdb/popular` stands for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamr.boundaries import Query
from streamr.tmdb.catalogue import Catalogue
from streamr.tmdb.parameters import Pair, choice, only


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

    def query(self, catalogue: Catalogue, pairs: Sequence[Pair]) -> Query:
        """The query, with the defaults that a front end relies on."""
        kind = only("media_type", pairs) or next(iter(self.paths))
        path = self.paths[choice("media_type", kind, self.paths)]
        own = {"media_type"}
        if self.windows:
            window = only("time_window", pairs) or self.windows[0]
            path = f"{path}/{choice('time_window', window, self.windows)}"
            own.add("time_window")
        present = {name for name, value in pairs if value}
        more = [pair for pair in DEFAULTS if pair[0] not in present]
        asked = [pair for pair in pairs if pair[0] not in own]
        return catalogue.query(path, [*asked, *more])


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
