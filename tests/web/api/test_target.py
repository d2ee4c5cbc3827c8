"""Request targets: each row of the endpoints' tables, and what is refused."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.boundaries import Query
from streamr.errors import Refusal
from streamr.tmdb import catalogue
from streamr.tmdb.target import split
from streamr.web.api.target import main_query, proxy_query
from tests.properties import examples
from tests.tmdb.test_shortcuts import PATHS

steady = examples(300)
CATALOGUE = catalogue.load()
MAIN, PROXY = main_query(CATALOGUE), proxy_query(CATALOGUE)
DEFAULTS = {"language": "en-US", "page": "1"}

ONLY_MAIN = {name: PATHS[name] for name in ("upcoming", "now-playing", "discover")}
COMMON = {name: paths for name, paths in PATHS.items() if name not in ONLY_MAIN}


def main(target: str) -> Query:
    return MAIN(*split(target.encode()))


def proxy(target: str) -> Query:
    return PROXY(*split(target.encode()))


class Shortcuts(SynchronousTestCase):
    """The paths of our own."""

    def test_main_maps_each_media_type_to_its_path(self):
        for name, paths in (COMMON | ONLY_MAIN).items():
            for kind, path in paths.items():
                query = main(f"/api/tmdb/{name}?media_type={kind}")
                self.assertEqual(query.path, path)
                self.assertNotIn("media_type", dict(query.parameters))

    def test_the_proxy_maps_each_media_type_of_its_three(self):
        for name, paths in COMMON.items():
            for kind, path in paths.items():
                self.assertEqual(proxy(f"/{name}?media_type={kind}").path, path)

    def test_the_first_media_type_is_the_default(self):
        for name, paths in (COMMON | ONLY_MAIN).items():
            default = next(iter(paths.values()))
            for query in ("", "?", "?media_type="):
                self.assertEqual(main(f"/api/tmdb/{name}{query}").path, default)
        for name, paths in COMMON.items():
            self.assertEqual(proxy(f"/{name}").path, next(iter(paths.values())))

    def test_language_and_page_have_defaults(self):
        for name in COMMON | ONLY_MAIN:
            for given_ in ("", "?page=&language="):
                query = main(f"/api/tmdb/{name}{given_}")
                self.assertEqual(dict(query.parameters), DEFAULTS, name)

    def test_language_and_page_are_handed_on(self):
        query = main("/api/tmdb/popular?page=7&language=de-DE")
        self.assertEqual(dict(query.parameters), {"page": "7", "language": "de-DE"})

    def test_the_same_request_is_the_same_query_with_or_without_defaults(self):
        self.assertEqual(
            sorted(main("/api/tmdb/popular").parameters),
            sorted(main("/api/tmdb/popular?page=1&language=en-US").parameters),
        )

    def test_a_region_goes_where_tmdb_takes_one(self):
        for name in ("popular", "upcoming", "now-playing"):
            query = main(f"/api/tmdb/{name}?region=DE")
            self.assertEqual(dict(query.parameters).get("region"), "DE", name)

    def test_a_trend_can_be_of_the_day(self):
        for ask in (lambda t: main(f"/api/tmdb{t}"), proxy):
            self.assertEqual(
                ask("/trending?media_type=tv&time_window=day").path, "/trending/tv/day"
            )

    def test_discover_hands_all_its_filters_on(self):
        query = main(
            "/api/tmdb/discover?media_type=tv&with_genres=18%2C35"
            "&vote_average.gte=7&sort_by=popularity.desc"
        )
        for name, value in (
            ("with_genres", "18,35"),
            ("vote_average.gte", "7"),
            ("sort_by", "popularity.desc"),
        ):
            self.assertEqual(dict(query.parameters).get(name), value)

    def test_words_outside_the_enumerations_are_refused(self):
        for target, allowed in (
            ("/trending?media_type=book", "all, movie, tv, person"),
            ("/trending?time_window=month", "week, day"),
            ("/popular?media_type=all", "movie, tv, person"),
            ("/top-rated?media_type=person", "movie, tv"),
            ("/upcoming?media_type=person", "movie, tv"),
            ("/discover?media_type=MOVIE", "movie, tv"),
        ):
            refusal = self.refused(main, f"/api/tmdb{target}", 400)
            self.assertIn(allowed, refusal.message)
            self.assertIn(target.partition("?")[2].partition("=")[0], refusal.message)

    def test_what_tmdb_could_know_is_handed_on_for_every_media_type(self):
        for kind in ("movie", "tv", "person"):
            query = main(f"/api/tmdb/popular?media_type={kind}&region=DE&x=1&_=7")
            expected = {**DEFAULTS, "region": "DE", "x": "1"}
            self.assertEqual(dict(query.parameters), expected, kind)
            self.assertEqual(query.dropped, ("_",))

    def test_two_media_types_are_refused_like_two_of_anything(self):
        for more in (
            "media_type=movie&media_type=tv",
            "time_window=day&time_window=week",
        ):
            self.refused(main, f"/api/tmdb/trending?{more}", 400)

    def test_an_empty_repetition_does_not_undo_a_media_type(self):
        query = main("/api/tmdb/popular?media_type=tv&media_type=")
        self.assertEqual(query.path, "/tv/popular")

    def refused(self, ask, target: str, status: int) -> Refusal:
        with self.assertRaises(Refusal, msg=target) as caught:
            ask(target)
        self.assertEqual(caught.exception.status, status, target)
        return caught.exception

    def test_the_old_injection_by_media_type_is_refused(self):
        for value in (
            "movie/550/credits?x=",
            "movie%2F550%2Fcredits%3Fx%3D",
            "../4/account",
            "movie%00",
            "movie%0a",
        ):
            self.refused(main, f"/api/tmdb/popular?media_type={value}", 400)
            self.refused(proxy, f"/popular?media_type={value}", 400)

    def test_a_bad_page_is_tmdbs_code_22(self):
        for page in ("0", "501", "x", "1.5"):
            refusal = self.refused(main, f"/api/tmdb/popular?page={page}", 400)
            self.assertEqual(int(refusal.code), 22)


class Passing(SynchronousTestCase):
    """TMDB's own paths below each base."""

    bases = (
        (main, "/api/tmdb"),
        (main, "/api/tmdb/3"),
        (main, "/api/tmdb/proxy"),
        (main, "/api/tmdb/proxy/3"),
        (main, "/3"),
        (proxy, "/api"),
        (proxy, "/api/3"),
        (proxy, "/3"),
    )

    def test_a_client_only_changes_its_base_url(self):
        for ask, base in self.bases:
            self.assertEqual(
                ask(f"{base}/movie/550/credits?language=de&api_key=0000"),
                Query(
                    "/movie/550/credits",
                    (("language", "de"),),
                    "/movie/{movie_id}/credits",
                ),
            )

    def test_nothing_is_added_to_tmdbs_own_paths(self):
        for ask, base in self.bases:
            self.assertEqual(ask(f"{base}/tv/popular").parameters, (), base)

    def test_a_slash_at_the_end_is_forgiven(self):
        for ask, base in self.bases:
            self.assertEqual(ask(f"{base}/movie/550/").path, "/movie/550")

    def test_so_are_two_slashes_and_needless_encoding(self):
        for ask, base in self.bases:
            for path in (
                "//movie/550",
                "/movie//550//",
                "/movie/%35%350",
                "/%6Dovie/550",
            ):
                self.assertEqual(ask(f"{base}{path}").path, "/movie/550", base + path)

    def test_what_a_query_encodes_is_decoded_once(self):
        query = main("/3/search/movie?query=am%C3%A9lie+%26+co%2520")
        self.assertEqual(dict(query.parameters)["query"], "amélie & co%20")

    def test_what_acts_for_a_user_is_refused_below_every_base(self):
        for ask, base in self.bases:
            for path in ("/account/1", "/movie/550/account_states", "//account/1"):
                with self.assertRaises(Refusal, msg=base) as caught:
                    ask(f"{base}{path}")
                self.assertEqual(caught.exception.status, 403)

    def test_no_base_can_be_climbed_out_of(self):
        for ask, base in self.bases:
            for path in (
                "/../4/account",
                "/%2e%2e/4/account",
                "/..%2f4/account",
                "/movie/..",
                "/movie/%2e%2e/4",
                "/movie\\550",
                "/@evil.example/movie/550",
                "/movie/550%00",
                "/movie/550%2f..%2f..",
                "/movie/..;/x",
                "/movie/%252e%252e",
                "/movie/550#x",
                "/3/3/movie/550",
                "/4/list/1",
            ):
                with self.assertRaises(Refusal, msg=base + path) as caught:
                    ask(base + path)
                self.assertEqual(caught.exception.status, 404, base + path)

    def test_there_is_nothing_beside_the_bases(self):
        mains = ("/", "/api", "/api/tmdb", "/4/movie/550", "/movie/550", "/3x/a")
        proxies = ("/", "/api", "/upcoming", "/movie/550", "/api/tmdb/popular")
        for ask, targets in ((main, mains), (proxy, proxies)):
            for target in targets:
                with self.assertRaises(Refusal, msg=target) as caught:
                    ask(target)
                refusal = caught.exception
                self.assertEqual((refusal.status, int(refusal.code)), (404, 34), target)


