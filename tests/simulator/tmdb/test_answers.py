"""Every path answers in TMDB's shape, and all answers agree with each other."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.tmdb.answers import ROUTES, TMDBReply, answer, unauthorised
from streamr.simulator.tmdb.series import group_id
from streamr.simulator.tmdb.world import hex_id, load

WORLD = load()
# One title in so many is looked at from all sides.
SAMPLED = 5
USERS = re.compile(r"account|guest_session|token/new")
SEASON = WORLD.series[1396]["seasons"][0]
IDS = {
    "movie_id": "550",
    "series_id": "1396",
    "person_id": "287",
    "collection_id": "230",
    "company_id": "508",
    "network_id": "174",
    "keyword_id": "825",
    "genre_id": "18",
    "season_number": "1",
    "episode_number": "1",
    "season_id": str(SEASON["id"]),
    "episode_id": str(SEASON["episodes"][0]["id"]),
    "list_id": "1",
    "time_window": "day",
    "external_id": "tt0137523",
    "account_id": "1",
    "guest_session_id": "1",
    "review_id": hex_id("review", "movie", 550),
    "credit_id": WORLD.parts_in("movie", 550)[0].credit_id,
    "tv_episode_group_id": group_id(WORLD.series[1396]),
}


GENRES = {number: set(one["genres"]) for number, one in WORLD.movies.items()}


def cast(movie: dict[str, Any]) -> set[int]:
    """The ids of a movie's actors."""
    return {who for who, _ in movie["cast"]}


def crew(movie: dict[str, Any]) -> set[int]:
    """The ids of a movie's makers."""
    return {who for who, _ in movie["crew"]}


def ask(path: str, **params: str) -> TMDBReply:
    """A GET with a good key."""
    return answer(WORLD, "GET", path, params)


def templates() -> list[str]:
    """The path templates of the table that the demo answers."""
    text = (files("streamr.tmdb") / "endpoints.txt").read_text()
    rows = re.split(r"(?m)^(?=/)", text)[1:]
    there = (row for row in rows if not re.search(r"(?m)^  demo none$", row))
    return [f"/3{row.split()[0]}" for row in there]


def fill(template: str) -> str:
    """A path with valid ids."""
    return re.sub(r"\{(\w+)\}", lambda match: IDS[match[1]], template)


def good_answers() -> Iterator[tuple[str, Any]]:
    """Every path of the data file with what it answers, and some of the titles."""
    for template in templates():
        if not USERS.search(template):
            path = fill(template)
            reply = ask(path, query="the", external_source="imdb_id")
            yield path, reply.value
    for kind in ("movie", "tv"):
        for number in list(WORLD.titles(kind))[::SAMPLED]:
            yield f"/3/{kind}/{number}", ask(f"/3/{kind}/{number}").value


