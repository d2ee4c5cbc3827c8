"""Which web origins may read the answers."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.web.api.cors import Cors

APP = "https://app.example"
CREDENTIALS = "Access-Control-Allow-Credentials"
ORIGIN = "Access-Control-Allow-Origin"


class Any(SynchronousTestCase):
    """`*`: the default on loopback."""

    cors = Cors(["*"])

    def test_every_origin_gets_the_star_and_no_credentials(self):
        for origin in (APP, "null", None):
            headers = dict(self.cors.headers(origin))
            self.assertEqual(headers[ORIGIN], "*")
            self.assertNotIn(CREDENTIALS, headers)

    def test_the_answer_does_not_depend_on_the_origin_and_does_not_say_so(self):
        self.assertNotIn("Vary", dict(self.cors.headers(APP)))


class Listed(SynchronousTestCase):
    """An allow-list."""

    cors = Cors([APP, "http://localhost:3000"])

    def test_a_listed_origin_gets_its_own_name_back(self):
        for origin in (APP, "http://localhost:3000"):
            headers = self.cors.headers(origin)
            self.assertIn((ORIGIN, origin), headers)
            self.assertEqual(len(headers), len(dict(headers)))

    def test_letters_may_be_of_either_case(self):
        self.assertIn(
            (ORIGIN, "https://APP.example"), self.cors.headers("https://APP.example")
        )

    def test_any_other_origin_gets_no_allow_header(self):
        for origin in ("https://evil.example", f"{APP}.evil.example", "null", "", "*"):
            self.assertEqual(self.cors.headers(origin), [("Vary", "Origin")], origin)
            self.assertEqual(self.cors.preflight(origin), [])

    def test_every_answer_says_that_it_depends_on_the_origin(self):
        for origin in (APP, "https://evil.example", None):
            self.assertEqual(dict(self.cors.headers(origin))["Vary"], "Origin")

    def test_who_is_named_may_send_credentials(self):
        self.assertEqual(dict(self.cors.headers(APP))[CREDENTIALS], "true")
        self.assertNotIn(CREDENTIALS, dict(self.cors.headers("https://evil.example")))


class WithAStar(SynchronousTestCase):
    """An entry that leaves one label open."""

    cors = Cors(["https://*.vercel.app", "http://*.localhost:5173", APP])

    def test_it_stands_for_every_name_with_one_label_more(self):
        for origin in (
            *("https://mine.vercel.app", "https://mine-git-a1.vercel.app"),
            *("https://MINE.vercel.app", "http://shop.localhost:5173"),
        ):
            self.assertIn((ORIGIN, origin), self.cors.headers(origin))
            self.assertTrue(self.cors.preflight(origin))

    def test_it_stands_for_nothing_else(self):
        for origin in (
            *("https://vercel.app", "https://a.b.vercel.app", "https://.vercel.app"),
            *("http://mine.vercel.app", "https://mine.vercel.app:8443"),
            *("https://mine.vercel.app.evil.example", "https://minevercel.app"),
            *("https://x@mine.vercel.app", "https://a/.vercel.app", "vercel.app"),
            *("https://*.vercel.app", "http://shop.localhost", "null", ""),
        ):
            self.assertEqual(self.cors.headers(origin), [("Vary", "Origin")], origin)

    def test_anybody_can_have_such_a_name_so_there_are_no_credentials(self):
        self.assertNotIn(
            CREDENTIALS, dict(self.cors.headers("https://mine.vercel.app"))
        )
        self.assertIn(CREDENTIALS, dict(self.cors.headers(APP)))


class Nobody(SynchronousTestCase):
    """No origin is allowed, and nothing depends on it."""

    def test_there_are_no_headers_at_all(self):
        for origin in (APP, None):
            self.assertEqual(Cors([]).headers(origin), [])
            self.assertEqual(Cors([]).preflight(origin), [])


class Fields(SynchronousTestCase):
    """What a browser is told."""

    def test_a_preflight_allows_what_we_answer_and_what_front_ends_send(self):
        for cors in (Cors(["*"]), Cors([APP])):
            headers = dict(cors.preflight(APP))
            self.assertEqual(
                headers["Access-Control-Allow-Methods"], "GET, HEAD, OPTIONS"
            )
            allowed = headers["Access-Control-Allow-Headers"].split(", ")
            for name in (
                *("Authorization", "Content-Type", "X-Request-Id"),
                *("Cache-Control", "Pragma", "X-Requested-With"),
            ):
                self.assertIn(name, allowed)
            # it would ask past the store
            self.assertNotIn("Streamr-Fresh", allowed)
            self.assertLessEqual(int(headers["Access-Control-Max-Age"]), 7200)

    def test_a_preflight_allows_each_field_that_is_promised_and_no_other(self):
        promised = {
            *("Accept", "Accept-Language", "Authorization", "Content-Type"),
            *("If-None-Match", "X-Request-Id"),
            *("Cache-Control", "Pragma", "X-Requested-With"),
        }
        for cors in (Cors(["*"]), Cors([APP])):
            headers = dict(cors.preflight(APP))
            allowed = headers["Access-Control-Allow-Headers"].split(", ")
            self.assertEqual(set(allowed), promised)
            # as long as a browser keeps one at all
            self.assertEqual(headers["Access-Control-Max-Age"], "7200")

    def test_a_page_may_send_whatever_nothing_here_reads(self):
        asked = "expires, sentry-trace,baggage, traceparent, x-api-key"
        for cors in (Cors(["*"]), Cors([APP])):
            headers = cors.preflight(APP, asked)
            granted = dict(headers)["Access-Control-Allow-Headers"].split(", ")
            self.assertEqual(granted[-5:], asked.replace(" ", "").split(","))
            self.assertIn("Authorization", granted)
            self.assertIn(("Vary", "Access-Control-Request-Headers"), headers)

    def test_what_is_asked_for_by_others_is_granted_to_nobody(self):
        for asked in (
            *("streamr-fresh", "Streamr-Silent", "streamr-deadline-ms", "cdn-loop"),
            *("cf-ray", "X-Forwarded-For", "x-forwarded-prefix", "forwarded", "via"),
            *("streamr-fault", "*", "a b", "a:b", "é", "", ",,", "x" * 101),
        ):
            for cors in (Cors(["*"]), Cors([APP])):
                self.assertEqual(cors.preflight(APP, asked), cors.preflight(APP), asked)

    def test_a_field_is_granted_once(self):
        headers = dict(Cors([APP]).preflight(APP, "authorization, Content-Type"))
        self.assertEqual(headers, dict(Cors([APP]).preflight(APP)))

    def test_nobody_fills_the_answer_with_fields(self):
        asked = ",".join(f"x-{number}" for number in range(200))
        granted = dict(Cors([APP]).preflight(APP, asked))
        self.assertIn(" x-99", granted["Access-Control-Allow-Headers"])
        self.assertNotIn("x-100", granted["Access-Control-Allow-Headers"])

    def test_in_the_demo_loopback_origins_read_whatever_else_is_named(self):
        for origins in ([], [APP]):
            cors = Cors(origins).for_demo("Streamr-Fault")
            for origin in (
                "http://localhost:5173",
                "http://LOCALHOST:5173",
                "https://app.localhost",
                "http://127.0.0.1:8080",
                "http://[::1]:5173",
            ):
                self.assertEqual(dict(cors.headers(origin))[ORIGIN], origin)
                self.assertTrue(cors.preflight(origin), origin)
            for origin in (
                "https://evil.example",
                "http://localhost.evil.example",
                "http://192.168.1.7:5173",
                "null",
                "app://localhost",
                None,
            ):
                self.assertEqual(cors.headers(origin), [("Vary", "Origin")], origin)

    def test_one_more_field_may_be_allowed_to_the_same_origins(self):
        for origins, strangers in ((["*"], "*"), ([APP], None)):
            cors = Cors(origins)
            more = cors.for_demo("Streamr-Fresh")
            for origin in (APP, "https://evil.example"):
                self.assertEqual(more.headers(origin), cors.headers(origin), origins)
                before, after = (
                    dict(cors.preflight(origin)),
                    dict(more.preflight(origin)),
                )
                if before:
                    before["Access-Control-Allow-Headers"] += ", Streamr-Fresh"
                self.assertEqual(after, before, (origins, origin))
            found = dict(more.headers("https://evil.example")).get(ORIGIN)
            self.assertEqual(found, strangers)

    def test_scripts_may_read_where_an_answer_came_from(self):
        for cors in (Cors(["*"]), Cors([APP])):
            exposed = dict(cors.headers(APP))["Access-Control-Expose-Headers"]
            self.assertEqual(
                set(exposed.split(", ")),
                {
                    "Age",
                    "Cache-Status",
                    "ETag",
                    "Proxy-Status",
                    "Retry-After",
                    "Server-Timing",
                    "Streamr-Dropped",
                    "X-Proxy-Source",
                    "X-Request-Id",
                },
            )