class Split(SynchronousTestCase):
    """The target itself."""

    def refused(self, *targets: bytes) -> None:
        for target in targets:
            with self.assertRaises(Refusal, msg=target) as caught:
                split(target)
            self.assertEqual(caught.exception.status, 400, target)
            self.assertIn("Invalid request target", caught.exception.message)

    def test_a_path_and_its_pairs_in_their_order(self):
        self.assertEqual(
            split(b"/a/b?y=1&x=&z"), ("/a/b", [("y", "1"), ("x", ""), ("z", "")])
        )

    def test_a_path_comes_in_its_normal_form(self):
        for target, path in (
            *((b"/", "/"), (b"//", "/"), (b"/a/", "/a"), (b"/a//", "/a")),
            *((b"/3//movie///550", "/3/movie/550"), (b"/%61%2D%5f%7E", "/a-_~")),
            *((b"/a%2fb", "/a%2Fb"), (b"/%2e%2e", "/%2E%2E"), (b"/%c3%a9", "/%C3%A9")),
            *((b"/a%", "/a%"), (b"/a%zz", "/a%zz"), (b"/%2561", "/%2561")),
        ):
            self.assertEqual(split(target), (path, []), target)

    def test_only_origin_form_is_a_target(self):
        self.refused(b"http://evil.example/3/movie/550", b"*", b"evil.example:443", b"")

    def test_only_ascii_and_utf_8_are_read(self):
        self.refused("/é".encode(), b"/\xff", b"/x?q=%ff", b"/x?q=%c3")

    @steady
    @given(
        st.binary(max_size=60) | st.binary(max_size=60).map(lambda b: b"/api/tmdb/" + b)
    )
    def test_any_bytes_are_a_query_or_a_refusal(self, target):
        for find in (MAIN, PROXY):
            try:
                query = find(*split(target))
            except Refusal as refusal:
                self.assertIn(refusal.status, (400, 403, 404))
            else:
                self.assertRegex(
                    query.path, r"\A(/([A-Za-z0-9._~-]|%[2-9A-F][0-9A-F])+)+\Z"
                )
                self.assertNotRegex(query.path, "%(2[5EF]|5C|7F)")
