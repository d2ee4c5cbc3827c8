"""The cache key: equal requests, equal keys; different answers, different keys."""

import random
import string
from urllib.parse import quote

from hypothesis import assume, example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Query
from streamr.policy.cachekey import key
from streamr.tmdb import catalogue
from streamr.tmdb.target import split
from streamr.web.api.target import main_query
from tests.properties import examples

steady = examples(100)
FIND = main_query(catalogue.load())
# What the catalogue lets through for /discover/movie, with the defaults of TMDB.
DEFAULTS = (
    ("include_adult", "False"),
    ("language", "en-US"),
    ("page", "1"),
    ("sort_by", "popularity.desc"),
)
NAMES = ("with_genres", "with_cast", "region", "year", "with_keywords")
words = st.text(string.ascii_letters + string.digits + " ,|&=?/+%#äЖ中", max_size=8)
APPENDED = ("credits", "videos", "images", "watch/providers", "season/1", "reviews")

Pair = tuple[str, str]


def asked(target: str) -> str:
    """The key of a request to main, from the bytes of its target."""
    return key(FIND(*split(target.encode("ascii"))))


def query(pairs: list[Pair], path: str = "/discover/movie") -> Query:
    return Query(path, tuple(pairs), "/discover/movie", DEFAULTS)


def encoded(text: str, dice: random.Random) -> str:
    """The text in one of its many percent-encodings."""
    return "".join(
        f"%{byte:02{dice.choice('xX')}}"
        if chr(byte) not in string.ascii_letters + string.digits or dice.random() < 0.3
        else chr(byte)
        for byte in text.encode()
    )


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, str]:
    """Parameters of a discovery, each once."""
    found = draw(st.dictionaries(st.sampled_from(NAMES), words.filter(bool)))
    if draw(st.booleans()):
        found["page"] = str(draw(st.integers(1, 500)))
    if draw(st.booleans()):
        found["include_adult"] = draw(st.sampled_from(["true", "false"]))
    if draw(st.booleans()):
        found["language"] = draw(st.sampled_from(["en-US", "de-DE", "fr"]))
    return found


def meaning(given: dict[str, str]) -> dict[str, str]:
    """What TMDB understands: all its defaults filled in."""
    defaults = {name: value.replace("False", "false") for name, value in DEFAULTS}
    return {**defaults, **given}


class EqualRequests(SynchronousTestCase):
    """However a request is written, its key is the same."""

    def test_the_same_parameters_with_other_defaults_are_another_question(self) -> None:
        for defaults, expected in (
            ((), "/x?page=1"),
            ((("page", "1"),), "/x"),
            ((("page", "2"),), "/x?page=1"),
        ):
            self.assertEqual(
                key(Query("/x", (("page", "1"),), "/x", defaults)), expected
            )

    @steady
    @given(parameters(), st.randoms(use_true_random=False))
    def test_order_repetition_and_defaults_do_not_matter(
        self, given: dict[str, str], dice: random.Random
    ) -> None:
        pairs = list(given.items())
        other = [*pairs, *dice.choices(pairs, k=2)] if pairs else []
        other += [pair for pair in DEFAULTS if pair[0] not in given]
        dice.shuffle(other)
        self.assertEqual(key(query(pairs)), key(query(other)))

    @steady
    @given(st.text(min_size=1, max_size=20), st.randoms(use_true_random=False))
    @example("a b+c&d=e%20/ü", random.Random(1))
    def test_percent_encoding_does_not_matter(
        self, text: str, dice: random.Random
    ) -> None:
        assume(text.isprintable() and text.encode("utf-8", "ignore").decode() == text)
        first, second = encoded(text, dice), quote(text, safe="")
        self.assertEqual(
            asked(f"/3/search/movie?query={first}"),
            asked(f"/3/search/movie?query={second}"),
        )

    @steady
    @given(
        st.lists(st.sampled_from(APPENDED), max_size=8),
        st.randoms(use_true_random=False),
    )
    def test_append_to_response_is_a_set(
        self, names: list[str], dice: random.Random
    ) -> None:
        other = [*names, *names, ""]
        dice.shuffle(other)
        first, second = ",".join(sorted(set(names))), ",".join(other[:20])
        assume(set(filter(None, other[:20])) == set(names))
        self.assertEqual(
            asked(f"/3/movie/550?append_to_response={first}"),
            asked(f"/3/movie/550?append_to_response={second}"),
        )

    def test_nothing_appended_is_the_same_as_no_word_of_it(self) -> None:
        for value in ("", ",", ",,"):
            target = f"/3/movie/550?append_to_response={value}"
            self.assertEqual(asked(target), asked("/3/movie/550"), value)

    def test_a_default_is_left_out_in_every_spelling(self) -> None:
        for target in (
            "/3/movie/popular",
            "/3/movie/popular?page=1",
            "/3/movie/popular?page=01&language=en-US",
            "/3/movie/popular/?page=&language=",
            "/api/tmdb/popular",
            "/api/tmdb/popular?media_type=movie&page=1",
            "/api/tmdb/proxy//movie/popular?utm_source=x",
            "/api/tmdb/movie/popular?page=1&page=1",
        ):
            self.assertEqual(asked(target), "/movie/popular", target)

    def test_two_values_of_one_name_are_another_request_in_each_order(self) -> None:
        one, other, first, second = (
            asked(f"/3/discover/movie?{words}")
            for words in (
                "region=DE&region=US",
                "region=US&region=DE",
                "region=DE",
                "region=US",
            )
        )
        self.assertEqual(len({one, other, first, second}), 4)
        # TMDB may take the first or the last: a default stays beside another value
        self.assertEqual(
            asked("/3/movie/550?language=en-US&language=de"),
            "/movie/550?language=en-US&language=de",
        )

    def test_unknown_parameters_are_part_of_it_and_what_is_dropped_is_not(self) -> None:
        self.assertEqual(
            asked("/3/discover/tv?certification=16&_=1&api_key=x&x=1"),
            "/discover/tv?certification=16&x=1",
        )

    def test_yes_and_no_are_read_in_any_letters(self) -> None:
        for spellings in (("true", "True", "TRUE"), ("false", "False", "FALSE")):
            keys = {key(query([("with_cast", each)])) for each in spellings}
            self.assertEqual(len(keys), 1, keys)
        targets = [f"/3/discover/movie?include_adult={v}" for v in ("true", "True")]
        self.assertEqual(*map(asked, targets))
        self.assertEqual(
            asked("/3/discover/movie?include_adult=false"), "/discover/movie"
        )


