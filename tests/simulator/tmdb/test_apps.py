"""What public apps ask of TMDB, path by path, and the shape in which they read it."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.tmdb.answers import TMDBReply, answer
from streamr.simulator.tmdb.world import load

WORLD = load()
# The shelves of studios and networks that Seerr and its like open with.
STUDIOS = (1, 2, 3, 4, 5, 12, 14, 21, 25, 33, 34, 174, 420, 521, 923, 6125, 6704, 7505)
STUDIOS += (9993, 10342, 41077, 127928)
NETWORKS = (1, 2, 4, 6, 13, 16, 19, 49, 56, 67, 71, 80, 88, 174, 213, 318, 359, 453)
NETWORKS += (1024, 1112, 2552, 2739, 3186, 3353, 4330, 4353)
KEYWORDS = (378, 818, 1701, 1721, 4344, 9663, 9715, 9717, 12377, 180547, 207317, 210024)
PAGE = {"page", "results", "total_pages", "total_results"}


def ask(path: str, **params: str) -> TMDBReply:
    """A GET with a good key."""
    return answer(WORLD, "GET", path, params)


class Answers(SynchronousTestCase):
    """Each is a 200 with something to show."""

    def good(self, path: str, **params: str) -> Any:
        reply = ask(path, **params)
        self.assertEqual(reply.status, 200, (path, reply.value))
        return reply.value

    def test_the_studios_and_networks_that_apps_open_with_are_there(self):
        for number in STUDIOS:
            value = self.good(f"/3/company/{number}")
            self.assertEqual((value["id"], value["name"] > ""), (number, True))
            self.good(f"/3/company/{number}/images")
        for number in NETWORKS:
            value = self.good(f"/3/network/{number}")
            self.assertEqual((value["id"], value["name"] > ""), (number, True))
            self.good(f"/3/network/{number}/images")

    def test_their_shelves_hold_titles(self):
        for number in (2, 3, 420, 521, 174, 5, 10342, 41077):
            path, by = "/3/discover/movie", {"with_companies": str(number)}
            self.assertGreater(len(self.good(path, **by)["results"]), 1, number)
            rows = self.good(f"/3/company/{number}/movies")
            self.assertEqual(rows["id"], number)
            wanted = {number} & {
                one["id"]
                for row in rows["results"]
                for one in self.good(f"/3/movie/{row['id']}")["production_companies"]
            }
            self.assertEqual(wanted, {number})

    def test_the_keywords_that_apps_filter_by_are_there_and_find_titles(self):
        for number in KEYWORDS:
            self.assertEqual(self.good(f"/3/keyword/{number}")["id"], number)
            self.good(f"/3/keyword/{number}/movies")
        anime = self.good("/3/discover/tv", with_keywords="210024")["results"]
        self.assertIn("Death Note", [one["name"] for one in anime])

    def test_public_lists_by_number_and_by_the_old_hexadecimal_ids(self):
        for name in ("1", "28", "634", "8252655", "5408fb3d0e0a263a130008d4"):
            value = self.good(f"/3/list/{name}")
            wanted = int(name) if name.isdigit() else name
            self.assertEqual(value["id"], wanted)
            self.assertGreater(len(value["items"]), 1)
            first = next(one for one in value["items"] if one["media_type"] == "movie")
            status = f"/3/list/{name}/item_status"
            held = self.good(status, movie_id=str(first["id"]))
            self.assertEqual(held, {"id": wanted, "item_present": True})
            self.assertFalse(self.good(status, movie_id="9")["item_present"])

    def test_a_list_is_the_same_each_time_and_no_two_are_alike(self):
        once = self.good("/3/list/8252655")
        self.assertEqual(once, self.good("/3/list/8252655"))
        self.assertNotEqual(once["items"], self.good("/3/list/8252656")["items"])

    def test_every_list_that_is_said_to_hold_a_title_holds_it(self):
        for path, media in (("/3/movie/550", 550), ("/3/movie/13", 13)):
            rows = self.good(f"{path}/lists")["results"]
            self.assertGreater(len(rows), 0)
            for row in rows:
                asked = {"movie_id": str(media)}
                held = self.good(f"/3/list/{row['id']}/item_status", **asked)
                self.assertTrue(held["item_present"], row)
                whole = self.good(f"/3/list/{row['id']}")
                for field in ("name", "description", "item_count"):
                    self.assertEqual(whole[field], row[field])

    def test_a_list_that_no_public_one_can_be_is_unknown(self):
        for name in ("9999999999", "abc"):
            self.assertEqual(ask(f"/3/list/{name}").status, 404, name)

    def test_every_series_has_specials_as_season_0(self):
        for number, own in WORLD.series.items():
            details = self.good(f"/3/tv/{number}")
            special = details["seasons"][0]
            self.assertEqual(
                (special["season_number"], special["name"]), (0, "Specials")
            )
            self.assertEqual(details["number_of_seasons"], len(details["seasons"]) - 1)
            whole = self.good(f"/3/tv/{number}/season/0")
            self.assertEqual(whole["id"], special["id"])
            self.assertEqual(len(whole["episodes"]), special["episode_count"])
            first = self.good(f"/3/tv/{number}/season/0/episode/1")
            self.assertEqual(first["name"], whole["episodes"][0]["name"])
            self.assertEqual(details["first_air_date"], own["seasons"][0]["air_date"])

    def test_specials_can_be_appended_and_looked_into(self):
        value = self.good("/3/tv/1396", append_to_response="season/0,season/1")
        self.assertEqual(value["season/0"]["season_number"], 0)
        self.assertEqual(len(value["season/1"]["episodes"]), 7)
        for part in ("credits", "images", "videos", "external_ids", "translations"):
            self.good(f"/3/tv/1396/season/0/{part}")
            self.good(f"/3/tv/1396/season/0/episode/1/{part}")

    def test_a_movie_is_found_by_its_imdb_id_with_all_that_hangs_below(self):
        self.assertEqual(self.good("/3/movie/tt0137523"), self.good("/3/movie/550"))
        for part in ("credits", "images", "videos", "release_dates", "casts"):
            value = self.good(f"/3/movie/tt0137523/{part}")
            self.assertEqual(value, self.good(f"/3/movie/550/{part}"))
        value = self.good("/3/movie/tt0137523", append_to_response="videos,credits")
        self.assertEqual(len(value["videos"]["results"]), 2)

    def test_an_unknown_imdb_id_is_not_found_and_a_series_has_none(self):
        for path, code in (
            ("/3/movie/tt9999999", 34),
            ("/3/movie/tt", 6),
            ("/3/tv/tt0903747", 6),
            ("/3/person/nm0000093", 6),
        ):
            reply = ask(path)
            self.assertEqual((reply.status, reply.value["status_code"]), (404, code))

    def test_the_ids_of_tmdbs_own_examples_are_there(self):
        """Clients' tests and tutorials ask for what the reference shows."""
        group = self.good("/3/tv/episode_group/5acf93e60e0a26346d0000ce")
        self.assertEqual(group["id"], "5acf93e60e0a26346d0000ce")
        self.assertEqual(group["network"]["id"], 213)
        part = self.good("/3/credit/52542282760ee313280017f9")
        self.assertEqual((part["person"]["id"], part["media"]["id"]), (17419, 1396))
        cast = self.good("/3/tv/1396/credits")["cast"]
        self.assertIn("52542282760ee313280017f9", [one["credit_id"] for one in cast])
        review = self.good("/3/review/5488c29bc3a3686f4a00004a")
        self.assertEqual(review["media_title"], "Guardians of the Galaxy")
        rows = self.good("/3/movie/118340/reviews")["results"]
        self.assertEqual([one["id"] for one in rows], ["5488c29bc3a3686f4a00004a"])

    def test_episode_groups_lead_to_their_episodes(self):
        for number in WORLD.series:
            for brief in self.good(f"/3/tv/{number}/episode_groups")["results"]:
                whole = self.good(f"/3/tv/episode_group/{brief['id']}")
                self.assertEqual(len(whole["groups"]), brief["group_count"])
                count = sum(len(one["episodes"]) for one in whole["groups"])
                self.assertEqual(count, brief["episode_count"])


