"""Well-formed JSON that cannot be the answer is refused; every right one passes."""

import json
import re
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Query
from streamr.simulator.site import other_path
from streamr.simulator.tmdb.answers import Reply, answer
from streamr.simulator.tmdb.request import REFUSALS
from streamr.tmdb import catalogue
from streamr.tmdb.plausibility import problem
from tests.simulator.tmdb.test_answers import WORLD, fill, templates

CATALOGUE = catalogue.load()
# Endpoints that act for a user are refused before anything is asked.
USERS = re.compile(r"account|guest_session|authentication")
PARAMETERS = {"query": "the", "external_source": "imdb_id"}
ENVELOPES = [
    {"success": False, "status_code": code, "status_message": text}
    for code, (_, text) in REFUSALS.items()
]
# What two endpoints may have in common and still be of different kinds.
COMMON = {"id", "name"}


def asked(path: str, **more: str) -> Query:
    return CATALOGUE.query(path, list({**PARAMETERS, **more}.items()))


def good(path: str, **more: str) -> Any:
    """What the simulator answers, as it arrives: through JSON."""
    reply: Reply = answer(WORLD, "GET", f"/3{path}", {**PARAMETERS, **more})
    assert reply.good, (path, reply)
    return json.loads(json.dumps(reply.value))


def paths() -> Iterator[str]:
    for template in templates():
        if not USERS.search(template):
            yield fill(template).removeprefix("/3")


ALL = {path: good(path) for path in paths()}


class Right(SynchronousTestCase):
    """What TMDB answers passes."""

    def test_every_endpoint_of_the_simulator_is_plausible(self) -> None:
        self.assertGreater(len(ALL), 110)
        refused = {p: why for p, v in ALL.items() if (why := problem(asked(p), v))}
        self.assertEqual(refused, {})

    def test_every_title_and_person_is(self) -> None:
        for kind, rows in (
            ("movie", WORLD.movies),
            ("tv", WORLD.series),
            ("person", WORLD.people),
            ("collection", WORLD.collections),
            ("company", WORLD.companies),
            ("network", WORLD.networks),
            ("keyword", WORLD.keywords),
        ):
            for number in rows:
                path = f"/{kind}/{number}"
                self.assertIsNone(problem(asked(path), good(path)), path)

    def test_a_slug_counts_by_its_digits(self) -> None:
        self.assertIsNone(problem(asked("/movie/550-fight-club"), good("/movie/550")))

    def test_an_imdb_id_names_no_number(self) -> None:
        self.assertIsNone(problem(asked("/movie/tt0137523"), good("/movie/550")))

    def test_empty_pages_are_answers(self) -> None:
        for path, more in (
            ("/search/movie", {"query": "qqqqqqqq"}),
            ("/movie/popular", {"page": "500"}),
        ):
            value = good(path, **more)
            self.assertEqual(value["results"], [])
            self.assertIsNone(problem(asked(path, **more), value), path)

    def test_details_with_appended_objects_are(self) -> None:
        for path, names in (
            ("/movie/550", "credits,videos,watch/providers"),
            ("/tv/1396", "aggregate_credits,season/1"),
            ("/tv/1396/season/1", "credits"),
            ("/person/287", "combined_credits,external_ids"),
        ):
            value = good(path, append_to_response=names)
            query = asked(path, append_to_response=names)
            self.assertIsNone(problem(query, value), path)

    def test_an_endpoint_of_the_settings_takes_any_object(self) -> None:
        query = Query("/movie/550/new", (), "/movie/{movie_id}/new")
        self.assertIsNone(problem(query, {"id": 550, "anything": []}))


class Wrong(SynchronousTestCase):
    """What cannot be right is named."""

    maxDiff = None

    def accepted(self, values: dict[str, Any]) -> list[str]:
        """The paths whose wrong values pass."""
        return [path for path, v in values.items() if problem(asked(path), v) is None]

    def test_an_error_envelope_with_status_200_is_refused_everywhere(self) -> None:
        for envelope in ENVELOPES:
            short = {k: v for k, v in envelope.items() if k != "success"}
            for value in (envelope, short):
                self.assertEqual(self.accepted(dict.fromkeys(ALL, value)), [])

    def test_the_reason_is_told_in_words(self) -> None:
        movie = good("/movie/550")
        for path, wrong, word in (
            ("/movie/550", ENVELOPES[0], "error envelope"),
            ("/movie/550", {**movie, "id": 7}, "id"),
            ("/movie/550", [], "array"),
            ("/movie/popular", movie, "page"),
            ("/configuration/languages", movie, "array"),
        ):
            self.assertIn(word, problem(asked(path), wrong) or "", path)

    def test_an_array_is_refused_where_an_object_belongs_and_vice_versa(self) -> None:
        swapped = {p: {} if isinstance(v, list) else [] for p, v in ALL.items()}
        self.assertEqual(self.accepted(swapped), [])

    def test_another_title_is_refused_for_all_details(self) -> None:
        for kind in ("movie", "tv"):
            ids = list(WORLD.titles(kind))
            for number, other in zip(ids, ids[1:] + ids[:1], strict=True):
                wrong = good(f"/{kind}/{other}")
                self.assertIsNotNone(problem(asked(f"/{kind}/{number}"), wrong))

    def test_an_id_in_another_form_is_another_id(self) -> None:
        for value in ("550", None, 550.5, [550], {"id": 550}):
            wrong = {**good("/movie/550"), "id": value}
            self.assertIsNotNone(problem(asked("/movie/550"), wrong), value)

    def test_a_list_without_its_page_envelope_is_refused(self) -> None:
        pages = [p for p, v in ALL.items() if {"page", "results"} <= _names(v)]
        self.assertGreater(len(pages), 30)
        for path in pages:
            for without in ("page", "results"):
                cut = {k: v for k, v in ALL[path].items() if k != without}
                self.assertIsNotNone(problem(asked(path), cut), (path, without))
            for name, value in (("results", {}), ("results", None), ("page", "1")):
                bad = {**ALL[path], name: value}
                self.assertIsNotNone(problem(asked(path), bad), (path, name))

    def test_the_simulators_wrong_id_is_refused_on_every_endpoint(self) -> None:
        values = {
            path: good(other_path(WORLD, f"/3{path}").removeprefix("/3"))
            for path in ALL
            # one list of genres looks like the other
            if not path.startswith(("/movie/latest", "/tv/latest", "/genre/"))
        }
        self.assertEqual(self.accepted(values), [])

    def test_the_body_of_an_endpoint_of_another_kind_is_refused(self) -> None:
        """Two answers are of different kinds when they share no name but an id."""
        passed: dict[str, int] = {}
        for path, value in ALL.items():
            query, mine = asked(path), _names(value)
            for wrong in ALL.values() if mine else ():
                if not mine & _names(wrong) and problem(query, wrong) is None:
                    passed[path] = passed.get(path, 0) + 1
        self.assertEqual(passed, {}, "how many others each path took for its own")

    def test_another_season_or_episode_is_refused(self) -> None:
        for path, name in (
            ("/tv/1396/season/1", "season_number"),
            ("/tv/1396/season/1/episode/1", "episode_number"),
        ):
            wrong = {**good(path), name: 2}
            self.assertIsNotNone(problem(asked(path), wrong), path)


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) - COMMON
    return {"an array"}
