"""The description says what the gateway does, and what TMDB answers."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator
from twisted.trial.unittest import SynchronousTestCase

from streamr import __version__
from streamr.errors import CAUSES, Attempt, Envelope
from streamr.openapi.document import describe, title
from streamr.openapi.responses import JSON_TYPE
from streamr.tmdb import catalogue, images
from streamr.web.api.cors import EXPOSED
from streamr.web.page import envelope
from streamr.web.pages.docs import OWN
from tests.openapi import samples
from tests.openapi.samples import (
    answers,
    changed,
    document,
    places,
    short_answers,
    validator,
)
from tests.simulator.tmdb.test_answers import WORLD

# Stands for another type: no field of TMDB's is a list of nothing but null.
# Where each object is a map from countries: none is missing when one is.
MAPS = ("/3/timezones/list",)
WRONG = [None]


class Whole(SynchronousTestCase):
    """It is OpenAPI 3.1, and complete."""

    def test_it_is_valid_openapi(self) -> None:
        self.assertEqual([], list(OpenAPIV31SpecValidator(document()).iter_errors()))

    def test_every_endpoint_that_needs_no_user_is_in_it(self) -> None:
        offered = {
            f"/3{each.template}"
            for each in samples.CATALOGUE.endpoints
            if not catalogue.acts_for_a_user(each.template)
        }
        described = {path for path in document()["paths"] if path.startswith("/3/")}
        self.assertEqual(offered, described)
        self.assertGreater(len(described), 110)

    def test_so_are_the_paths_of_our_own(self) -> None:
        own = {path for path in document()["paths"] if not path.startswith("/3/")}
        lists = {f"/api/tmdb/{name}" for name in OWN.shortcuts}
        healths = {"/api/health", "/api/tmdb/health", "/livez", "/readyz"}
        self.assertEqual(own, lists | healths | {images.TEMPLATE})

    def test_pictures_are_in_it_where_there_are_any(self) -> None:
        without = describe(catalogue.load(), replace(OWN, pictures=False))
        self.assertNotIn(images.TEMPLATE, without["paths"])
        found = describe(catalogue.load(), OWN)
        operation = found["paths"][images.TEMPLATE]["get"]
        values = [
            found["components"]["parameters"][each["$ref"].rpartition("/")[2]]
            for each in operation["parameters"]
        ]
        for each in values:
            example = str(each["example"])
            self.assertRegex(example, each["schema"]["pattern"])
        named = "/".join(str(each["example"]) for each in values)
        self.assertIsNotNone(images.picture_name(named))
        for status in ("200", "206"):
            content = operation["responses"][status]["content"]
            self.assertEqual(content, {"image/*": {"schema": {}}})

    def test_every_reference_leads_somewhere_and_every_part_is_used(self) -> None:
        text = json.dumps(document())
        used = set(re.findall(r'"#/components/(\w+)/([^"]+)"', text))
        there = {
            (kind, name)
            for kind, parts in document()["components"].items()
            for name in parts
        }
        self.assertEqual(used, there)

    def test_every_endpoint_that_is_described_has_a_shape_in_its_row(self) -> None:
        plain = describe(catalogue.load(), OWN)["paths"]
        wanted = {path[2:] for path in plain if path.startswith("/3/")}
        shaped = {each.template for each in catalogue.shipped() if each.shape}
        self.assertEqual(wanted, shaped)

    def test_an_extra_path_takes_what_it_wants_and_answers_any_object(self) -> None:
        operation = samples.operations()["/3/movie/{movie_id}/new_thing"]
        self.assertIn("STREAMR_EXTRA_PATHS", operation["description"])
        self.assertTrue(validator("/3/movie/{movie_id}/new_thing").is_valid({"id": 1}))

    def test_it_names_version_notice_and_the_other_base(self) -> None:
        info = document()["info"]
        self.assertEqual(info["version"], __version__)
        for words in (catalogue.NOTICE, "JustWatch", "`/api/tmdb/…` is the\n  same"):
            self.assertIn(words, info["description"])

    def test_titles_are_readable(self) -> None:
        self.assertEqual(
            ["TV watch providers", "Movie details", "Trending all"],
            [
                title("/tv/{series_id}/watch/providers"),
                title("/movie/{movie_id}"),
                title("/trending/all/{time_window}"),
            ],
        )


class Answers(SynchronousTestCase):
    """The schemas hold for every good answer, and for no spoilt one."""

    def test_every_answer_of_the_simulator_passes(self) -> None:
        told = {path for path in samples.operations() if path[2:] in samples.IN_DEMO}
        self.assertEqual(told, {path for path in answers() if path.startswith("/3/")})
        for path, values in answers().items():
            for value in values:
                self.assertEqual([], [*validator(path).iter_errors(value)], path)

    def test_so_do_the_details_of_every_title_and_person(self) -> None:
        for path, kind, table in (
            ("/3/movie/{movie_id}", "movie", WORLD.movies),
            ("/3/tv/{series_id}", "tv", WORLD.series),
            ("/3/person/{person_id}", "person", WORLD.people),
        ):
            for number in table:
                value = samples.ask(f"/3/{kind}/{number}").value
                self.assertEqual([], [*validator(path).iter_errors(value)], number)

    def test_another_type_in_any_place_fails(self) -> None:
        for path, values in short_answers().items():
            for value in values:
                for place in places(value):
                    if place[-1] not in ("value", "original_value"):
                        spoilt = changed(value, place, WRONG)
                        self.assertFalse(
                            validator(path).is_valid(spoilt), (path, place)
                        )

    def test_another_type_as_a_whole_fails(self) -> None:
        for path in answers():
            for wrong in (WRONG, {}, "text", 1):
                self.assertFalse(validator(path).is_valid(wrong), (path, wrong))

    def test_a_dropped_field_fails_but_for_those_that_may_be_missing(self) -> None:
        optional = {
            *("softcore", "cast_id", "iso_3166_1", "iso_639_1", "networks"),
            *("original_name", "original_language", "character"),
            *("value", "original_value", "page", "total_pages", "total_results"),
            *("flatrate", "buy", "rent", "DE", "FR", "GB", "US"),
        }
        dropped = 0
        for path, values in short_answers().items():
            for value in values:
                for place in places(value):
                    good = validator(path).is_valid(changed(value, place))
                    dropped += not good
                    named = place[-1] in optional or place[-2:] == ("data", "name")
                    named = named or isinstance(place[-1], int) or path in MAPS
                    self.assertTrue(named or not good, (path, place))
        self.assertGreater(dropped, 1000)

    def test_every_endpoint_notices_one_dropped_field(self) -> None:
        for path, values in short_answers().items():
            if isinstance(values[0], list) and isinstance(values[0][0], str):
                continue  # a bare array of words has no fields
            if path in MAPS:
                continue
            for value in values:
                self.assertTrue(
                    any(
                        not validator(path).is_valid(changed(value, place))
                        for place in places(value)
                    ),
                    path,
                )

    def test_what_is_appended_is_checked_too(self) -> None:
        path = "/3/movie/{movie_id}"
        names = "credits,videos,images,keywords,watch/providers,similar,reviews"
        value = samples.ask("/3/movie/550", append_to_response=names).value
        self.assertEqual([], [*validator(path).iter_errors(value)])
        for place in (("credits", "cast"), ("watch/providers", "results")):
            self.assertFalse(validator(path).is_valid(changed(value, place)))

    def test_seasons_can_be_appended_by_their_number(self) -> None:
        path = "/3/tv/{series_id}"
        value = samples.ask("/3/tv/1396", append_to_response="season/1").value
        self.assertEqual([], [*validator(path).iter_errors(value)])
        spoilt = changed(value, ("season/1", "episodes"), WRONG)
        self.assertFalse(validator(path).is_valid(spoilt))


class Errors(SynchronousTestCase):
    """What goes wrong is described as it is answered."""

    def test_the_gateways_own_errors_pass_and_need_each_key(self) -> None:
        attempts = [Attempt("direct", "a:443", 3, "tls_reset", "at 517 bytes")]
        value = json.loads(envelope(502, Envelope.BACKEND, "No answer", attempts))
        for status in ("405", "429", "500", "502", "503", "504", "508"):
            check = validator_of_error(status)
            self.assertEqual([], [*check.iter_errors(value)], status)
            for key in value:
                self.assertFalse(check.is_valid(changed(value, (key,))), key)

    def test_tmdbs_errors_pass(self) -> None:
        for path, params, status in (
            ("/3/movie/0", {}, "404"),
            ("/3/movie/popular", {"page": "0"}, "400"),
            ("/3/movie/changes", {"start_date": "2001-01-01"}, "422"),
            ("/3/search/movie", {}, "422"),
        ):
            reply = samples.ask(path, **params)
            self.assertEqual(int(status), reply.status)
            check = validator_of_error(status)
            self.assertEqual([], [*check.iter_errors(reply.value)], path)
            self.assertFalse(check.is_valid({"status_code": "34"}))

    def test_every_status_of_the_fault_table_is_described(self) -> None:
        statuses = {str(cause.status) for cause in CAUSES.values()}
        wanted = statuses | {"200", "304", "400", "403", "404", "405"}
        for path, operation in samples.operations().items():
            if path in answers():
                self.assertLessEqual(wanted, set(operation["responses"]), path)

    def test_a_status_says_which_causes_end_in_it(self) -> None:
        told = document()["components"]["responses"]["Timeout"]["description"]
        for cause in CAUSES.values():
            self.assertEqual(cause.status == 504, f" {cause.name}" in told)

    def test_the_headers_that_pages_may_read_are_described(self) -> None:
        described = set(document()["components"]["headers"])
        self.assertLessEqual(set(EXPOSED.split(", ")), described)
        for path in answers():
            good = samples.operations()[path]["responses"]["200"]["headers"]
            for name in ("X-Proxy-Source", "Proxy-Status", "ETag", "Age", "Vary"):
                self.assertIn(name, good)


def validator_of_error(status: str) -> Any:
    """What checks the body of an error that endpoints of TMDB's share."""
    reference = samples.operations()["/3/movie/changes"]["responses"][status]["$ref"]
    response = document()["components"]["responses"][reference.split("/")[3]]
    return samples.checking(response["content"][JSON_TYPE]["schema"])
