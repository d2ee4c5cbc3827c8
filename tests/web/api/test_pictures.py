"""Pictures on our servers: which path is one, what it is answered with, and parts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from streamr.boundaries import Answer
from streamr.gateway.pictures import Pictures
from streamr.gateway.telling import Teller
from streamr.policy.freshness import MOST_KEPT
from streamr.tmdb import images
from streamr.web.access import Who
from streamr.web.api import pictures
from streamr.web.api.pictures import NGINX_KEEPS
from streamr.web.api.surface import Surface
from streamr.web.hosts import Hosts
from streamr.web.router import READ, Row
from tests.pictures import ETAG, Coming, MemoryPictures, jpeg
from tests.support import FakeRoute, failover_over
from tests.web.api.test_resource import Seen, SurfaceCase

PATH = "/t/p/w342/abc.jpg"
SIZE = 1000
BODY = jpeg(SIZE)
WALL = 1_000_000.0
GONE = Failure(ConnectionLost())


class PictureCase(SurfaceCase):
    """A server whose pictures come over one route, and are kept."""

    has_files = True

    def setUp(self) -> None:
        self.pictured = FakeRoute("direct:pictures", next_hop="image.test")
        self.files = MemoryPictures()
        super().setUp()

    def more_rows(self) -> list[Row]:
        self.pictures = Pictures(
            failover_over([self.pictured], self.clock, hedge=False),
            self.clock,
            lambda: WALL,
            Teller("streamr-main", self.clock, self.notes),
            8.0,
            self.files if self.has_files else None,
        )
        return pictures.rows(self.pictures)

    def comes(self, body: bytes = BODY, **more: Any) -> None:
        """TMDB has it."""
        coming = Coming(self.clock)
        length = more.pop("length", len(body))
        self.pictured.succeeds(coming.answer(length, **more))
        coming.comes(body)
        coming.ends()

    def ask(self, path: str = PATH, **more: Any) -> Seen:
        """Ask for a picture; whoever is asked for it has it."""
        before = len(self.pictured.sent)
        self.connect()
        self.send(path, **more)
        if len(self.pictured.sent) > before:
            self.comes()
        return self.seen()

    def keep(self) -> None:
        self.ask()
        self.assertIn(PATH, self.files.kept)

    def part(self, field: str, **more: str) -> Seen:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return self.ask(headers={"Range": field, **named})


class Rows(PictureCase):
    """Two paths, one picture."""

    def test_it_is_read_by_callers_below_both_paths(self) -> None:
        found = pictures.rows(self.pictures)
        self.assertEqual(
            [each.path for each in found], ["/t/p/", "/api/tmdb/image/t/p/"]
        )
        for each in found:
            self.assertEqual((each.methods, each.who), (READ, Who.CALLERS))
            self.assertTrue(each.below)

    def test_both_are_the_same_picture(self) -> None:
        for path in (PATH, f"/api/tmdb/image{PATH}"):
            self.assertEqual(self.ask(path).body, BODY)
        self.assertEqual(len(self.pictured.sent), 1)
        query = self.pictured.sent[0].query
        self.assertEqual((query.path, query.template), (PATH, images.TEMPLATE))
        self.assertEqual(query.parameters, ())

    def test_what_stands_behind_a_question_mark_names_no_other(self) -> None:
        self.ask(f"{PATH}?api_key=a-key&x=1")
        self.assertEqual(self.pictured.sent[0].query.path, PATH)

    def test_sizes_and_files_are_of_a_known_form_only(self) -> None:
        for path in (
            "/t/p/",
            "/t/p/w342",
            "/t/p/w342/",
            "/t/p/w342/abc.gif",
            "/t/p/w342/abc",
            "/t/p/w342/a/b.jpg",
            "/t/p/w0/abc.jpg",
            "/t/p/huge/abc.jpg",
            "/t/p//abc.jpg",
            "/t/p/http://x/abc.jpg",
            "/api/tmdb/image/t/p/w342/a-b.jpg",
        ):
            seen = self.ask(path)
            self.assertEqual(seen.status, 404, path)
            self.assertEqual(seen.json["status_code"], 34)
            self.assertEqual(seen.headers["cache-control"], "no-store")
        self.assertEqual(self.pictured.sent, [])

    def test_a_path_is_read_as_those_of_answers_are(self) -> None:
        for path in (
            "//t/p//w342/abc.jpg",
            "/t/p/w342/abc.jpg/",
            "/t/p/w342/%61bc.jpg",
        ):
            self.assertEqual(self.ask(path).status, 200, path)
        self.assertEqual(len(self.pictured.sent), 1)

    def test_no_path_climbs(self) -> None:
        for path in (
            "/t/p/w342/../abc.jpg",
            "/t/p/../../etc/abc.jpg",
            "/t/p/w342/%2e%2e.jpg",
            "/t/p/w342/..%2fabc.jpg",
            "/t/p/w342/%2fabc.jpg",
        ):
            self.assertIn(self.ask(path).status, (400, 404), path)
        self.assertEqual(self.pictured.sent, [])

    def test_what_is_allowed_is_told(self) -> None:
        told = self.ask("/t/p/w342/abc.gif").json["status_message"]
        for word in ("w342", "original", "abc.jpg"):
            self.assertIn(word, told)

    def test_a_refusal_is_noted_once(self) -> None:
        self.ask("/t/p/w342/abc.gif")
        self.assertEqual([each.status for each in self.notes.exchanges], [404])

    def test_other_methods_are_refused(self) -> None:
        for method in ("POST", "PUT", "DELETE"):
            self.assertEqual(self.ask(method=method).status, 405)
        self.assertEqual(self.pictured.sent, [])

    def test_a_preflight_is_answered_without_a_picture(self) -> None:
        seen = self.ask(method="OPTIONS", headers={"Origin": "https://a.invalid"})
        self.assertEqual(seen.status, 204)
        self.assertEqual(self.pictured.sent, [])


class Whole(PictureCase):
    """All of a picture."""

    def test_each_header_of_one_that_comes(self) -> None:
        seen = self.ask()
        self.assertEqual((seen.status, seen.body), (200, BODY))
        headers = seen.headers
        self.assertEqual(headers["content-type"], "image/jpeg")
        self.assertEqual(headers["content-length"], str(SIZE))
        self.assertEqual(headers["etag"], ETAG)
        self.assertEqual(headers["accept-ranges"], "bytes")
        self.assertEqual(
            headers["cache-control"],
            f"public, max-age={MOST_KEPT - NGINX_KEEPS:.0f}, immutable",
        )
        self.assertEqual(headers["cross-origin-resource-policy"], "cross-origin")
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertEqual(headers["access-control-allow-origin"], "*")
        self.assertIn("fwd=uri-miss", headers["cache-status"])
        self.assertIn('next-hop="image.test"', headers["proxy-status"])
        self.assertIn("server-timing", headers)
        self.assertIn("x-request-id", headers)
        for absent in ("content-security-policy", "content-range", "vary"):
            self.assertNotIn(absent, headers)

    def test_one_that_is_stored_is_told_to_be(self) -> None:
        self.keep()
        seen = self.ask()
        self.assertEqual((seen.status, seen.body), (200, BODY))
        self.assertIn("hit", seen.headers["cache-status"])
        self.assertEqual(len(self.pictured.sent), 1)

    def test_caches_of_others_keep_it_no_longer_than_from_tmdb_on(self) -> None:
        self.connect()
        self.send(PATH)
        self.comes(age=100.0)
        again = self.ask()
        left = f"public, max-age={MOST_KEPT - NGINX_KEEPS - 100:.0f}, immutable"
        self.assertEqual(again.headers["cache-control"], left)

    def test_one_that_is_older_than_that_is_kept_by_nobody(self) -> None:
        self.connect()
        self.send(PATH)
        self.comes(age=MOST_KEPT + 100)
        told = self.ask().headers["cache-control"]
        self.assertEqual(told, "public, max-age=0, immutable")

    def test_an_svg_may_run_and_load_nothing(self) -> None:
        self.connect()
        self.send("/t/p/original/logo.svg")
        body = b"<svg></svg>"
        self.comes(body, content_type="image/svg+xml")
        headers = self.seen().headers
        self.assertEqual(headers["content-type"], "image/svg+xml")
        policy = headers["content-security-policy"]
        self.assertEqual(policy, "default-src 'none'; sandbox")

    def test_one_without_a_length_comes_in_chunks(self) -> None:
        self.connect()
        self.send(PATH)
        self.comes(length=None)
        seen = self.seen()
        self.assertEqual(seen.headers["transfer-encoding"], "chunked")
        self.assertTrue(seen.body.endswith(b"\r\n0\r\n\r\n"))
        self.assertNotIn("content-length", seen.headers)

    def test_a_head_has_the_same_headers_and_reads_nothing(self) -> None:
        self.keep()
        read, headed = self.ask(), self.ask(method="HEAD")
        self.assertEqual((headed.status, headed.body), (200, b""))
        told = [
            {name: value for name, value in each.headers.items() if name not in OWN}
            for each in (read, headed)
        ]
        self.assertEqual(*told)
        self.assertTrue(self.files.all_closed)

    def test_a_head_has_no_parts(self) -> None:
        self.keep()
        seen = self.ask(method="HEAD", headers={"Range": "bytes=0-9"})
        self.assertEqual(seen.status, 200)
        self.assertEqual(seen.headers["content-length"], str(SIZE))

    def test_each_request_is_told_once(self) -> None:
        self.ask()
        self.ask()
        told = [(each.status, each.template) for each in self.notes.exchanges]
        self.assertEqual(told, [(200, images.TEMPLATE)] * 2)


OWN = ("x-request-id", "server-timing")


class Known(PictureCase):
    """A caller who has it already (RFC 9110, 13.1.2)."""

    def test_it_is_not_sent_again(self) -> None:
        self.keep()
        for told in (ETAG, f'"x", {ETAG}', f"W/{ETAG}", "*"):
            seen = self.ask(headers={"If-None-Match": told})
            self.assertEqual((seen.status, seen.body), (304, b""), told)
            self.assertEqual(seen.headers["etag"], ETAG)
            self.assertIn("immutable", seen.headers["cache-control"])
            for absent in ("content-length", "content-type"):
                self.assertNotIn(absent, seen.headers)
        self.assertTrue(self.files.all_closed)

    def test_another_version_is(self) -> None:
        self.keep()
        seen = self.ask(headers={"If-None-Match": '"x"'})
        self.assertEqual((seen.status, seen.body), (200, BODY))

    def test_that_it_is_known_goes_before_the_part_that_is_wanted(self) -> None:
        self.keep()
        seen = self.part("bytes=0-9", if_none_match=ETAG)
        self.assertEqual(seen.status, 304)

    def test_one_that_is_not_stored_is_asked_for_and_left(self) -> None:
        self.connect()
        self.send(PATH, headers={"If-None-Match": ETAG})
        self.comes()
        self.assertEqual(self.seen().status, 304)
        self.assertTrue(self.files.all_closed)


class Parts(PictureCase):
    """One range is answered with 206, of the stored as of one that comes."""

    def is_part(self, seen: Seen, begin: int, end: int) -> None:
        self.assertEqual((seen.status, seen.body), (206, BODY[begin:end]))
        told = f"bytes {begin}-{end - 1}/{SIZE}"
        self.assertEqual(seen.headers["content-range"], told)
        self.assertEqual(seen.headers["content-length"], str(end - begin))
        self.assertEqual(seen.headers["etag"], ETAG)
        self.assertIn("immutable", seen.headers["cache-control"])

    def test_of_one_that_is_stored(self) -> None:
        self.keep()
        for field, begin, end in (
            ("bytes=0-9", 0, 10),
            ("bytes=990-", 990, SIZE),
            ("bytes=-1", 999, SIZE),
            ("bytes=5-5000", 5, SIZE),
        ):
            self.is_part(self.part(field), begin, end)
        self.assertTrue(self.files.all_closed)

    def test_of_one_that_comes_tmdb_is_asked_for_the_whole(self) -> None:
        self.is_part(self.part("bytes=500-599"), 500, 600)
        self.assertIsNone(self.pictured.sent[0].call.part)
        # and it is kept whole
        self.assertEqual(self.files.kept[PATH][1], BODY)

    def test_a_part_ends_before_the_download_does(self) -> None:
        self.connect()
        self.send(PATH, headers={"Range": "bytes=0-9"})
        coming = Coming(self.clock)
        self.pictured.succeeds(coming.answer(SIZE))
        coming.comes(BODY[:500])
        self.is_part(self.seen(), 0, 10)
        coming.comes(BODY[500:])
        coming.ends()
        self.assertEqual(self.files.kept[PATH][1], BODY)

    def test_of_one_whose_length_is_not_known_the_whole_comes(self) -> None:
        self.connect()
        self.send(PATH, headers={"Range": "bytes=0-9"})
        self.comes(length=None)
        self.assertEqual(self.seen().status, 200)

    def test_several_or_none_that_can_be_read_are_the_whole(self) -> None:
        self.keep()
        for field in ("bytes=0-9,20-29", "lines=0-9", "bytes=9-0", "bytes"):
            seen = self.part(field)
            self.assertEqual((seen.status, seen.body), (200, BODY), field)
            self.assertNotIn("content-range", seen.headers)

    def test_one_that_is_not_there_is_416_with_the_size(self) -> None:
        self.keep()
        for field in (f"bytes={SIZE}-", "bytes=-0"):
            seen = self.part(field)
            self.assertEqual(seen.status, 416)
            self.assertEqual(seen.headers["content-range"], f"bytes */{SIZE}")
            self.assertEqual(seen.headers["cache-control"], "no-store")
            self.assertEqual(seen.headers["etag"], ETAG)
            self.assertEqual(
                seen.headers["cross-origin-resource-policy"], "cross-origin"
            )
            self.assertIn(str(SIZE), seen.json["status_message"])
            self.assertEqual(seen.json["status"], 416)
            self.assertIn("application/json", seen.headers["content-type"])
            self.assertNotIn("accept-ranges", seen.headers)
        self.assertTrue(self.files.all_closed)

    def test_if_range_holds_for_this_version_alone(self) -> None:
        self.keep()
        self.is_part(self.part("bytes=0-9", if_range=ETAG), 0, 10)
        for told in ('"x"', f"W/{ETAG}", "Mon, 02 Jan 2023 00:00:00 GMT"):
            seen = self.part("bytes=0-9", if_range=told)
            self.assertEqual((seen.status, seen.body), (200, BODY), told)

    def test_a_condition_that_does_not_hold_makes_no_416(self) -> None:
        self.keep()
        seen = self.part("bytes=5000-", if_range='"x"')
        self.assertEqual(seen.status, 200)


class Errors(PictureCase):
    """What is no picture is JSON in TMDB's shape, and nobody keeps it."""

    def is_error(self, seen: Seen, status: int) -> None:
        self.assertEqual(seen.status, status)
        self.assertFalse(seen.json["success"])
        self.assertEqual(seen.headers["cache-control"], "no-store")
        self.assertTrue(seen.headers["content-type"].startswith("application/json"))
        self.assertEqual(seen.headers["access-control-allow-origin"], "*")

    def test_tmdbs_404_and_410(self) -> None:
        for status in (404, 410):
            self.setUp()
            self.send(PATH)
            self.pictured.succeeds(Answer(status, b""))
            seen = self.seen()
            self.is_error(seen, status)
            self.assertEqual(seen.json["status_code"], 34)
            self.assertIn('next-hop="image.test"', seen.headers["proxy-status"])
            # for a minute nobody is asked again
            self.is_error(self.ask(), 404)
            self.assertEqual(len(self.pictured.sent), 1)

    def test_no_route(self) -> None:
        for cause, status in (
            ("http_response_redirect", 502),
            ("http_response_timeout", 504),
        ):
            self.setUp()
            self.send(PATH)
            self.pictured.fails(cause)
            self.clock.advance(8.0)
            seen = self.seen()
            self.is_error(seen, status)
            self.assertNotEqual(seen.json["status_message"], pictures.NOT_THERE)
            self.assertEqual(seen.json["details"]["attempts"][0]["cause"], cause)
            self.assertIn(f"error={cause}", seen.headers["proxy-status"])

    def test_one_that_is_cut_has_no_clean_end(self) -> None:
        self.send(PATH)
        coming = Coming(self.clock)
        self.pictured.succeeds(coming.answer(SIZE, etag=None))
        coming.comes(BODY[:500])
        coming.is_cut()
        self.assertTrue(self.transport.aborted)
        self.assertLess(len(self.seen().body), SIZE)
        self.assertEqual(self.files.kept, {})

    def test_one_with_a_wrong_end_neither(self) -> None:
        self.send(PATH)
        self.comes(BODY[:-2] + b"xx")
        self.assertTrue(self.transport.aborted)
        self.assertLess(len(self.seen().body), SIZE)
        self.assertEqual(self.files.kept, {})

    def test_who_leaves_before_the_head_costs_nothing_more(self) -> None:
        self.send(PATH)
        self.channel.connectionLost(GONE)
        self.assertTrue(self.pictured.sent[0].cancelled)

    def test_who_leaves_in_the_middle_neither(self) -> None:
        self.send(PATH)
        coming = Coming(self.clock)
        self.pictured.succeeds(coming.answer(1 << 24))
        coming.comes(BODY)
        self.channel.connectionLost(GONE)
        self.assertEqual(coming.aborted, 1)
        self.assertTrue(self.files.all_closed)