class Legacy(SynchronousTestCase):
    """Paths that TMDB documents no more and still answers, in their old shapes."""

    def test_the_tutorials_request_finds_cast_trailer_and_certificate(self):
        parts = "casts,trailers,releases,videos,images"
        value = ask("/3/movie/550", append_to_response=parts).value
        self.assertEqual(
            value["casts"]["cast"], ask("/3/movie/550/credits").value["cast"]
        )
        self.assertEqual(value["trailers"]["quicktime"], [])
        video = value["videos"]["results"][0]
        self.assertEqual(
            value["trailers"]["youtube"][0],
            {
                "name": video["name"],
                "size": "HD",
                "source": video["key"],
                "type": "Trailer",
            },
        )
        (us,) = [
            one for one in value["releases"]["countries"] if one["iso_3166_1"] == "US"
        ]
        self.assertEqual(
            us,
            {
                "certification": "R",
                "iso_3166_1": "US",
                "primary": True,
                "release_date": "1999-10-15",
            },
        )

    def test_lists_of_movies_have_the_id_of_what_they_belong_to(self):
        for path, number in (
            ("/3/genre/18/movies", 18),
            ("/3/company/508/movies", 508),
            ("/3/keyword/825/movies", 825),
        ):
            value = ask(path).value
            self.assertEqual(set(value), PAGE | {"id"}, path)
            self.assertEqual(value["id"], number)
            self.assertIn(550, every(path))
        self.assertEqual(ask("/3/genre/1/movies").status, 404)

    def test_a_genre_of_movies_holds_what_discover_finds(self):
        self.assertEqual(
            every("/3/genre/27/movies"), every("/3/discover/movie", with_genres="27")
        )

    def test_older_names_of_what_is_there(self):
        for old, new in (
            ("/3/movie/550/casts", "/3/movie/550/credits"),
            ("/3/movie/550/similar_movies", "/3/movie/550/similar"),
            ("/3/person/287/credits", "/3/person/287/movie_credits"),
            ("/3/genre/list", "/3/genre/movie/list"),
        ):
            self.assertEqual(ask(old).value, ask(new).value, old)

    def test_jobs_and_timezones_in_their_old_shapes(self):
        jobs = ask("/3/job/list").value["jobs"]
        self.assertEqual(set(jobs[0]), {"department", "job_list"})
        zones = ask("/3/timezones/list").value
        self.assertIn({"DE": ["Europe/Berlin"]}, zones)


def every(path: str, **params: str) -> set[int]:
    """The ids on all pages."""
    ids: set[int] = set()
    for page in range(1, 500):
        rows = ask(path, page=str(page), **params).value["results"]
        if not rows:
            return ids
        ids |= {one["id"] for one in rows}
    return ids
