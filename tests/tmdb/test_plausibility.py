"""Well-formed JSON that cannot be the answer is refused; every right one passes."""

import json
import re
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Completeness, Query
from streamr.simulator.hosts.api import other_path
from streamr.simulator.tmdb.answers import TMDBReply, answer
from streamr.simulator.tmdb.request import REFUSALS
from streamr.tmdb import catalogue
from streamr.tmdb.plausibility import completeness, problem
from tests.simulator.tmdb.test_answers import WORLD, fill, templates

CATALOGUE = catalogue.load()
# Endpoints that act for a user are refused before anything is asked.
USERS = re.compile(r"account|guest_session|authentication/")
PARAMETERS = {"query": "the", "external_source": "imdb_id"}
ENVELOPES = [
    {"success": False, "status_code": code, "status_message": text}
    for code, (_, text) in REFUSALS.items()
]
# What an answer cannot be without, said a second time by hand, template by template.
_REQUIRED = """
    /authentication success status_code
    /certification/movie/list certifications
    /certification/tv/list certifications
    /collection/{collection_id} id name parts
    /collection/{collection_id}/images backdrops posters
    /collection/{collection_id}/translations translations
    /company/{company_id} id name
    /company/{company_id}/alternative_names results
    /company/{company_id}/images logos
    /configuration images
    /credit/{credit_id} credit_type
    /find/{external_id} movie_results tv_results person_results
    /genre/movie/list genres
    /genre/tv/list genres
    /keyword/{keyword_id} id name
    /list/{list_id} items
    /list/{list_id}/item_status item_present
    /movie/latest id title
    /movie/{movie_id} id title
    /movie/{movie_id}/alternative_titles titles
    /movie/{movie_id}/changes changes
    /movie/{movie_id}/credits cast crew
    /movie/{movie_id}/external_ids id
    /movie/{movie_id}/images backdrops posters
    /movie/{movie_id}/keywords keywords
    /movie/{movie_id}/release_dates results
    /movie/{movie_id}/translations translations
    /movie/{movie_id}/videos results
    /movie/{movie_id}/watch/providers results
    /network/{network_id} id name
    /network/{network_id}/alternative_names results
    /network/{network_id}/images logos
    /person/latest id name known_for_department
    /person/{person_id} id name known_for_department
    /person/{person_id}/changes changes
    /person/{person_id}/combined_credits cast crew
    /person/{person_id}/external_ids id
    /person/{person_id}/images profiles
    /person/{person_id}/movie_credits cast crew
    /person/{person_id}/translations translations
    /person/{person_id}/tv_credits cast crew
    /review/{review_id} author content
    /tv/episode/{episode_id}/changes changes
    /tv/episode_group/{tv_episode_group_id} groups
    /tv/latest id name seasons
    /tv/season/{season_id}/changes changes
    /tv/{series_id} id name seasons
    /tv/{series_id}/aggregate_credits cast crew
    /tv/{series_id}/alternative_titles results
    /tv/{series_id}/changes changes
    /tv/{series_id}/content_ratings results
    /tv/{series_id}/credits cast crew
    /tv/{series_id}/episode_groups results
    /tv/{series_id}/external_ids id
    /tv/{series_id}/images backdrops posters
    /tv/{series_id}/keywords results
    /tv/{series_id}/screened_theatrically results
    /tv/{series_id}/translations translations
    /tv/{series_id}/videos results
    /tv/{series_id}/watch/providers results
    SEASON season_number episodes
    SEASON/aggregate_credits cast crew
    SEASON/credits cast crew
    SEASON/external_ids id
    SEASON/images posters
    SEASON/translations translations
    SEASON/videos results
    SEASON/watch/providers results
    EPISODE episode_number
    EPISODE/credits cast crew
    EPISODE/external_ids id
    EPISODE/images stills
    EPISODE/translations translations
    EPISODE/videos results
    /movie/{movie_id}/casts cast crew
    /movie/{movie_id}/releases countries
    /movie/{movie_id}/trailers quicktime youtube
    /person/{person_id}/credits cast crew
    /genre/list genres
    /job/list jobs
    /watch/providers/movie results
    /watch/providers/regions results
    /watch/providers/tv results
"""
SEASON = "/tv/{series_id}/season/{season_number}"
REQUIRED = {
    path.replace("EPISODE", "SEASON/episode/{episode_number}").replace(
        "SEASON", SEASON
    ): keys
    for path, *keys in map(str.split, _REQUIRED.strip().splitlines())
}
# Answered page by page: with `page` and `results`; no name beside them is asked for.
_PAGED = """
    /trending/all/{time_window} /trending/movie/{time_window}
    /trending/person/{time_window} /trending/tv/{time_window}
    /discover/movie /discover/tv /search/collection /search/company /search/keyword
    /search/movie /search/multi /search/person /search/tv
    /movie/popular /movie/top_rated /movie/upcoming /movie/now_playing
    /tv/popular /tv/top_rated /tv/on_the_air /tv/airing_today /person/popular
    /movie/changes /tv/changes /person/changes
    /movie/{movie_id}/recommendations /movie/{movie_id}/similar
    /movie/{movie_id}/reviews /movie/{movie_id}/lists
    /tv/{series_id}/recommendations /tv/{series_id}/similar
    /tv/{series_id}/reviews /tv/{series_id}/lists
    /keyword/{keyword_id}/movies /person/{person_id}/tagged_images
    /movie/{movie_id}/similar_movies /genre/{genre_id}/movies
    /company/{company_id}/movies
"""
PAGED = frozenset(_PAGED.split())
ARRAYS = frozenset(
    f"/configuration/{name}"
    for name in ("countries", "jobs", "languages", "primary_translations", "timezones")
) | {"/timezones/list"}
KINDS = ("movie", "tv", "person", "collection", "company", "keyword", "network")
# What two endpoints may have in common and still be of different kinds.
COMMON = {"id", "name"}