class ForTMDB(PictureCase):
    """What holds for every request that goes on to TMDB."""

    def test_a_loop_is_refused(self) -> None:
        seen = self.ask(headers={"CDN-Loop": "streamr-me-main"})
        self.assertEqual(seen.status, 508)
        self.assertIn("TMDB_IMAGE_BASE_URL", seen.json["status_message"])
        self.assertEqual(self.pictured.sent, [])

    def test_a_deadline_of_the_hop_before_is_kept(self) -> None:
        self.ask(headers={"Streamr-Deadline-Ms": "1500"})
        deadline = self.pictured.sent[0].call.deadline
        self.assertLessEqual(deadline, self.clock.seconds() + 8.0)
        self.connect()
        self.send("/t/p/w92/other.jpg", headers={"Streamr-Deadline-Ms": "1500"})
        self.clock.advance(1.5)
        self.assertEqual(self.seen().status, 504)

    def test_one_that_makes_no_sense_is_refused(self) -> None:
        seen = self.ask(headers={"Streamr-Deadline-Ms": "soon"})
        self.assertEqual(seen.status, 400)

    def test_the_word_of_the_hop_before_on_silent_hosts_goes_along(self) -> None:
        self.ask(headers={"Streamr-Silent": "image.test"})
        self.assertEqual(self.pictured.sent[0].call.silent, {"image.test"})


