"""What the image host says to conditions and ranges."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.tmdb.images import (
    PATH,
    Conditions,
    Picture,
    matches,
    missing,
    modified,
    serve,
)
from streamr.simulator.tmdb.rendering import Rendered

FILE = "/t/p/w342/abc123.jpg"
PICTURE = Picture("image/png", bytes(range(100)))
NOW = 1_750_000_000.0


def ask(**conditions: str) -> Rendered:
    """What is served for a request with these fields."""
    return serve(PICTURE, FILE, NOW, Conditions(**conditions))


def field(rendered: Rendered, name: str) -> str | None:
    """One header of an answer."""
    return dict(rendered.headers).get(name)


class Whole(SynchronousTestCase):
    """All of a picture."""

    def test_its_head_says_how_to_keep_it(self) -> None:
        served = ask()
        self.assertEqual((200, PICTURE.data), (served.status, served.body))
        for name, value in (
            ("Content-Type", "image/png"),
            ("Cache-Control", "public, max-age=31536000"),
            ("Accept-Ranges", "bytes"),
            ("ETag", PICTURE.etag),
            ("Last-Modified", modified(FILE)),
            ("Content-Range", None),
        ):
            self.assertEqual(value, field(served, name), name)
        self.assertFalse(served.chunked)

    def test_its_validators_are_strong_and_its_own(self) -> None:
        other = Picture("image/png", PICTURE.data[:-1])
        self.assertRegex(PICTURE.etag, r'^"[0-9a-f]{32}"$')
        self.assertNotEqual(other.etag, PICTURE.etag)
        self.assertEqual(modified(FILE), modified("/t/p/original/abc123.jpg"))
        self.assertNotEqual(modified(FILE), modified("/t/p/w342/abc124.jpg"))

    def test_who_has_it_gets_304_without_a_body(self) -> None:
        for given in (PICTURE.etag, f"W/{PICTURE.etag}", f'"x", {PICTURE.etag}', "*"):
            served = ask(none_match=given, range="bytes=0-1")
            self.assertEqual((304, b""), (served.status, served.body), given)
            self.assertEqual(PICTURE.etag, field(served, "ETag"))
            self.assertIsNone(field(served, "Content-Type"))
        self.assertFalse(matches('"x"', PICTURE.etag))
        self.assertEqual(200, ask(none_match='"x"').status)

    def test_what_is_missing_may_not_be_kept(self) -> None:
        served = missing(FILE, NOW)
        self.assertEqual(404, served.status)
        self.assertEqual("text/html", field(served, "Content-Type"))
        self.assertIsNone(field(served, "Cache-Control"))


class Parts(SynchronousTestCase):
    """Ranges (RFC 9110, 14)."""

    def test_a_range_is_cut_out_and_named(self) -> None:
        for given, begin, end in (
            ("bytes=0-0", 0, 1),
            ("bytes=10-19", 10, 20),
            ("bytes=90-", 90, 100),
            ("bytes=90-500", 90, 100),
            ("bytes=-7", 93, 100),
            ("bytes=-500", 0, 100),
            ("bytes=0-", 0, 100),
        ):
            served = ask(range=given)
            self.assertEqual(
                (206, PICTURE.data[begin:end]), (served.status, served.body)
            )
            told = f"bytes {begin}-{end - 1}/100"
            self.assertEqual(told, field(served, "Content-Range"), given)
            self.assertEqual(PICTURE.etag, field(served, "ETag"))
            self.assertEqual("image/png", field(served, "Content-Type"))

    def test_a_range_behind_the_end_is_refused_with_the_size(self) -> None:
        for given in ("bytes=100-", "bytes=200-300", "bytes=-0"):
            served = ask(range=given)
            self.assertEqual(416, served.status, given)
            self.assertEqual("bytes */100", field(served, "Content-Range"))
            self.assertIsNone(field(served, "Cache-Control"))
            self.assertIsNone(field(served, "ETag"))

    def test_what_is_no_range_gets_all_of_it(self) -> None:
        for given in (
            "bytes=-",
            "bytes=5-4",
            "bytes=0-1,5-6",
            "items=0-1",
            "bytes=a-b",
        ):
            served = ask(range=given)
            self.assertEqual((200, PICTURE.data), (served.status, served.body), given)

    def test_a_range_of_another_version_gets_all_of_this_one(self) -> None:
        for given, status in (
            (PICTURE.etag, 206),
            (modified(FILE), 206),
            (f"W/{PICTURE.etag}", 200),
            ('"x"', 200),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ):
            self.assertEqual(status, ask(range="bytes=1-2", if_range=given).status)

    def test_head_takes_no_range(self) -> None:
        self.assertEqual(200, ask(method="HEAD", range="bytes=1-2").status)

    def test_another_body_in_a_parts_place_is_a_whole_one(self) -> None:
        page = ask(range="bytes=1-2").with_body(b"<html>", "text/html")
        self.assertEqual(200, page.status)
        for name in ("Content-Range", "ETag", "Last-Modified", "Accept-Ranges"):
            self.assertIsNone(field(page, name), name)


class Paths(SynchronousTestCase):
    """Sizes and files by their form alone."""

    def test_a_file_in_a_size(self) -> None:
        for path in (FILE, "/t/p/w220_and_h330_face/a.png", "/t/p/original/a.svg"):
            self.assertTrue(PATH.fullmatch(path), path)

    def test_nothing_else(self) -> None:
        for path in (
            "/t/p/w342/../a.jpg",
            "/t/p/w342/a/b.jpg",
            "/t/p/w342/a.exe",
            "/t/p/a.jpg",
            "/t/p/w342/a.jpg/",
            "/3/movie/550",
        ):
            self.assertIsNone(PATH.fullmatch(path), path)
