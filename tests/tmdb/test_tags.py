"""Tags of answers, and what a purge drops: the same, here and in caches in front."""

import json
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.freshness import MISSING
from streamr.tmdb.lifetimes import CLASSES
from streamr.tmdb.tags import (
    FORMATS,
    MOST_TITLES,
    PURGES,
    Purge,
    TagField,
    field_of,
    of_class,
    of_path,
    purge,
    tags,
    titles,
)
from tests.contracts.store import response
from tests.properties import examples
from tests.support import QUERY

PAGE = {
    "page": 1,
    "results": [
        {"id": 550, "title": "Fight Club"},
        {"id": 1396, "name": "Breaking Bad", "first_air_date": "2008-01-20"},
        {"id": 287, "name": "Brad Pitt", "gender": 2},
        {"id": 31, "media_type": "person", "title": "no film"},
        {"id": 1399, "media_type": "tv", "name": "Game of Thrones"},
        {"id": "7", "title": "no number"},
        {"id": True, "title": "no number"},
        {"title": "no id"},
        550,
    ],
}
SHOWN = ("movie/550", "tv/1396", "tv/1399")
# What no field separates, and what no cache takes for anything but a tag.
TAG = re.compile(r"[A-Za-z0-9%._~-]+")
steady = examples(200)
segments = st.text(min_size=1, max_size=12).filter(lambda text: "/" not in text)
paths = st.lists(segments, max_size=6).map(lambda found: "/" + "/".join(found))


def stored(path: str, kind: str = "lists", body: object = PAGE) -> object:
    return replace(response("key", {}), path=path, kind=kind, body=packed(body))


def packed(body: object) -> bytes:
    return json.dumps(body).encode()


class Titles(SynchronousTestCase):
    """The films and series in the lists of an answer."""

    def test_films_and_series_are_told_by_their_kind_or_by_their_fields(self) -> None:
        self.assertEqual(titles(packed(PAGE)), SHOWN)

    def test_those_of_parts_that_were_appended_are_found_too(self) -> None:
        body = {"id": 7, "title": "whole", "similar": PAGE, "credits": {"cast": []}}
        self.assertEqual(titles(packed(body)), SHOWN)

    def test_one_that_is_there_twice_is_named_once(self) -> None:
        body = {"cast": PAGE["results"], "crew": PAGE["results"]}
        self.assertEqual(titles(packed(body)), SHOWN)

    def test_those_that_a_person_is_known_for_and_that_of_a_credit(self) -> None:
        people = {"results": [{"id": 287, "known_for": PAGE["results"]}]}
        self.assertEqual(titles(packed(people)), SHOWN)
        credit = {"media_type": "tv", "media": {"id": 1396, "first_air_date": ""}}
        self.assertEqual(titles(packed(credit)), ("tv/1396",))

    def test_there_are_none_in_what_is_no_object(self) -> None:
        for body in (b"[1]", b"null", b"{", b"", b"7", b"\xff"):
            self.assertEqual(titles(body), (), body)