class WhatIsNotInIt(SynchronousTestCase):
    """Nothing that the answer does not depend on."""

    def test_no_key_of_a_caller_and_no_unknown_parameter(self) -> None:
        target = "/3/movie/550?api_key=c0ffee&callback=x&_=17"
        self.assertEqual(asked(target), "/movie/550")


class DifferentAnswers(SynchronousTestCase):
    """What TMDB answers differently has another key."""

    @steady
    @given(parameters(), parameters())
    @example({"with_cast": "1", "with_genres": "2"}, {"with_cast": "1&with_genres=2"})
    @example({"with_cast": "a%26b"}, {"with_cast": "a&b"})
    @example({"page": "1"}, {"page": "11"})
    def test_two_keys_are_equal_only_when_tmdb_is_asked_the_same(
        self, first: dict[str, str], second: dict[str, str]
    ) -> None:
        same = meaning(first) == meaning(second)
        keys = [key(query(list(each.items()))) for each in (first, second)]
        # "True" as the name of a title is folded too: see EqualRequests
        folded = [
            {
                n: v.lower() if v.lower() in ("true", "false") else v
                for n, v in m.items()
            }
            for m in (meaning(first), meaning(second))
        ]
        self.assertEqual(keys[0] == keys[1], same or folded[0] == folded[1])

    @steady
    @given(st.sets(st.sampled_from(APPENDED)), st.sets(st.sampled_from(APPENDED)))
    def test_other_things_appended_other_key(
        self, first: set[str], second: set[str]
    ) -> None:
        keys = [
            asked("/3/movie/550?append_to_response=" + ",".join(each))
            for each in (first, second)
        ]
        self.assertEqual(keys[0] == keys[1], first == second)

    def test_each_path_has_its_own(self) -> None:
        paths = ("/movie/550", "/movie/551", "/tv/550", "/movie/550/credits")
        self.assertEqual(len({asked(f"/3{path}") for path in paths}), 4)

    def test_another_default_is_no_default(self) -> None:
        # genres are listed in "en" by default, titles in "en-US"
        self.assertEqual(asked("/3/genre/movie/list?language=en"), "/genre/movie/list")
        self.assertNotEqual(
            asked("/3/genre/movie/list?language=en-US"), "/genre/movie/list"
        )
        self.assertNotEqual(asked("/3/movie/550?language=en"), "/movie/550")

    def test_a_value_cannot_pass_for_two_parameters(self) -> None:
        self.assertNotEqual(
            asked("/3/discover/movie?with_cast=1%26with_crew=2"),
            asked("/3/discover/movie?with_cast=1&with_crew=2"),
        )

    def test_the_letters_of_other_words_are_kept(self) -> None:
        # for its titles TMDB may tell "US" from "us"; only yes and no are folded
        for name, value in (
            ("region", "US"),
            ("language", "de-DE"),
            ("with_genres", "Truer"),
            ("with_cast", "FALSEHOOD"),
        ):
            self.assertIn(f"{name}={value}", key(query([(name, value)])), value)

    def test_a_page_is_a_number_only_where_it_looks_like_one(self) -> None:
        # those that the catalogue refuses; the key does not rest on that
        for page in ("x", "-1", "1.5", "1e3", "+2"):
            one, other = (key(query([("page", each)])) for each in (page, "2"))
            self.assertNotEqual(one, other, page)
            self.assertNotEqual(one, key(query([])), page)

    def test_only_the_page_is_read_as_a_number(self) -> None:
        for name in NAMES:
            one, other = (key(query([(name, each)])) for each in ("007", "7"))
            self.assertNotEqual(one, other, name)

    def test_a_search_text_that_looks_like_a_number_stays_as_it_is(self) -> None:
        self.assertNotEqual(
            asked("/3/search/movie?query=007"), asked("/3/search/movie?query=7")
        )