def asked(path: str, **more: str) -> Query:
    return CATALOGUE.query(path, list({**PARAMETERS, **more}.items()))


def good(path: str, **more: str) -> Any:
    """What the simulator answers, as it arrives: through JSON."""
    reply: TMDBReply = answer(WORLD, "GET", f"/3{path}", {**PARAMETERS, **more})
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

    def test_what_tmdb_may_leave_out_is_not_missed(self) -> None:
        for path, value in ALL.items():
            query = asked(path)
            if query.template in ARRAYS:
                self.assertIsNone(problem(query, []), path)
                continue
            needed = REQUIRED.get(query.template, ["page", "results"])
            bare = {name: value[name] for name in needed}
            self.assertIsNone(problem(query, bare), path)

    def test_zeros_before_the_number_of_a_season_or_episode_say_nothing(self) -> None:
        season, episode = good("/tv/1396/season/1"), good("/tv/1396/season/1/episode/1")
        for path, value in (
            ("/tv/1396/season/01", season),
            ("/tv/1396/season/0", {**season, "season_number": 0}),
            ("/tv/1396/season/00", {**season, "season_number": 0}),
            ("/tv/1396/season/10", {**season, "season_number": 10}),
            ("/tv/1396/season/1/episode/001", episode),
            ("/tv/1396/season/1/episode/100", {**episode, "episode_number": 100}),
        ):
            self.assertIsNone(problem(asked(path), value), path)

    def test_what_only_looks_like_a_digit_names_no_number(self) -> None:
        query = Query("/movie/²", (), "/movie/{movie_id}")
        self.assertIsNone(problem(query, good("/movie/550")))

    def test_half_of_an_error_envelope_is_none(self) -> None:
        query = Query("/new", (), "/new")
        for value in (
            {"status_code": 7},
            {"status_message": "Invalid API key.", "success": False},
            {},
        ):
            self.assertIsNone(problem(query, value), value)

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

    def test_each_name_that_an_answer_cannot_be_without_is_missed_by_name(self) -> None:
        for path, value in ALL.items():
            for name in REQUIRED.get(asked(path).template, ()):
                cut = {key: each for key, each in value.items() if key != name}
                said = problem(asked(path), cut)
                self.assertEqual(said, f"an answer without {name}", path)

    def test_every_endpoint_is_in_one_of_the_lists_of_this_file(self) -> None:
        known = [*REQUIRED, *PAGED, *ARRAYS]
        self.assertEqual(sorted(known), sorted(asked(path).template for path in ALL))

    def test_each_page_by_page_answer_is_missed_its_envelope(self) -> None:
        for path, value in ALL.items():
            if asked(path).template not in PAGED:
                continue
            for name, wrong in (
                ("page", None),
                ("page", "1"),
                ("page", 1.0),
                ("page", True),
                ("results", None),
                ("results", {}),
                ("results", "[]"),
            ):
                said = problem(asked(path), {**value, name: wrong})
                self.assertEqual(said, "a list without its page envelope", path)

    def test_an_error_envelope_is_refused_where_any_object_would_do(self) -> None:
        for value in (
            {"status_code": 7, "status_message": "Invalid API key."},
            {"status_code": 7, "success": False},
            {"status_code": 7, "status_message": "x", "success": False, "id": 550},
        ):
            said = problem(Query("/new", (), "/new"), value)
            self.assertEqual(said, "an error envelope with status 200", value)

    def test_another_id_is_refused_for_each_kind_and_all_that_is_below_it(self) -> None:
        seen: dict[str, int] = {}
        for path, value in ALL.items():
            template = asked(path).template
            kind, _, named = template.removeprefix("/").partition("/")
            if kind not in KINDS or named[:1] != "{" or template.count("{") > 1:
                continue
            seen[kind] = seen.get(kind, 0) + 1
            number = int(path.split("/")[2])
            for other in (number + 1, 0, str(number), None):
                said = problem(asked(path), {**value, "id": other})
                self.assertEqual(said, "the answer for another id", (path, other))
        self.assertEqual(set(seen), set(KINDS))

    def test_a_slug_is_for_the_number_before_its_words(self) -> None:
        movie = good("/movie/550")
        for slug in ("5-fight-club", "5", "55", "5500", "551-fight-club", "0550a"):
            wrong = problem(asked(f"/movie/{slug}"), movie)
            right = None if slug == "0550a" else "the answer for another id"
            self.assertEqual(wrong, right, slug)

    def test_external_ids_hold_ids_alone(self) -> None:
        for path in ("/movie/550", "/tv/1396", "/person/287", "/tv/1396/season/1"):
            path = f"{path}/external_ids"
            for name in ("title", "cast", "id_of"):
                said = problem(asked(path), {**ALL[path], name: 1})
                self.assertEqual(said, "something other than external ids", path)
            right = {**ALL[path], "new_id": 1}
            self.assertIsNone(problem(asked(path), right), path)

    def test_another_season_or_episode_is_refused(self) -> None:
        for path, name in (
            ("/tv/1396/season/1", "season_number"),
            ("/tv/1396/season/1/episode/1", "episode_number"),
        ):
            for other in (0, 2, 10, 11, None, "01"):
                wrong = {**good(path), name: other}
                said = problem(asked(path), wrong)
                self.assertEqual(said, f"the answer for another {name}", other)


