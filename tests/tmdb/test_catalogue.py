"""Only what TMDB offers leaves the house, and nothing can climb out of it."""

import re
from importlib import resources

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Query
from streamr.errors import Refusal
from streamr.simulator.tmdb import answers
from streamr.tmdb import catalogue
from tests.properties import examples

steady = examples(400)
TABLE = resources.files("streamr.tmdb") / "endpoints.txt"


def rows() -> dict[str, list[str]]:
    """The rows' words by their paths, read without the catalogue's help: name, class,
    and then what follows `takes`."""
    found: dict[str, list[str]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("/"):
            path, *words = line.split()
            found[path], taking = words, False
        elif line.strip() and not line.startswith("#"):
            taking = line.startswith("  takes") or (taking and line.startswith("    "))
            found[path] += line.removeprefix("  takes").split() if taking else []
    return found


ROWS = rows()
TEMPLATES = list(ROWS)
EXTRA = "/movie/{movie_id}/new_thing"
CATALOGUE = catalogue.load([EXTRA])
_USERS = re.compile(r"/(account|guest_session)(/|$)|/authentication/|account_states$")
USERS = [template for template in TEMPLATES if _USERS.search(template)]
OPEN = [template for template in TEMPLATES if template not in USERS]
FORBIDDEN = re.compile(r"/\.{1,2}(/|$)|%|\\|//|@|\?|#|[\x00-\x20\x7f-\U0010ffff]")

# Paths that look right, with something in them that may not be.
evil = st.sampled_from(
    ["..", ".", "%2e%2e", "%2f", "\\", "//", "@", "?", "#", "\n", "\0", "é", "", ";"]
)
segments = st.sampled_from(["movie", "550", "tv", "credits", "season", "1"]) | evil
paths = st.builds(lambda parts: "/" + "/".join(parts), st.lists(segments, max_size=7))
values = st.text(max_size=12) | evil


def filled(template: str, value: str = "550") -> str:
    template = template.replace("{time_window}", "week")
    return re.sub(r"\{\w+\}", lambda _: value, template)


def spelt(template: str) -> re.Pattern[str]:
    """A pattern made without the catalogue's help."""
    return re.compile(re.sub(r"\\\{\w+\\\}", r"[\\w.~-]+", re.escape(template)))


# What TMDB cannot answer without.
NEEDED = [("query", "alien"), ("external_source", "imdb_id")]
TRENDS = [(k, w) for k in ("all", "movie", "person", "tv") for w in ("day", "week")]
NUMBERS = ("series_id", "season_number", "episode_number")
SPELT = [spelt(template) for template in [*TEMPLATES, EXTRA]]


class Everything(SynchronousTestCase):
    """The table, row by row."""

    def test_every_line_is_answered_by_its_own_template(self):
        for template in OPEN:
            for value in ("550", "550-fight-club", "tt0137523", "US", "5.1_a~b"):
                query = CATALOGUE.query(filled(template, value), NEEDED)
                self.assertEqual(query.template, template)
                self.assertEqual(query.path, filled(template, value))

    def test_every_line_keeps_each_of_its_parameters(self):
        samples = {"page": "2", "language": "de", "append_to_response": "images"}
        samples |= dict.fromkeys(
            ("region", "watch_region", "certification_country"), "DE"
        )
        for template, (_, _, *words) in ROWS.items():
            names = [re.split(r"[*=]", word)[0] for word in words]
            if template in USERS:
                continue
            pairs = [(name, samples.get(name, "x")) for name in names]
            query = CATALOGUE.query(filled(template), pairs)
            self.assertEqual(query.parameters, tuple(pairs), template)

    def test_some_take_more_than_the_documentation_says(self):
        appended = ("append_to_response", "images")
        for path, pair in (
            *((f"/trending/{kind}/{window}", ("page", "2")) for kind, window in TRENDS),
            ("/collection/10", appended),
            ("/company/3", appended),
            ("/configuration", appended),
            ("/network/49", appended),
            ("/movie/550/videos", ("include_video_language", "de")),
        ):
            self.assertEqual(CATALOGUE.query(path, [pair]).parameters, (pair,), path)

    def test_a_trend_is_of_the_day_or_the_week(self):
        for kind, window in TRENDS:
            path = f"/trending/{kind}/{window}"
            query = CATALOGUE.query(path, [])
            self.assertEqual(query.template, f"/trending/{kind}/{{time_window}}")
            for other in ("month", "days", "dayweek", "d", "550"):
                path = f"/trending/{kind}/{other}"
                self.assertRaises(Refusal, CATALOGUE.query, path, [])

    def test_every_line_knows_what_tmdb_fills_in_itself(self):
        """Where nothing is sent, the key of the store is that of what TMDB fills in."""
        for template, (_, _, *words) in ROWS.items():
            if template in USERS:
                continue
            written = [word.split("=", 1) for word in words if "=" in word]
            expected = {tuple(pair) for pair in written}
            query = CATALOGUE.query(filled(template), NEEDED)
            self.assertEqual(set(query.defaults), expected, template)
        defaults = CATALOGUE.query("/movie/popular", []).defaults
        self.assertEqual(set(defaults), {("language", "en-US"), ("page", "1")})

    def test_a_template_names_the_values_in_its_path(self):
        for path, names in (
            ("/movie/550", ("movie_id",)),
            ("/tv/1/season/2/episode/3", NUMBERS),
            ("/configuration", ()),
        ):
            self.assertEqual(CATALOGUE.match(path).placeholders, names, path)

    def test_every_line_keeps_tmdbs_name_for_it(self):
        names = {path: name.strip("-") for path, (name, *_) in ROWS.items()}
        found = {each.template: each.name for each in CATALOGUE.endpoints}
        self.assertEqual(found, {**names, EXTRA: ""})

    def test_a_literal_wins_over_a_placeholder(self):
        for path in ("/movie/popular", "/movie/latest", "/tv/on_the_air"):
            self.assertEqual(CATALOGUE.query(path, []).template, path)

    def test_none_of_tmdbs_135_is_lost_and_each_stands_once(self):
        lines = TABLE.read_text(encoding="utf-8").splitlines()
        paths = [line.split()[0] for line in lines if line.startswith("/")]
        self.assertGreaterEqual(len(paths), 135)
        self.assertEqual(len(paths), len(set(paths)))

    def test_the_simulator_answers_the_same_endpoints(self):
        wanted = {each.template for each in CATALOGUE.endpoints if each.in_demo}
        missing = {f"/3{each}" for each in wanted & set(OPEN)} - set(answers.ROUTES)
        self.assertEqual(missing, set())
        self.assertEqual(set(answers.ROUTES) - {f"/3{t}" for t in TEMPLATES}, set())


class ForAUser(SynchronousTestCase):
    """streamr does not act for a TMDB user."""

    def refused(self, path: str, pairs: list[tuple[str, str]]) -> None:
        with self.assertRaises(Refusal, msg=path) as caught:
            CATALOGUE.query(path, pairs)
        self.assertEqual((caught.exception.status, caught.exception.code), (403, 38))
        self.assertIn("does not act for a TMDB user", caught.exception.message)

    def test_every_endpoint_for_a_user_is_refused_with_a_sentence(self):
        self.assertEqual(len(USERS), 18)
        for template in USERS:
            self.refused(filled(template), [])

    def test_paths_that_only_begin_like_theirs_are_not_there(self):
        for path in ("/accounts/1", "/authenticate", "/guest_sessions/1/rated/movies"):
            with self.assertRaises(Refusal, msg=path) as caught:
                CATALOGUE.query(path, [])
            self.assertEqual(caught.exception.status, 404, path)

    def test_below_them_everything_is_refused(self):
        for path in ("/account", "/account/1/x/y/z", "/guest_session/x"):
            self.refused(path, [])

    def test_a_session_is_dropped_and_told_on_any_endpoint(self):
        for name in ("session_id", "guest_session_id", "request_token"):
            query = CATALOGUE.query("/movie/550", [(name, "x")])
            self.assertEqual((query.parameters, query.dropped), ((), (name,)))

    def test_the_test_of_a_key_names_no_user(self):
        query = CATALOGUE.query("/authentication", [])
        self.assertEqual((query.path, query.freshness), ("/authentication", None))
        self.refused("/authentication/token/new", [])

    def test_an_appended_account_state_is_left_out_as_tmdb_does(self):
        pairs = [("append_to_response", "account_states,credits")]
        query = CATALOGUE.query("/movie/550", pairs)
        self.assertEqual(query.parameters, (("append_to_response", "credits"),))
        pairs = [("append_to_response", "account_states")]
        self.assertEqual(CATALOGUE.query("/movie/550", pairs).parameters, ())

    def test_an_extra_template_opens_no_door_to_them(self):
        opened = catalogue.load(["/account/{account_id}/new_thing"])
        self.assertRaises(Refusal, opened.query, "/account/1/new_thing", [])


class Parameters(SynchronousTestCase):
    """What goes with a path."""

    def test_what_tmdb_could_know_is_handed_on_documented_or_not(self):
        for path, pairs in (
            (
                "/discover/tv",
                [("certification", "16"), ("certification_country", "DE")],
            ),
            ("/search/multi", [("query", "x"), ("region", "DE")]),
            ("/trending/all/day", [("region", "DE")]),
            ("/discover/tv", [("with_cast", "287"), ("with_people", "287")]),
            ("/movie/550", [("include_image_language", "en,null")]),
            ("/movie/1/new_thing", [("a", "1")]),
        ):
            query = CATALOGUE.query(path, pairs)
            self.assertEqual(query.parameters, tuple(pairs), path)
            self.assertEqual(query.dropped, (), path)

    def test_what_is_dropped_is_told_once_and_nothing_else_is(self):
        pairs = [
            *[("_", "1"), ("language", "de"), ("callback", "alert(1)"), ("_", "2")],
            *[("api_key", "0" * 32), ("a[]", "1")],
        ]
        query = CATALOGUE.query("/movie/550", pairs)
        self.assertEqual(query.parameters, (("language", "de"),))
        self.assertEqual(query.dropped, ("_", "callback", "api_key", "a[]"))

    def test_twenty_unknown_ones_may_go_and_not_twenty_one(self):
        pairs = [(f"x{number}", "1") for number in range(20)]
        known = [("language", "de"), ("append_to_response", "images")]
        of_a_part = ("include_image_language", "en")
        query = CATALOGUE.query("/movie/550", [*pairs, *known, of_a_part])
        self.assertEqual(len(query.parameters), 23)
        with self.assertRaises(Refusal) as caught:
            CATALOGUE.query("/movie/550", [*pairs, *known, ("one_more", "1")])
        self.assertEqual(caught.exception.status, 400)
        for word in ("one_more", "20"):
            self.assertIn(word, caught.exception.message)

    def test_an_unknown_one_has_the_bounds_of_all(self):
        for value in ("x" * 1001, "a\x00b"):
            with self.assertRaises(Refusal) as caught:
                CATALOGUE.query("/movie/550", [("unknown", value)])
            self.assertIn("unknown", caught.exception.message)

    def test_the_parts_that_an_answer_has_to_hold_are_those_that_tmdb_has(self):
        for path, appended, parts in (
            (
                "/movie/550",
                "credits,nothing,watch/providers",
                ("credits", "watch/providers"),
            ),
            ("/tv/1", "season/1,aggregate_credits,season/2", ("aggregate_credits",)),
            ("/movie/550", "account_states", ()),
            ("/movie/popular", "credits", ()),
            ("/movie/550", "", ()),
        ):
            query = CATALOGUE.query(path, [("append_to_response", appended)])
            self.assertEqual(query.appended, parts, (path, appended))

    def test_a_value_in_a_path_may_hold_what_a_url_encodes(self):
        for value in ("550-am%C3%A9lie", "a%20b", "100%24", "a%3Fb"):
            self.assertEqual(CATALOGUE.query(f"/movie/{value}", []).path[7:], value)
        for value in ("a%2Fb", "%2E%2E", "a%5Cb", "a%00b", "a%0Ab", "a%25b", "a%7F"):
            self.assertRaises(Refusal, CATALOGUE.query, f"/movie/{value}", [])

    def test_a_value_in_a_path_has_a_hundred_characters_at_most(self):
        path = f"/movie/{'5' * 100}"
        self.assertEqual(CATALOGUE.query(path, []).path, path)
        self.assertRaises(Refusal, CATALOGUE.query, f"{path}5", [])

    def test_a_bad_value_is_refused_before_anything_leaves(self):
        with self.assertRaises(Refusal) as caught:
            CATALOGUE.query("/movie/popular", [("page", "501")])
        self.assertEqual((caught.exception.status, caught.exception.code), (400, 22))

    @steady
    @given(
        st.sampled_from([*OPEN, EXTRA]),
        st.lists(st.tuples(st.sampled_from(["api_key", "x"]), st.text(max_size=9))),
    )
    @example(EXTRA, [("api_key", "stranger")])
    def test_a_callers_key_is_never_kept(self, template, pairs):
        try:
            query = CATALOGUE.query(filled(template), pairs)
        except Refusal:
            return
        self.assertNotIn("api_key", dict(query.parameters))

    def test_a_callers_key_is_not_kept_in_other_letters_either(self):
        for name in ("API_KEY", "Api_Key"):
            query = CATALOGUE.query("/movie/1/new_thing", [(name, "stranger")])
            self.assertEqual(query.parameters, ())


class Needed(SynchronousTestCase):
    """What TMDB cannot answer without is asked for here."""

    def refused(self, path: str, *pairs: tuple[str, str]) -> str:
        with self.assertRaises(Refusal) as caught:
            CATALOGUE.query(path, pairs)
        self.assertEqual(caught.exception.status, 400)
        return caught.exception.message

    def test_a_search_without_words_is_refused_by_name(self):
        for pairs in ((), (("query", ""),), (("query", " "),), (("page", "2"),)):
            self.assertIn("query is missing", self.refused("/search/movie", *pairs))

    def test_every_search_asks_for_words_and_nothing_else_does(self):
        asking = {
            each.template: each.required
            for each in CATALOGUE.endpoints
            if each.required and each.template in OPEN
        }
        kinds = ("collection", "company", "keyword", "movie", "multi", "person", "tv")
        searches = {f"/search/{kind}": {"query"} for kind in kinds}
        self.assertEqual(
            asking, {**searches, "/find/{external_id}": {"external_source"}}
        )
        for path in searches:
            self.assertIn("query is missing", self.refused(path))
            found = CATALOGUE.query(path, [("query", "alien")])
            self.assertEqual(found.parameters, (("query", "alien"),), path)

    def test_so_is_an_id_without_its_source(self):
        message = self.refused("/find/tt0137523")
        self.assertIn("external_source is missing", message)


class Unknown(SynchronousTestCase):
    """A path that no row has."""

    def test_it_is_told_apart_from_an_unknown_title(self):
        with self.assertRaises(Refusal) as caught:
            CATALOGUE.query("/movie/550/nonsense", [])
        self.assertEqual((caught.exception.status, caught.exception.code), (404, 34))
        for word in ("does not know this path", "/docs", "STREAMR_EXTRA_PATHS"):
            self.assertIn(word, caught.exception.message)

    def test_a_template_that_is_there_already_is_named(self):
        for template, known in (
            ("/movie/{movie_id}", "/movie/{movie_id}"),
            ("/movie/{id}/credits", "/movie/{movie_id}/credits"),
            ("/movie/popular", "/movie/popular"),
        ):
            self.assertIn(known, catalogue.template_problem(template) or "", template)
        for template in ("/movie/{movie_id}/new_thing", "/new/thing"):
            self.assertIsNone(catalogue.template_problem(template))


class Legacy(SynchronousTestCase):
    """Paths that old clients ask for, and that TMDB answers undocumented."""

    def test_they_are_there_and_have_no_page_of_tmdbs(self):
        for path in (
            *("/movie/550/casts", "/movie/550/releases", "/movie/550/trailers"),
            *("/movie/550/similar_movies", "/genre/list", "/genre/18/movies"),
            *("/company/1/movies", "/person/1/credits", "/job/list"),
            "/timezones/list",
        ):
            self.assertEqual(CATALOGUE.match(path).name, "", path)


class Rows(SynchronousTestCase):
    """What a row may say."""

    def test_a_class_that_there_is_not_is_named_with_its_path(self):
        with self.assertRaises(KeyError) as caught:
            catalogue.read_row(["/x x-name detail"])
        self.assertIn("/x", str(caught.exception))

    def test_a_word_that_no_row_has_is_named_with_its_path(self):
        with self.assertRaises(ValueError) as caught:
            catalogue.read_row(["/x x-name details", "  hold id"])
        self.assertIn("/x", str(caught.exception))
        self.assertIn("hold", str(caught.exception))

    def test_a_row_says_what_answers_are_and_whether_the_demo_has_them(self):
        by_path = {each.template: each for each in catalogue.shipped()}
        jobs, popular = by_path["/configuration/jobs"], by_path["/movie/popular"]
        self.assertEqual(
            (jobs.expected.array, jobs.expected.page, jobs.in_demo), (True, False, True)
        )
        self.assertEqual((popular.expected.page, popular.expected.keys), (True, ()))
        self.assertEqual(by_path["/movie/{movie_id}"].expected.keys, ("id", "title"))


class Climbing(SynchronousTestCase):
    """A path is a template's, or it is refused."""

    def safe_or_refused(self, path: str) -> None:
        try:
            query = CATALOGUE.query(path, NEEDED)
        except Refusal as refusal:
            self.assertIn(refusal.status, (403, 404))
            return
        self.assertIsInstance(query, Query)
        self.assertEqual(query.path, path)
        self.assertIsNone(FORBIDDEN.search(query.path))
        self.assertTrue(any(each.fullmatch(query.path) for each in SPELT))
        parts = zip(query.path.split("/"), query.template.split("/"), strict=True)
        for part, name in parts:
            self.assertTrue(name.startswith("{") or part == name, query)

    @steady
    @given(st.text() | paths)
    def test_no_text_climbs(self, path):
        self.safe_or_refused(path)

    @steady
    @given(st.sampled_from([*OPEN, EXTRA]), values, values)
    @example("/movie/{movie_id}", "..", "")
    @example("/movie/{movie_id}", "550\n", "")
    @example("/movie/{movie_id}", "550/../../4/account", "")
    def test_no_value_climbs(self, template, value, behind):
        self.safe_or_refused(filled(template, value) + behind)

    def test_two_dots_in_a_row_never_leave(self):
        for value in ("..550", "550..", "5..0", "..."):
            self.assertRaises(Refusal, CATALOGUE.query, f"/movie/{value}", [])

    def test_the_known_tricks_are_refused(self):
        for path in (
            "",
            "/",
            "movie/550",
            "/movie/..",
            "/movie/.",
            "/movie/../4/account",
            "/movie/%2e%2e/x",
            "/movie/550%2fcredits",
            "/movie/550/credits?x=",
            "/movie/550#x",
            "/movie\\550",
            "//movie/550",
            "/movie//550",
            "/movie/550/",
            "/movie/a@b",
            "/movie/550\n",
            "/movie/" + "5" * 101,
            "/4/list/1",
            "/MOVIE/550",
        ):
            with self.assertRaises(Refusal, msg=path) as caught:
                CATALOGUE.query(path, [])
            self.assertEqual(
                (caught.exception.status, caught.exception.code), (404, 34)
            )

    def test_templates_of_the_settings_are_checked(self):
        for good in ("/movie/{movie_id}/new_thing", "/new", "/tv/{id}/a1/b_c"):
            self.assertIsNone(catalogue.template_problem(good), good)
        for bad in ("new", "/{id}", "/../x", "/movie/{id", "/Movie", "/a//b", "/a?b"):
            self.assertIn("/movie/{movie_id}", catalogue.template_problem(bad) or "")
