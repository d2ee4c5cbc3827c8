"""Names of pictures."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from streamr.tmdb.images import PictureName, is_size, picture_name, posters


class Names(SynchronousTestCase):
    """What is a picture's path, and what is none."""

    def test_sizes_and_files_of_tmdb(self) -> None:
        for size in ("original", "w92", "w1280", "h632", "w600_and_h900_bestv2"):
            for file in ("abcXYZ09.jpg", "a.png", "a.svg", "a.webp", "a.avif"):
                with self.subTest(size=size, file=file):
                    found = picture_name(f"{size}/{file}")
                    self.assertEqual(PictureName(size, file), found)
                    assert found is not None
                    self.assertEqual(f"/t/p/{size}/{file}", found.path)

    def test_nothing_else(self) -> None:
        for below in (
            *("", "w92", "w92/", "/a.jpg", "w92//a.jpg", "w92/../a.jpg", "w92/a/b.jpg"),
            *("w0/a.jpg", "w12345/a.jpg", "x92/a.jpg", "W92/a.jpg", "originals/a.jpg"),
            *("w92/a.gif", "w92/a.JPG", "w92/a", "w92/.jpg", "w92/a.jpg.exe"),
            *("w92/a%2e.jpg", "w92/a.jpg?x", "w92/a.jpg\n", "w92/ä.jpg", "w92/a-b.jpg"),
            *(
                "w1_and_h1_/a.jpg",
                "w1_and_h1_A/a.jpg",
                "w1_and_h1_../a.jpg",
                f"w92/{'a' * 65}.jpg",
            ),
        ):
            with self.subTest(below=below):
                self.assertIsNone(picture_name(below))


class Lists(SynchronousTestCase):
    """The posters of a list."""

    def test_each_once_and_in_their_order(self) -> None:
        rows = [{"poster_path": f"/{name}.jpg"} for name in "bab"]
        body = json.dumps({"results": rows}).encode()
        self.assertEqual(posters(body), ["b.jpg", "a.jpg"])

    def test_what_is_no_poster_is_left_out(self) -> None:
        for results in (
            [
                {"poster_path": None},
                {"poster_path": 7},
                {},
                3,
                {"poster_path": "/a/b.jpg"},
            ],
            {"poster_path": "/a.jpg"},
            None,
        ):
            self.assertEqual(posters(json.dumps({"results": results}).encode()), [])
        self.assertEqual(posters(b"[1]"), [])

    def test_a_size_is_one_of_tmdbs(self) -> None:
        self.assertTrue(is_size("w342"))
        self.assertFalse(is_size("342"))
