"""Names of pictures."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.tmdb.images import PictureName, picture_name


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
