"""From replies to bytes, and what faults make of them."""

import gzip
import json
import zlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.faults.http import (
    BOMB_BYTES,
    REWRITES,
    SCRIPTS,
    Scene,
    ScriptEnd,
)
from streamr.simulator.faults.table import parse
from streamr.simulator.tmdb.answers import TMDBReply, answer, unauthorised
from streamr.simulator.tmdb.rendering import Rendered, accepts_gzip, remaining, render
from streamr.simulator.tmdb.world import load

PATH = "/3/movie/550"
WORLD = load()
GOOD = answer(WORLD, "GET", PATH, {})
OTHER = answer(WORLD, "GET", "/3/movie/680", {})


def rendered(reply: TMDBReply = GOOD, gzip_wanted: bool = True) -> Rendered:
    """A reply as bytes."""
    return render(reply, PATH, 1000.0, gzip_wanted)


def headers(one: Rendered) -> dict[str, str]:
    """Headers by small names."""
    return {name.lower(): value for name, value in one.headers}


SCENE = Scene(rendered(), lambda: rendered(OTHER), "Sun, 22 Nov 2026 09:00:00 GMT")


def rewritten(expression: str) -> Rendered:
    """What a fault makes of the good answer."""
    (fault,) = parse(expression)
    return REWRITES[fault.name](SCENE, fault)


class Headers(SynchronousTestCase):
    """TMDB's headers."""

    def test_a_good_answer(self):
        found = headers(rendered())
        self.assertEqual(found["content-type"], "application/json;charset=utf-8")
        self.assertRegex(found["cache-control"], r"^public, max-age=\d+$")
        self.assertEqual(found["vary"], "accept-encoding, Origin")
        self.assertEqual(found["content-encoding"], "gzip")
        self.assertRegex(found["etag"], r'^W/"[0-9a-f]{32}"$')
        self.assertIn("(CloudFront)", found["via"])
        self.assertIn("x-cache", found)
        self.assertIn("h3", found["alt-svc"])

    def test_gzip_only_when_asked_and_then_with_an_etag(self):
        plain = rendered(gzip_wanted=False)
        self.assertNotIn("content-encoding", headers(plain))
        self.assertNotIn("etag", headers(plain))
        self.assertEqual(gzip.decompress(rendered().body), plain.body)
        self.assertEqual(json.loads(plain.body), GOOD.value)

    def test_a_bad_key_may_be_kept_and_a_404_says_nothing(self):
        bad = headers(rendered(unauthorised()))
        self.assertEqual(bad["cache-control"], "public, max-age=300")
        lost = answer(WORLD, "GET", "/3/movie/999999", {})
        self.assertNotIn("cache-control", headers(rendered(lost)))

    def test_the_remaining_life_runs_down(self):
        ages = [remaining(PATH, now) for now in (0.0, 10.0, 25.0)]
        self.assertEqual([ages[0] - ages[1], ages[0] - ages[2]], [10, 25])
        self.assertTrue(
            all(60 <= remaining(PATH, n * 97) <= 28_800 for n in range(999))
        )

    def test_nothing_tells_the_lookalike_from_tmdb(self):
        text = repr(rendered().headers).lower() + json.dumps(GOOD.value).lower()
        for word in ("simulat", "fake", "twisted", "streamr", "lookalike"):
            self.assertNotIn(word, text)

    def test_accept_encoding(self):
        for header, wanted in (
            ("gzip", True),
            ("br, gzip;q=0.5", True),
            ("*", True),
            ("GZIP;q=1.0", True),
            ("gzip;q=0", False),
            ("gzip; q=0.0", False),
            ("identity", False),
            (None, False),
        ):
            self.assertEqual(accepts_gzip(header), wanted, header)


