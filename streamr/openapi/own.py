"""What the main server has beside TMDB's own paths: the shortcuts and the healths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamr.openapi import responses
from streamr.openapi.form import Operation, PathItem
from streamr.openapi.parameters import ASKED, Pair, Parameters
from streamr.openapi.shapes import body, reference
from streamr.tmdb import images
from streamr.tmdb.catalogue import Catalogue

if TYPE_CHECKING:
    from streamr.tmdb.shortcuts import Shortcut

SHORTCUTS, HEALTH, PICTURES = "shortcuts", "health", "pictures"

_TITLES = {
    "trending": "Trending this week or today",
    "popular": "Most popular titles or people",
    "top-rated": "Top rated titles",
    "upcoming": "Coming to cinemas; for tv, on the air",
    "now-playing": "Now in cinemas; for tv, airing today",
    "discover": "Titles that match filters",
}


@dataclass(frozen=True, slots=True)
class Own:
    """The tables of the main server: `base` is where its paths begin.

    `defaults` are what a shortcut asks for when the caller does not, `probes` what the
    health's parameter may be, the default first; `pictures` says whether there are any.
    """

    base: str
    shortcuts: Mapping[str, Shortcut]
    defaults: Sequence[Pair]
    probes: Sequence[str]
    pictures: bool = True

    def paths(self, offered: Catalogue, parameters: Parameters) -> dict[str, PathItem]:
        """The path items; what is shared goes to `parameters`."""
        lists = {
            f"{self.base}/{name}": self._shortcut(name, shortcut, offered, parameters)
            for name, shortcut in self.shortcuts.items()
        }
        return {
            **{path: {"get": operation} for path, operation in lists.items()},
            "/api/health": {"get": _health()},
            "/livez": {"get": _live()},
            "/readyz": {"get": _ready()},
            f"{self.base}/health": {"get": self._tmdb_health(parameters)},
            **(
                {images.TEMPLATE: {"get": _picture(parameters)}}
                if self.pictures
                else {}
            ),
        }

    def _shortcut(
        self,
        name: str,
        shortcut: Shortcut,
        offered: Catalogue,
        parameters: Parameters,
    ) -> Operation:
        ends = [offered.match(path) for path in shortcut.asked()]
        takes = {each for end in ends for each in end.parameters}
        defaults = dict(pair for end in ends for pair in end.defaults)
        choices = [parameters.choice("media_type", list(shortcut.paths))]
        if shortcut.windows:
            choices.append(parameters.choice("time_window", shortcut.windows))
        asked = " or ".join(f"`/3{end.template}`" for end in ends)
        bodies = [body(end.shape) for end in ends]
        unlike = [each for at, each in enumerate(bodies) if each not in bodies[:at]]
        return {
            "operationId": f"streamr-{name}",
            "summary": _TITLES[name],
            "description": f"The answer of {asked}.",
            "tags": [SHORTCUTS],
            "parameters": [
                *choices,
                *parameters.in_query(takes, {**defaults, **dict(self.defaults)}),
                *ASKED,
            ],
            "responses": responses.of_tmdb(
                takes, unlike[0] if len(unlike) == 1 else {"anyOf": unlike}
            ),
        }

    def _tmdb_health(self, parameters: Parameters) -> Operation:
        health = reference("TmdbHealth")
        pages = {
            200: ("TMDB can be reached.", health),
            503: ("No route works.", health),
        }
        return {
            "operationId": "streamr-tmdb-health",
            "summary": "What each route to TMDB last did",
            "tags": [HEALTH],
            "parameters": [parameters.choice("probe", self.probes)],
            "responses": responses.of_ours(pages, (400,)),
        }


def _picture(parameters: Parameters) -> Operation:
    return {
        "operationId": "streamr-picture",
        "summary": "A picture of TMDB's",
        "description": "Below /3, answers name a file (`poster_path`), and "
        "`/3/configuration` the usual sizes. It never changes under its name. A part "
        "of it can be asked for (Range).",
        "tags": [PICTURES],
        "parameters": [
            parameters.in_path("size", images.SIZE),
            parameters.in_path("file", images.FILE),
        ],
        "responses": responses.of_pictures(),
    }


def _health() -> Operation:
    return {
        "operationId": "streamr-health",
        "summary": "Whether the server is up; does not ask TMDB",
        "tags": [HEALTH],
        "responses": responses.of_ours({200: ("It is up.", reference("Health"))}),
    }


def _live() -> Operation:
    return {
        "operationId": "streamr-live",
        "summary": "Whether the server still works, or has to be restarted",
        "tags": [HEALTH],
        "responses": responses.of_ours({200: ("It works.", reference("Live"))}),
    }


def _ready() -> Operation:
    pages = {
        200: (
            "It can serve. *degraded*: no route to TMDB works, so only stored answers "
            "can be served.",
            reference("Ready"),
        ),
        503: ("It is stopping.", reference("Ready")),
    }
    return {
        "operationId": "streamr-ready",
        "summary": "Whether requests should be sent to this server",
        "tags": [HEALTH],
        "responses": responses.of_ours(pages),
    }