def dicts(value: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object inside a value, with the name of the field that holds it."""
    if isinstance(value, dict):
        yield name, value
        for key, inner in value.items():
            yield from dicts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from dicts(inner, name)


PLACES = {
    "belongs_to_collection": "collection",
    "production_companies": "company",
    "networks": "network",
    "network": "network",
    "keywords": "keyword",
}


def home(name: str, item: dict[str, Any]) -> str | None:
    """The path at which the thing that an object shows has its own answer."""
    if "id" not in item:
        return None
    if name in PLACES:
        return f"/3/{PLACES[name]}/{item['id']}"
    if "release_date" in item and "title" in item:
        return f"/3/movie/{item['id']}"
    if "first_air_date" in item:
        return f"/3/tv/{item['id']}"
    if "known_for_department" in item or name == "created_by":
        return f"/3/person/{item['id']}"
    if "show_id" in item:
        number = item["episode_number"]
        return (
            f"/3/tv/{item['show_id']}/season/{item['season_number']}/episode/{number}"
        )
    return f"/3/review/{item['id']}" if "author_details" in item else None


class Endpoints(SynchronousTestCase):
    """The whole catalogue."""

    def test_every_path_of_the_data_file_has_a_route_and_no_other_path_has(self):
        self.assertEqual(set(templates()), set(ROUTES))

    def test_every_path_answers_200_for_a_valid_id(self):
        for template in templates():
            reply = ask(fill(template), query="the", external_source="imdb_id")
            wanted = (401, 3) if USERS.search(template) else (200, None)
            code = None if reply.status == 200 else reply.value["status_code"]
            self.assertEqual((reply.status, code), wanted, template)

    def test_an_id_found_in_any_answer_exists_at_its_own_path(self):
        seen: set[str] = set()
        for source, value in good_answers():
            for name, item in dicts(value):
                path = home(name, item)
                if path is not None and path not in seen:
                    seen.add(path)
                    self.assertEqual(ask(path).status, 200, f"{path} from {source}")
        self.assertGreater(len(seen), 120)

    def test_a_thing_says_the_same_about_itself_wherever_it_is_shown(self):
        same = ("title", "name", "release_date", "first_air_date", "poster_path")
        same += ("profile_path", "vote_count", "air_date", "logo_path")
        for source, value in good_answers():
            for name, item in dicts(value):
                path = home(name, item)
                if path is None:
                    continue
                own = ask(path).value
                for field in set(same) & set(item) & set(own):
                    self.assertEqual(item[field], own[field], f"{path} in {source}")

    def test_every_credit_id_leads_to_its_person(self):
        for path in ("/3/movie/155/credits", "/3/tv/1399/credits"):
            value = ask(path).value
            for row in value["cast"] + value["crew"]:
                found = ask(f"/3/credit/{row['credit_id']}").value
                self.assertEqual(found["person"]["id"], row["id"])
                self.assertEqual(found["media"]["id"], value["id"])

    def test_a_person_in_the_credits_has_the_title_among_their_own(self):
        for row in ask("/3/movie/550/credits").value["cast"]:
            own = ask(f"/3/person/{row['id']}/movie_credits").value
            self.assertIn(550, [one["id"] for one in own["cast"]])

    def test_every_season_and_episode_a_series_counts_exists(self):
        for number in WORLD.series:
            details = ask(f"/3/tv/{number}").value
            episodes = 0
            for season in details["seasons"]:
                path = f"/3/tv/{number}/season/{season['season_number']}"
                own = ask(path).value
                self.assertEqual(own["id"], season["id"])
                self.assertEqual(len(own["episodes"]), season["episode_count"])
                # the specials are counted in neither
                episodes += season["episode_count"] if season["season_number"] else 0
            self.assertEqual(details["number_of_episodes"], episodes)
            self.assertEqual(details["number_of_seasons"], len(details["seasons"]) - 1)

    def test_a_collection_and_its_parts_name_each_other(self):
        parts = ask("/3/collection/119").value["parts"]
        self.assertEqual([one["id"] for one in parts], [120, 121, 122])
        for one in parts:
            belongs = ask(f"/3/movie/{one['id']}").value["belongs_to_collection"]
            self.assertEqual(belongs["id"], 119)

    def test_there_are_hundreds_of_titles_with_their_own_words(self):
        titles = [*WORLD.movies.values(), *WORLD.series.values()]
        self.assertGreater(len(titles), 500)
        self.assertEqual(len({one["overview"] for one in titles}), len(titles))

    def test_every_title_can_be_told_whole(self):
        """Its country, language, genres, people and certificate are known."""
        for kind in ("movie", "tv"):
            for number in WORLD.titles(kind):
                appended = "credits,translations,release_dates,content_ratings,images"
                reply = ask(f"/3/{kind}/{number}", append_to_response=appended)
                self.assertEqual(reply.status, 200, number)
                self.assertIn("credits", reply.value, number)

    def test_no_imdb_id_stands_twice(self):
        rows = [*WORLD.movies.values(), *WORLD.series.values()]
        known = [one["imdb"] for one in rows]
        self.assertEqual(len(set(known)), len(known))

    def test_values_are_json(self):
        for path, value in good_answers():
            self.assertEqual(json.loads(json.dumps(value)), value, path)

    def test_ids_stay_within_32_bits(self):
        for path, value in good_answers():
            for _, item in dicts(value):
                if isinstance(item.get("id"), int):
                    self.assertLess(item["id"], 2**31, path)


class Shapes(SynchronousTestCase):
    """Field by field what TMDB sends."""

    def fields(self, value: dict[str, Any], names: str) -> None:
        self.assertEqual(set(value), set(names.split()))

    def test_movie_item(self):
        self.fields(
            ask("/3/movie/popular").value["results"][0],
            "adult backdrop_path genre_ids id original_language original_title overview"
            " popularity poster_path release_date softcore title video vote_average"
            " vote_count",
        )

    def test_tv_item_has_neither_title_nor_video(self):
        self.fields(
            ask("/3/tv/popular").value["results"][0],
            "adult backdrop_path first_air_date genre_ids id name origin_country"
            " original_language original_name overview popularity poster_path"
            " vote_average vote_count",
        )

    def test_person_item(self):
        self.fields(
            ask("/3/person/popular").value["results"][0],
            "adult gender id known_for known_for_department name original_name"
            " popularity profile_path",
        )

    def test_movie_details(self):
        self.fields(
            ask("/3/movie/550").value,
            "adult backdrop_path belongs_to_collection budget genres homepage id"
            " imdb_id origin_country original_language original_title overview"
            " popularity poster_path production_companies production_countries"
            " release_date revenue runtime softcore spoken_languages status tagline"
            " title video vote_average vote_count",
        )

    def test_tv_details(self):
        self.fields(
            ask("/3/tv/1396").value,
            "adult backdrop_path created_by episode_run_time first_air_date genres"
            " homepage id in_production languages last_air_date last_episode_to_air"
            " name networks next_episode_to_air number_of_episodes number_of_seasons"
            " origin_country original_language original_name overview popularity"
            " poster_path production_companies production_countries seasons softcore"
            " spoken_languages status tagline type vote_average vote_count",
        )

    def test_lists_that_mix_kinds_say_which(self):
        for path in (
            "/3/trending/all/week",
            "/3/movie/550/recommendations",
            "/3/tv/1396/recommendations",
        ):
            for row in ask(path).value["results"]:
                self.assertIn(row["media_type"], ("movie", "tv", "person"))
        multi = ask("/3/search/multi", query="brad pitt").value["results"]
        self.assertEqual([one["media_type"] for one in multi], ["person"])

    def test_now_playing_and_upcoming_name_their_days(self):
        for word in ("now_playing", "upcoming"):
            dates = ask(f"/3/movie/{word}").value["dates"]
            self.assertLess(dates["minimum"], dates["maximum"])

    def test_configuration_lists_are_bare_arrays(self):
        for word in ("countries", "languages", "jobs", "timezones"):
            self.assertIsInstance(ask(f"/3/configuration/{word}").value, list)

    def test_image_names_have_tmdbs_form(self):
        path = ask("/3/movie/550").value["poster_path"]
        self.assertTrue(re.fullmatch(r"/[0-9A-Za-z]{27}\.jpg", path), path)


class Pages(SynchronousTestCase):
    """The page envelope."""

    def test_twenty_per_page_and_every_title_once(self):
        count = len(WORLD.movies)
        pages = -(-count // 20)
        values = [
            ask("/3/movie/popular", page=str(page)).value
            for page in range(1, pages + 1)
        ]
        for value in values:
            told = (value["total_pages"], value["total_results"])
            self.assertEqual(told, (pages, count))
        sizes = [len(value["results"]) for value in values]
        self.assertEqual(set(sizes[:-1]), {20})
        ids = [one["id"] for value in values for one in value["results"]]
        self.assertEqual((len(ids), set(ids)), (count, set(WORLD.movies)))

    def test_a_page_beyond_the_last_is_empty_and_good(self):
        reply = ask("/3/movie/popular", page="500")
        self.assertEqual((reply.status, reply.value["results"]), (200, []))
        first = ask("/3/movie/popular").value
        self.assertEqual(reply.value["total_pages"], first["total_pages"])

    def test_pages_are_integers_from_1_to_500(self):
        for page in ("0", "501", "-1", "1.5", "x", "²"):
            reply = ask("/3/movie/popular", page=page)
            self.assertEqual((reply.status, reply.value["status_code"]), (400, 22))


class Errors(SynchronousTestCase):
    """TMDB's own codes behind TMDB's own statuses."""

    def refused(self, status: int, code: int, path: str, **params: str) -> None:
        reply = ask(path, **params)
        self.assertEqual((reply.status, reply.value["status_code"]), (status, code))
        self.assertEqual(reply.value["success"], False)
        self.assertIsNone(reply.max_age)

    def test_unknown_ids(self):
        for path in (
            "/3/movie/999999",
            "/3/tv/550/videos",
            "/3/person/999999",
            "/3/tv/1396/season/99",
            "/3/tv/1396/season/1/episode/99",
            "/3/credit/abc",
            "/3/review/abc",
            "/3/collection/1",
            "/3/trending/all/year",
        ):
            self.refused(404, 34, path)

    def test_ids_that_are_none(self):
        for path in ("/3/movie/0", "/3/movie/abc", "/3/person/abc", "/3/movie/0-x"):
            self.refused(404, 6, path)

    def test_slugs_count_by_their_digits(self):
        self.assertEqual(ask("/3/movie/550-fight-club").value["id"], 550)

    def test_unknown_paths(self):
        for path in ("/", "/3", "/4/movie/550", "/3/movie/550/nothing", "/3/x/../y"):
            self.refused(404, 34, path)

    def test_wrong_method(self):
        reply = answer(WORLD, "POST", "/3/movie/550", {})
        self.assertEqual((reply.status, reply.value["status_code"]), (405, 42))
        self.assertEqual(answer(WORLD, "POST", "/3/nothing", {}).status, 404)

    def test_a_head_is_answered_like_a_get(self):
        self.assertEqual(answer(WORLD, "HEAD", "/3/movie/550", {}).status, 200)

    def test_changes_over_14_days(self):
        self.refused(
            422,
            20,
            "/3/movie/changes",
            start_date="2026-01-01",
            end_date="2026-01-16",
        )
        good = {"start_date": "2026-01-01", "end_date": "2026-01-15"}
        self.assertEqual(ask("/3/movie/changes", **good).status, 200)
        self.assertEqual(ask("/3/tv/1396/changes", **good).status, 200)

    def test_a_bad_key_may_be_kept_for_five_minutes(self):
        reply = unauthorised()
        self.assertEqual((reply.status, reply.max_age), (401, 300))
        self.assertEqual(reply.value["status_code"], 7)


class Appending(SynchronousTestCase):
    """append_to_response."""

    def test_appended_objects_stand_under_their_literal_names_without_id(self):
        names = "credits,videos,watch/providers"
        value = ask("/3/movie/550", append_to_response=names).value
        for name in names.split(","):
            own = dict(ask(f"/3/movie/550/{name}").value)
            del own["id"]
            self.assertEqual(value[name], own)

    def test_seasons_can_be_appended(self):
        value = ask("/3/tv/1396", append_to_response="season/1,season/99").value
        self.assertEqual(len(value["season/1"]["episodes"]), 7)
        self.assertNotIn("season/99", value)

    def test_unknown_entries_are_left_out_silently(self):
        value = ask("/3/movie/550", append_to_response="nothing,../238,credits").value
        self.assertEqual(set(value) - set(ask("/3/movie/550").value), {"credits"})

    def test_twenty_are_allowed_and_one_more_is_not(self):
        self.assertEqual(
            ask("/3/movie/550", append_to_response=",".join(["credits"] * 20)).status,
            200,
        )
        reply = ask("/3/movie/550", append_to_response=",".join(["credits"] * 21))
        self.assertEqual((reply.status, reply.value["status_code"]), (400, 27))

    def test_every_appendable_path_appends(self):
        for path in (
            "/3/tv/1396",
            "/3/tv/1396/season/1",
            "/3/tv/1396/season/1/episode/1",
            "/3/person/287",
            "/3/collection/2344",
            "/3/company/10342",
            "/3/network/174",
        ):
            value = ask(path, append_to_response="images").value
            self.assertIn("images", value, path)

    def test_the_configuration_appends_bare_arrays(self):
        value = ask("/3/configuration", append_to_response="countries").value
        self.assertEqual(value["countries"], ask("/3/configuration/countries").value)
        self.assertIn("secure_base_url", value["images"])


class Searching(SynchronousTestCase):
    """search, find and discover."""

    def ids(self, path: str, **params: str) -> list[int]:
        return [one["id"] for one in ask(path, **params).value["results"]]

    def every(self, path: str, **params: str) -> set[int]:
        """The ids of all pages."""
        pages = ask(path, **params).value["total_pages"]
        return {
            one
            for page in range(1, pages + 1)
            for one in self.ids(path, page=str(page), **params)
        }

    def test_search_ignores_case_and_finds_parts_of_names(self):
        self.assertEqual(self.ids("/3/search/movie", query="FIGHT c"), [550])
        self.assertEqual(self.ids("/3/search/tv", query="breaking"), [1396])
        self.assertEqual(self.ids("/3/search/person", query="brad pitt"), [287])
        self.assertEqual(self.ids("/3/search/collection", query="matrix"), [2344])
        self.assertEqual(self.ids("/3/search/keyword", query="nihil"), [1541])
        self.assertEqual(self.ids("/3/search/company", query="ghibli"), [10342])

    def test_search_finds_translated_titles(self):
        self.assertEqual(self.ids("/3/search/movie", query="verurteilten"), [278])

    def test_search_by_year(self):
        found = self.ids("/3/search/movie", query="the", year="1972")
        self.assertEqual(found, [238])

    def test_nothing_found_is_good_and_has_one_page(self):
        value = ask("/3/search/movie", query="zzzz").value
        self.assertEqual((value["results"], value["total_pages"]), ([], 1))
        self.assertEqual(value["total_results"], 0)

    def test_a_search_without_query(self):
        for params in ({}, {"query": ""}, {"query": " "}):
            reply = ask("/3/search/multi", **params)
            self.assertEqual(reply.status, 422)
            self.assertEqual(reply.value, {"errors": ["query must be provided"]})

    def test_find_by_imdb_id(self):
        movie = ask("/3/find/tt0137523", external_source="imdb_id").value
        self.assertEqual([one["id"] for one in movie["movie_results"]], [550])
        self.assertEqual(len(movie), 5)
        series = ask("/3/find/81189", external_source="tvdb_id").value
        self.assertEqual([one["id"] for one in series["tv_results"]], [1396])
        person = ask("/3/find/nm0000093", external_source="imdb_id").value
        self.assertEqual([one["id"] for one in person["person_results"]], [287])

    def test_discover_comma_is_and_and_pipe_is_or(self):
        both = self.every("/3/discover/movie", with_genres="878,27")
        either = self.every("/3/discover/movie", with_genres="27|16")
        self.assertEqual(both, {i for i, one in GENRES.items() if {878, 27} <= one})
        self.assertEqual(either, {i for i, one in GENRES.items() if {27, 16} & one})
        self.assertIn(348, both)
        self.assertLess(len(both), len(either))

    def test_discover_by_year_people_language_and_votes(self):
        for params, fits in (
            ({"primary_release_year": "1972"}, lambda one: one["date"][:4] == "1972"),
            ({"with_original_language": "ja"}, lambda one: one.get("language") == "ja"),
            ({"with_cast": "287"}, lambda one: 287 in cast(one)),
            ({"with_crew": "7467"}, lambda one: 7467 in crew(one)),
            ({"with_people": "190"}, lambda one: 190 in {*cast(one), *crew(one)}),
            ({"vote_average.gte": "8.6"}, lambda one: one["vote"] >= 8.6),
            (
                {"vote_average.lte": "7.6", "vote_count.gte": "20000"},
                lambda one: one["vote"] <= 7.6 and one["votes"] >= 20000,
            ),
            (
                {"release_date.gte": "2010-01-01", "release_date.lte": "2014-12-31"},
                lambda one: "2010-01-01" <= one["date"] <= "2014-12-31",
            ),
        ):
            wanted = {i for i, one in WORLD.movies.items() if fits(one)}
            self.assertTrue(0 < len(wanted) < 200, params)
            self.assertEqual(self.every("/3/discover/movie", **params), wanted, params)
        found = self.every("/3/discover/tv", first_air_date_year="2019")
        self.assertIn(87108, found)

    def test_discover_sorts_in_both_directions(self):
        for kind, word, field in (
            ("movie", "popularity", "popularity"),
            ("movie", "vote_average", "vote_average"),
            ("movie", "primary_release_date", "release_date"),
            ("movie", "title", "title"),
            ("tv", "first_air_date", "first_air_date"),
            ("tv", "name", "name"),
        ):
            for direction in ("asc", "desc"):
                rows = ask(f"/3/discover/{kind}", sort_by=f"{word}.{direction}").value
                values = [one[field] for one in rows["results"]]
                self.assertEqual(values, sorted(values, reverse=direction == "desc"))

    def test_titles_come_in_the_language_asked_for(self):
        value = ask("/3/movie/278", language="de-DE").value
        self.assertEqual((value["title"], value["overview"]), ("Die Verurteilten", ""))
        self.assertEqual(value["original_title"], "The Shawshank Redemption")
