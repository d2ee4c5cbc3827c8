"""Faults on request: what a caller of the demo may wish for, and gets."""

from __future__ import annotations

from dataclasses import replace

from streamr.errors import Refusal
from streamr.web.demo.faults import STALE_BY, Wish, read
from tests.web.api.test_resource import ANSWER, BODY, Seen, SurfaceCase, _gone
from tests.web.demo.test_pages import DemoCase

PATH = "/3/movie/550"
PREFLIGHT = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "GET"}


class Reading(SurfaceCase):
    def test_each_wish_is_read(self) -> None:
        for text, wish in (
            ("429", Wish("429")),
            ("reset", Wish("reset")),
            ("stale", Wish("stale")),
            ("slow=3s", Wish("slow", 3.0)),
            ("slow=0.5s", Wish("slow", 0.5)),
            ("slow=250ms", Wish("slow", 0.25)),
            ("slow=30s", Wish("slow", 30.0)),
        ):
            self.assertEqual(read(text), wish)

    def test_what_cannot_be_wished_for_is_400_and_says_what_can(self) -> None:
        for text in ("500", "slow", "slow=31s", "slow=-1s", "429, reset", "RESET"):
            refusal = self.assertRaises(Refusal, read, text)
            self.assertEqual(refusal.status, 400)
            self.assertIn(repr(text), refusal.message)
            self.assertIn("429, reset, stale, slow=3s", refusal.message)


class Granting(DemoCase):
    def wish(self, text: str, **more: str) -> Seen:
        return self.get(PATH, headers={"Streamr-Fault": text, **more})

    def test_429_is_tmdbs_own_and_nothing_is_sent(self) -> None:
        seen = self.wish("429")
        self.assertEqual((seen.status, seen.json["status_code"]), (429, 25))
        self.assertEqual(seen.headers["retry-after"], "10")
        self.assertEqual(seen.headers["cache-control"], "no-store")
        self.assertEqual(self.route.sent, [])

    def test_slow_gives_the_right_answer_later(self) -> None:
        self.connect()
        self.send(PATH, headers={"Streamr-Fault": "slow=20s"})
        self.clock.advance(19.9)
        self.assertEqual(self.route.sent, [])
        self.clock.advance(0.2)
        self.route.succeeds(ANSWER)
        self.assertEqual((self.seen().status, self.seen().body), (200, BODY))

    def test_slow_leaves_the_answer_its_whole_time(self) -> None:
        self.connect()
        self.send(PATH, headers={"Streamr-Fault": "slow=20s"})
        self.clock.advance(20)
        self.assertEqual(self.route.sent[-1].call.deadline, 28.0)

    def test_who_leaves_while_it_is_slow_asks_nothing_of_tmdb(self) -> None:
        self.connect()
        self.send(PATH, headers={"Streamr-Fault": "slow=3s"})
        self.channel.connectionLost(_gone())
        self.clock.advance(4)
        self.assertEqual(self.route.sent, [])
        self.assertEqual([each.status for each in self.notes.exchanges], [499])

    def test_reset_cuts_the_connection_without_a_byte(self) -> None:
        self.connect()
        self.send(PATH, headers={"Streamr-Fault": "reset"})
        self.assertTrue(self.transport.aborted)
        self.assertEqual(self.transport.value(), b"")
        self.assertEqual(self.notes.exchanges[-1].status, 499)

    def test_stale_is_the_right_answer_beyond_its_lifetime(self) -> None:
        seen = self.wish("stale")
        self.assertEqual((seen.status, seen.body), (200, BODY))
        # TMDB named 60 s, which the details' least lifetime makes 10 minutes
        self.assertEqual(seen.headers["age"], str(600 + int(STALE_BY)))
        self.assertIn("max-age=0", seen.headers["cache-control"])
        used = "streamr-main;hit;ttl=-3600;detail=stale-if-error"
        self.assertEqual(seen.headers["cache-status"].replace(" ", ""), used)

    def test_an_error_cannot_be_stale(self) -> None:
        self.connect()
        self.send(PATH, headers={"Streamr-Fault": "stale"})
        self.route.succeeds(replace(ANSWER, status=404))
        self.assertEqual(self.seen().status, 404)
        self.assertNotIn("age", self.seen().headers)

    def test_an_unknown_wish_is_400(self) -> None:
        seen = self.wish("explode")
        self.assertEqual((seen.status, seen.json["status_code"]), (400, 47))
        self.assertIn("429, reset, stale", seen.json["status_message"])
        self.assertEqual(self.route.sent, [])

    def test_a_path_that_tmdb_lacks_stays_404(self) -> None:
        seen = self.get("/3/nothing", headers={"Streamr-Fault": "429"})
        self.assertEqual(seen.status, 404)

    def test_a_call_without_a_wish_is_as_ever(self) -> None:
        seen = self.get(PATH)
        self.assertEqual((seen.status, seen.body), (200, BODY))

    def test_a_browsers_cache_keeps_calls_with_wishes_apart(self) -> None:
        for seen in (self.get(PATH), self.wish("429")):
            self.assertIn("Streamr-Fault", seen.headers["vary"])

    def test_a_page_may_send_the_header(self) -> None:
        seen = self.get(PATH, method="OPTIONS", headers=PREFLIGHT)
        allowed = seen.headers["access-control-allow-headers"].split(", ")
        self.assertIn("Streamr-Fault", allowed)
        self.assertIn("If-None-Match", allowed)


class Elsewhere(SurfaceCase):
    """A daemon that is no demo."""

    def test_the_header_is_ignored(self) -> None:
        for text in ("429", "reset", "slow=3s", "nonsense"):
            seen = self.get(PATH, headers={"Streamr-Fault": text})
            self.assertEqual((seen.status, seen.body), (200, BODY), text)
            self.assertNotIn("Streamr-Fault", seen.headers["vary"])

    def test_a_page_may_not_send_it(self) -> None:
        seen = self.get(PATH, method="OPTIONS", headers=PREFLIGHT)
        self.assertNotIn("Streamr-Fault", seen.headers["access-control-allow-headers"])
