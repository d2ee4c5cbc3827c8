"""What the description allows is what the gateway's checks let through."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Refusal
from streamr.openapi.parameters import notes, value_schema
from streamr.tmdb.catalogue import acts_for_a_user
from streamr.tmdb.parameters import FORMS, MOST_APPENDED, MOST_CHARACTERS, PAGES, check
from streamr.tmdb.shortcuts import DEFAULTS
from streamr.web.pages.docs import OWN
from streamr.web.pages.health import PROBES
from tests.openapi.samples import CATALOGUE, operations, parameters
from tests.properties import examples

steady = examples(300)
# Words that are near to right, beside any text.
near = st.text(max_size=12) | st.sampled_from(
    ["en", "en-US", "US", "usa", "1", "500", "501", "0", "credits,season/1", "a//b"]
)


def passes(name: str, text: str) -> bool:
    """Whether the gateway lets a value through."""
    try:
        list(check([(name, text)]))
    except Refusal:
        return False
    return True


def allowed(name: str, text: str) -> bool:
    """Whether the description does; an empty value is none (allowEmptyValue)."""
    schema = value_schema(name)
    value: Any = text
    if schema["type"] == "integer":
        if not re.fullmatch("[0-9]{1,4}", text):
            return text == ""
        value = int(text)
    elif schema["type"] == "array":
        value = text.split(",")
    return text == "" or Draft202012Validator(schema).is_valid(value)


class Agreement(SynchronousTestCase):
    """Both say the same of every value."""

    @steady
    @given(
        st.sampled_from([*FORMS, "page", "append_to_response", "query", "year"]), near
    )
    @example("query", "x" * MOST_CHARACTERS)
    @example("query", "x" * (MOST_CHARACTERS + 1))
    @example("query", "a\x7fb")
    @example("append_to_response", ",".join("a" * (MOST_APPENDED + 1)))
    @example("append_to_response", ",".join("a" * MOST_APPENDED))
    def test_of_any_value(self, name: str, text: str) -> None:
        if not text.endswith("\n"):  # `$` of Python's re would take a last newline
            self.assertEqual(passes(name, text), allowed(name, text), (name, text))

    def test_pages_have_their_bounds(self) -> None:
        schema = value_schema("page")
        self.assertEqual(PAGES, (schema["minimum"], schema["maximum"]))

    def test_blank_words_are_no_search_in_either(self) -> None:
        [query] = [e for e in parameters("/3/search/movie") if e["name"] == "query"]
        self.assertTrue(query["required"])
        good = Draft202012Validator(query["schema"]).is_valid
        for text, right in (("", False), (" ", False), ("alien", True), (" a ", True)):
            self.assertEqual(right, good(text), text)
            asked = [("query", text)]
            if right:
                CATALOGUE.query("/search/movie", asked)
            else:
                self.assertRaises(Refusal, CATALOGUE.query, "/search/movie", asked)

    def test_a_value_in_a_path_is_one_that_matches_the_template(self) -> None:
        [movie_id] = [e for e in parameters("/3/movie/{movie_id}") if e["in"] == "path"]
        good = Draft202012Validator(movie_id["schema"]).is_valid
        for text in (
            "550",
            "550-fight-club",
            "a.b",
            "..",
            ".",
            "a..b",
            "a b",
            "5" * 101,
            "550-am%C3%A9lie",
            "a%2Fb",
            "a%2E",
        ):
            try:
                CATALOGUE.query(f"/movie/{text}", [])
                found = True
            except Refusal:
                found = False
            self.assertEqual(found, good(text), text)

    def test_the_window_of_trends_is_one_of_two(self) -> None:
        [window] = [
            e for e in parameters("/3/trending/all/{time_window}") if e["in"] == "path"
        ]
        self.assertEqual(["day", "week"], window["schema"]["enum"])


class Lists(SynchronousTestCase):
    """Which parameters an operation has."""

    def test_each_endpoint_has_those_of_the_catalogue(self) -> None:
        for endpoint in CATALOGUE.endpoints:
            if acts_for_a_user(endpoint.template):
                continue
            found = parameters(f"/3{endpoint.template}")
            by_place = {
                place: {each["name"] for each in found if each["in"] == place}
                for place in ("path", "query")
            }
            self.assertEqual(set(endpoint.placeholders), by_place["path"])
            self.assertEqual(set(endpoint.parameters), by_place["query"])

    def test_defaults_are_those_that_tmdb_assumes(self) -> None:
        found = {
            e["name"]: e["schema"].get("default")
            for e in parameters("/3/discover/movie")
        }
        self.assertEqual("popularity.desc", found["sort_by"])
        self.assertEqual("false", found["include_adult"])
        self.assertEqual(1, found["page"])
        self.assertIsNone(found["region"])

    def test_a_shortcut_has_its_choices_and_all_that_one_kind_takes(self) -> None:
        for name, shortcut in OWN.shortcuts.items():
            found = {e["name"]: e for e in parameters(f"/api/tmdb/{name}")}
            kinds = list(shortcut.paths)
            self.assertEqual(kinds, found["media_type"]["schema"]["enum"])
            self.assertEqual(kinds[0], found["media_type"]["schema"]["default"])
            for path in shortcut.asked():
                self.assertLessEqual(CATALOGUE.match(path).parameters, found.keys())
            for key, value in DEFAULTS:
                self.assertEqual(value, str(found[key]["schema"]["default"]))
        self.assertEqual(
            ["week", "day"], parameters("/api/tmdb/trending")[1]["schema"]["enum"]
        )

    def test_the_health_can_probe(self) -> None:
        [probe] = parameters("/api/tmdb/health")
        self.assertEqual(list(PROBES), probe["schema"]["enum"])

    def test_every_parameter_has_a_sentence_and_every_sentence_is_used(self) -> None:
        names = {e["name"] for path in operations() for e in parameters(path)}
        self.assertEqual(set(notes()), names - {"If-None-Match", "X-Request-Id"})
        for _, sentence in notes().values():
            self.assertTrue(sentence.endswith((".", "…")), sentence)