class Tags(SynchronousTestCase):
    """All tags of an answer."""

    def test_one_for_all_for_its_class_for_each_step_of_its_path_and_each_title(
        self,
    ) -> None:
        self.assertEqual(
            tags("/tv/1399/season/1", "details", packed({"episodes": []})),
            [
                *("tmdb", "tmdb-class-details"),
                *("tmdb-tv", "tmdb-tv-1399", "tmdb-tv-1399-season"),
                "tmdb-tv-1399-season-1",
            ],
        )
        self.assertEqual(
            tags("/movie/popular", "lists", packed(PAGE)),
            [
                *("tmdb", "tmdb-class-lists", "tmdb-movie", "tmdb-movie-popular"),
                *("tmdb-movie-550", "tmdb-tv-1396", "tmdb-tv-1399"),
            ],
        )

    def test_a_name_behind_a_number_is_the_same_title(self) -> None:
        named = tags("/movie/550-fight-club/credits", "details", b"{}")
        self.assertEqual(named, tags("/movie/550/credits", "details", b"{}"))
        for what in (Purge("title", "movie/550"), Purge("path", "/movie/550")):
            self.assertTrue(what.unwanted(stored("/movie/550-fight-club", body={})))
        self.assertFalse(
            Purge("path", "/movie/550").unwanted(stored("/movie/5500-x", body={}))
        )

    def test_what_is_in_no_class_has_no_tag_of_one(self) -> None:
        self.assertEqual(tags("/find/x", None, b"{}")[:2], ["tmdb", "tmdb-find"])

    def test_a_long_list_names_as_many_titles_as_fit_into_a_head(self) -> None:
        body = {
            "cast": [{"id": n, "title": "x"} for n in range(10_000_000, 10_000_300)]
        }
        found = tags("/person/287/movie_credits", "details", packed(body))
        self.assertEqual(len(found), 5 + MOST_TITLES)
        self.assertLess(len(",".join(found)), 2100)
        # what is stored here is found all the same
        last = Purge("title", "movie/10000299")
        self.assertTrue(last.unwanted(stored("/person/287/movie_credits", body=body)))

    @steady
    @given(paths, st.sampled_from([None, *CLASSES]))
    def test_whatever_the_path_a_field_holds_tags_and_nothing_else(
        self, path: str, kind: str | None
    ) -> None:
        found = tags(path, kind, b"{}")
        for tag in found:
            self.assertIsNotNone(TAG.fullmatch(tag), tag)
        for name, separator in FORMATS.values():
            query = replace(QUERY, path=path, freshness=CLASSES.get(kind or ""))
            field = TagField(name, separator).of(query, b"{}")
            self.assertEqual(field, (name, separator.join(found)))

    def test_each_format_has_its_field(self) -> None:
        fields = {name: field_of(name) for name in FORMATS}
        self.assertEqual(
            {name: field.of_pictures() for name, field in fields.items() if field},
            {
                "cache-tag": ("Cache-Tag", "tmdb-images"),
                "surrogate-key": ("Surrogate-Key", "tmdb-images"),
                "edge-cache-tag": ("Edge-Cache-Tag", "tmdb-images"),
            },
        )
        self.assertIsNone(field_of(""))


class Purges(SynchronousTestCase):
    """What a purge drops."""

    def test_what_it_drops_here_bears_its_tag_in_front(self) -> None:
        everything = [
            stored("/movie/550", "details", {"id": 550}),
            stored("/movie/550/credits", "details", {"id": 550}),
            stored("/movie/5500", "details", {"id": 5500}),
            stored("/movie/popular"),
            stored("/configuration", "configuration", {"images": {}}),
        ]
        wanted = {
            Purge("all"): 5,
            Purge("class", "details"): 3,
            Purge("class", "lists"): 1,
            Purge("path", "/movie/550"): 2,
            Purge("path", "/movie"): 4,
            Purge("title", "movie/550"): 3,
            Purge("title", "tv/1399"): 1,
            Purge("title", "tv/550"): 0,
            Purge("images"): 0,
        }
        for each, count in wanted.items():
            dropped = [one for one in everything if each.unwanted(one)]
            self.assertEqual(len(dropped), count, each)
            for one in dropped:
                self.assertIn(each.tag, tags(one.path, one.kind, one.body))

    def test_it_is_read_from_one_parameter(self) -> None:
        for given_, tag in (
            ({"all": "1"}, "tmdb"),
            ({"class": "lists"}, of_class("lists")),
            ({"class": MISSING.name}, of_class("missing")),
            ({"path": "/movie/550/"}, of_path("/movie/550")),
            ({"path": "/a b"}, "tmdb-a%20b"),
            ({"title": "movie/550"}, "tmdb-movie-550"),
        ):
            self.assertEqual(purge(given_).tag, tag)
        self.assertEqual(Purge("images").tag, "tmdb-images")

    def test_what_names_nothing_is_refused_with_what_is_allowed(self) -> None:
        for wrong, said in (
            ({}, "say what to purge"),
            ({"all": "0"}, "say what to purge"),
            ({"path": "/x", "all": "1"}, "say what to purge"),
            ({"class": "x"}, "known: configuration"),
            ({"path": ""}, "use all=1"),
            ({"path": "//"}, "use all=1"),
            *(
                ({"title": title}, "movie/ID")
                for title in ("550", "movie", "movie/", "person/287", "movie/x", "tv/²")
            ),
        ):
            error = self.assertRaises(ValueError, purge, wrong)
            self.assertIn(said, str(error))
            for name in PURGES if not wrong else ():
                self.assertIn(name, str(error))