def _names(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) - COMMON
    return {"an array"}


class Whole(SynchronousTestCase):
    """How much of what was asked for an answer holds."""

    def held(self, path: str, value: Any, *pairs: tuple[str, str]) -> Completeness:
        return completeness(CATALOGUE.query(path, list(pairs)), value)

    def test_a_part_that_tmdb_has_and_that_is_missing_is_noticed(self):
        asked = ("append_to_response", "credits,videos,nonsense,watch/providers")
        parts = {"credits": {}, "videos": {}, "watch/providers": {}}
        whole = {"id": 550, "title": "x", **parts}
        self.assertIs(self.held("/movie/550", whole, asked), Completeness.WHOLE)
        for part in parts:
            less = {name: value for name, value in whole.items() if name != part}
            found = self.held("/movie/550", less, asked)
            self.assertIs(found, Completeness.PARTIAL, part)
        self.assertIs(self.held("/movie/550", {"id": 550}), Completeness.WHOLE)

    def test_a_season_that_a_series_does_not_have_is_not_missing(self):
        asked = ("append_to_response", "season/1,season/19,credits")
        value = {"id": 1, "season/1": {}, "credits": {}}
        self.assertIs(self.held("/tv/1", value, asked), Completeness.WHOLE)

    def test_a_list_or_a_search_without_results_is_empty(self):
        empty = {"page": 1, "results": []}
        full = {"page": 1, "results": [{"id": 1}]}
        for path in ("/search/movie", "/movie/popular", "/discover/tv"):
            asked = [("query", "x")]
            self.assertIs(self.held(path, empty, *asked), Completeness.EMPTY, path)
            self.assertIs(self.held(path, full, *asked), Completeness.WHOLE, path)

    def test_a_find_is_empty_when_all_its_lists_are(self):
        found = {"movie_results": [], "tv_results": [], "person_results": []}
        asked = ("external_source", "imdb_id")
        self.assertIs(self.held("/find/tt1", found, asked), Completeness.EMPTY)
        found["tv_results"] = [{"id": 1}]
        self.assertIs(self.held("/find/tt1", found, asked), Completeness.WHOLE)

    def test_a_title_without_videos_is_whole(self):
        videos = {"id": 550, "results": []}
        self.assertIs(self.held("/movie/550/videos", videos), Completeness.WHOLE)
        self.assertIs(self.held("/configuration/jobs", []), Completeness.WHOLE)