class Rewrites(SynchronousTestCase):
    """Answers that are whole HTTP and still wrong."""

    def test_corrupt_gzip_does_not_decompress(self):
        with self.assertRaises((zlib.error, gzip.BadGzipFile)):
            gzip.decompress(rewritten("corrupt-gzip").body)

    def test_cut_gzip_ends_early(self):
        with self.assertRaises(EOFError):
            gzip.decompress(rewritten("cut-gzip").body)

    def test_the_bomb_is_small_and_becomes_100_mb(self):
        body = rewritten("gzip-bomb").body
        self.assertLess(len(body), 120_000)
        unpacker, total = zlib.decompressobj(31), 0
        while not unpacker.eof:
            total += len(unpacker.decompress(body, 1 << 20))
            body = unpacker.unconsumed_tail
        self.assertGreaterEqual(total, BOMB_BYTES)

    def test_unlabelled_gzip(self):
        one = rewritten("gzip-unlabelled")
        self.assertEqual(one.body[:2], b"\x1f\x8b")
        self.assertNotIn("content-encoding", headers(one))

    def test_html_empty_and_cut_json_have_status_200(self):
        self.assertIn(b"<html>", rewritten("html").body)
        self.assertEqual(headers(rewritten("html"))["content-type"], "text/html")
        self.assertEqual(rewritten("empty").body, b"")
        with self.assertRaises(ValueError):
            json.loads(rewritten("cut-json").body)
        statuses = {rewritten(name).status for name in ("html", "empty", "cut-json")}
        self.assertEqual(statuses, {200})

    def test_redirect(self):
        one = rewritten("redirect")
        self.assertEqual(one.status, 302)
        self.assertEqual(headers(one)["location"], "http://portal.invalid/")

    def test_status(self):
        self.assertEqual(json.loads(rewritten("status").body)["status_code"], 11)
        for code, own in ((502, 43), (503, 9), (504, 24), (403, 45), (404, 34)):
            one = rewritten(f"status:code={code}")
            self.assertEqual(
                (one.status, json.loads(one.body)["status_code"]), (code, own)
            )
        page = rewritten("status:code=502,body=html")
        self.assertIn(b"<h1>502 Bad Gateway</h1>", page.body)

    def test_rate_limit_with_and_without_retry_after(self):
        one = rewritten("rate-limit:retry-after=2")
        self.assertEqual((one.status, headers(one)["retry-after"]), (429, "2"))
        self.assertEqual(json.loads(one.body)["status_code"], 25)
        self.assertNotIn("retry-after", headers(rewritten("rate-limit")))

    def test_oversize_is_json_over_4_mb(self):
        body = rewritten("oversize").body
        self.assertGreater(len(body), 4 * 1024 * 1024)
        self.assertEqual(json.loads(body)["id"], 1)

    def test_error_200(self):
        one = rewritten("error-200")
        self.assertEqual((one.status, json.loads(one.body)["success"]), (200, False))

    def test_wrong_id(self):
        one = rewritten("wrong-id")
        self.assertEqual(json.loads(one.plain)["id"], 680)


class Scripts(SynchronousTestCase):
    """Raw bytes and ends."""

    def played(self, name: str) -> tuple[str, bytes, Any]:
        script = SCRIPTS[name](SCENE, parse(name)[0])
        head, _, body = script.data.partition(b"\r\n\r\n")
        return head.decode("latin-1"), body, script.end

    def test_the_ends(self):
        for name, end in (
            ("silence-after-request", ScriptEnd.SILENCE),
            ("reset-after-request", ScriptEnd.RESET),
            ("fin-after-request", ScriptEnd.FIN),
            ("stall-headers", ScriptEnd.SILENCE),
            ("reset-in-headers", ScriptEnd.RESET),
            ("short-body", ScriptEnd.FIN),
            ("reset-in-body", ScriptEnd.RESET),
            ("stall-body", ScriptEnd.SILENCE),
            ("cut-chunks", ScriptEnd.FIN),
            ("no-length-fin", ScriptEnd.FIN),
            ("no-length-rst", ScriptEnd.RESET),
        ):
            self.assertEqual(self.played(name)[2], end, name)

    def test_half_a_head_has_no_end(self):
        self.assertNotIn(
            b"\r\n\r\n", SCRIPTS["stall-headers"](SCENE, parse("stall-headers")[0]).data
        )

    def test_a_short_body_promises_more(self):
        head, body, _ = self.played("short-body")
        self.assertIn(f"Content-Length: {len(SCENE.good.body)}", head)
        self.assertTrue(0 < len(body) < len(SCENE.good.body))

    def test_no_length_is_half_of_plain_json(self):
        head, body, _ = self.played("no-length-fin")
        self.assertNotIn("Content-Length", head)
        self.assertNotIn("Content-Encoding", head)
        self.assertIn("Connection: close", head)
        self.assertTrue(body and SCENE.good.plain.startswith(body))

    def test_cut_chunks_lack_the_last_one(self):
        head, body, _ = self.played("cut-chunks")
        self.assertIn("Transfer-Encoding: chunked", head)
        self.assertFalse(body.endswith(b"0\r\n\r\n"))

    def test_the_long_header_is_over_16_kb(self):
        lines = self.played("long-header")[0].split("\r\n")
        self.assertGreater(max(map(len, lines)), 65_536)
