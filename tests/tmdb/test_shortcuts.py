"""The short paths: every one, each of its kinds, and what each stands for."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Query
from streamr.errors import Refusal
from streamr.tmdb import catalogue
from streamr.tmdb.shortcuts import (
    DEFAULTS,
    MAIN_BASE,
    MAIN_SHORTCUTS,
    PROXY_SHORTCUTS,
    Shortcut,
)

CATALOGUE = catalogue.load()
# The first kind is the one that is meant when none is named.
PATHS = {
    "trending": {
        "all": "/trending/all/week",
        "movie": "/trending/movie/week",
        "tv": "/trending/tv/week",
        "person": "/trending/person/week",
    },
    "popular": {
        "movie": "/movie/popular",
        "tv": "/tv/popular",
        "person": "/person/popular",
    },
    "top-rated": {"movie": "/movie/top_rated", "tv": "/tv/top_rated"},
    "upcoming": {"movie": "/movie/upcoming", "tv": "/tv/on_the_air"},
    "now-playing": {"movie": "/movie/now_playing", "tv": "/tv/airing_today"},
    "discover": {"movie": "/discover/movie", "tv": "/discover/tv"},
}


def asked(name: str, *pairs: tuple[str, str]) -> Query:
    return MAIN_SHORTCUTS[name].query(CATALOGUE, pairs)


class Table(SynchronousTestCase):
    def test_main_has_six_below_its_base_and_the_proxy_three(self) -> None:
        self.assertEqual(MAIN_BASE, "/api/tmdb")
        self.assertEqual([*MAIN_SHORTCUTS], [*PATHS])
        self.assertEqual([*PROXY_SHORTCUTS], ["trending", "popular", "top-rated"])
        for name, shortcut in PROXY_SHORTCUTS.items():
            self.assertIs(shortcut, MAIN_SHORTCUTS[name])

    def test_each_kind_has_its_path_and_the_first_is_meant_without_one(self) -> None:
        for name, paths in PATHS.items():
            self.assertEqual(MAIN_SHORTCUTS[name].asked(), [*paths.values()], name)
            for kind, path in paths.items():
                found = asked(name, ("media_type", kind))
                self.assertEqual(found.path, path, (name, kind))
            first = next(iter(paths.values()))
            self.assertEqual(asked(name).path, first, name)
            self.assertEqual(asked(name, ("media_type", "")).path, first, name)

    def test_a_kind_that_a_shortcut_has_not_is_refused(self) -> None:
        for name, kind in (
            ("popular", "all"),
            ("discover", "person"),
            ("trending", "x"),
        ):
            self.assertRaises(Refusal, asked, name, ("media_type", kind))

    def test_trends_are_of_a_week_unless_they_are_of_a_day(self) -> None:
        for window, end in (("week", "week"), ("day", "day"), ("", "week")):
            found = asked("trending", ("media_type", "tv"), ("time_window", window))
            self.assertEqual(found.path, f"/trending/tv/{end}", window)
        self.assertRaises(Refusal, asked, "trending", ("time_window", "month"))

    def test_what_has_no_windows_is_not_cut_into_them(self) -> None:
        self.assertEqual(Shortcut({"tv": "/tv/popular"}).asked(), ["/tv/popular"])


class Parameters(SynchronousTestCase):
    def sent(self, name: str, *pairs: tuple[str, str]) -> Sequence[tuple[str, str]]:
        """What TMDB is asked with, what it assumes by itself included."""
        found = asked(name, *pairs)
        return sorted({**dict(found.defaults), **dict(found.parameters)}.items())

    def test_a_front_end_gets_the_first_page_in_english_unless_it_asks(self) -> None:
        self.assertEqual(DEFAULTS, (("language", "en-US"), ("page", "1")))
        for pairs, expected in (
            ((), {"language": "en-US", "page": "1"}),
            ((("page", "2"),), {"language": "en-US", "page": "2"}),
            ((("language", "de"),), {"language": "de", "page": "1"}),
            ((("language", ""), ("page", "")), {"language": "en-US", "page": "1"}),
        ):
            found = asked("popular", *pairs)
            self.assertEqual(dict(found.parameters), expected, str(pairs))

    def test_what_is_ours_does_not_go_to_tmdb(self) -> None:
        ours = (("media_type", "tv"), ("time_window", "day"))
        sent = dict(asked("trending", *ours).parameters)
        self.assertEqual(sent, {"language": "en-US", "page": "1"})
        # popular has no windows: whatever that is, it is not ours
        self.assertIn("time_window", dict(asked("popular", *ours).parameters))

    def test_all_else_does_whether_a_kind_is_known_to_take_it_or_not(self) -> None:
        more = (("region", "DE"), ("certification", "12"), ("with_people", "1"))
        for name in MAIN_SHORTCUTS:
            self.assertLessEqual(set(more), set(self.sent(name, *more)), name)
