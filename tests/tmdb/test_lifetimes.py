"""How long an answer is good: every class and its seconds, every kind of endpoint."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Freshness
from streamr.tmdb import catalogue
from streamr.tmdb.lifetimes import CLASSES

# usual, least, most, while_revalidate, if_error: seconds, written out
SECONDS = {
    "configuration": (86_400, 3600, 604_800, 604_800, 5_184_000),
    "details": (21_600, 600, 86_400, 172_800, 2_592_000),
    "lists": (3600, 300, 28_800, 43_200, 604_800),
    "search": (1800, 60, 28_800, 43_200, 604_800),
    "changes": (300, 30, 3600, 300, 86_400),
}
# Each word that decides, at the place where it does.
ENDPOINTS = {
    "configuration": (
        "/configuration",
        "/configuration/languages",
        "/certification/movie/list",
        "/genre/tv/list",
        "/watch/providers/movie",
    ),
    "search": ("/search/movie", "/search/multi"),
    "lists": (
        "/trending/movie/{time_window}",
        "/discover/tv",
        "/movie/popular",
        "/movie/top_rated",
        "/movie/upcoming",
        "/movie/now_playing",
        "/tv/on_the_air",
        "/tv/airing_today",
    ),
    "changes": ("/movie/changes", "/tv/{series_id}/changes", "/person/latest"),
    "details": (
        "/movie/{movie_id}",
        "/tv/{series_id}/season/{season_number}",
        "/movie/{movie_id}/lists",
        # the words that decide, where they do not
        "/movie/{movie_id}/watch/providers",
    ),
}


def class_of(template: str) -> Freshness:
    """What the row of an endpoint says."""
    found = {each.template: each.freshness for each in catalogue.shipped()}
    return found[template]


class Classes(SynchronousTestCase):
    def test_each_class_keeps_an_answer_for_its_seconds(self) -> None:
        self.assertEqual(CLASSES.keys(), SECONDS.keys())
        for name, seconds in SECONDS.items():
            kind = CLASSES[name]
            found = (
                kind.usual,
                kind.least,
                kind.most,
                kind.while_revalidate,
                kind.if_error,
            )
            self.assertEqual((kind.name, found), (name, seconds))

    def test_every_endpoint_has_the_class_of_what_it_is(self) -> None:
        for name, templates in ENDPOINTS.items():
            for template in templates:
                self.assertIs(class_of(template), CLASSES[name], template)