class WithToken(PictureCase):
    """A proxy that has a token serves pictures to who knows it."""

    token = "a-token-of-sixteen-or-more"

    def test_nobody_else_gets_one(self) -> None:
        self.assertEqual(self.ask().status, 401)
        wrong = {"Authorization": "Bearer another-token-of-sixteen"}
        self.assertEqual(self.ask(headers=wrong).status, 401)
        self.assertEqual(self.pictured.sent, [])

    def test_who_knows_it_does(self) -> None:
        right = {"Authorization": f"Bearer {self.token}"}
        self.assertEqual(self.ask(headers=right).body, BODY)


class UnderNames(PictureCase):
    """STREAMR_ALLOWED_HOSTS is set."""

    def changed(self, surface: Surface) -> Surface:
        return replace(surface, hosts=Hosts(frozenset({"a"}), for_data=True))

    def test_pictures_too_want_a_name_of_ours(self) -> None:
        self.assertEqual(self.ask(host="evil.invalid").status, 421)
        self.assertEqual(self.pictured.sent, [])
        self.assertEqual(self.ask().status, 200)


class AnyName(PictureCase):
    def test_pictures_are_answered_under_any_name_otherwise(self) -> None:
        self.assertEqual(self.ask(host="app.test.invalid").status, 200)


class Unkept(PictureCase):
    """The proxy keeps none."""

    has_files = False

    def test_a_part_comes_out_of_the_download(self) -> None:
        seen = self.part("bytes=500-599")
        self.assertEqual((seen.status, seen.body), (206, BODY[500:600]))
        again = self.part("bytes=0-9")
        self.assertEqual(again.body, BODY[:10])
        self.assertEqual(len(self.pictured.sent), 2)
