"""Every picture that an answer names can be drawn, and is only a picture."""

import re
from collections.abc import Iterator
from random import Random
from typing import Any
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.pictures import svg
from streamr.simulator.pictures.canvas import Canvas
from streamr.simulator.pictures.gallery import Gallery
from streamr.simulator.pictures.inks import BAUHAUS
from streamr.simulator.pictures.lettering import FACES, ems, fitted, lettered
from streamr.simulator.pictures.scenes import SCENES
from streamr.simulator.tmdb.answers import answer
from streamr.simulator.tmdb.images import Picture
from streamr.simulator.tmdb.world import image, load

from . import reading

WORLD = load()
GALLERY = Gallery(WORLD)
NAMED = re.compile("(poster|backdrop|profile|still|logo)_path")
FIGHT_CLUB = image("poster", "movie", 550)
TEXT = "{http://www.w3.org/2000/svg}text"
# What an SVG could reach out with, or run.
REACHING = re.compile(rb"<script|<image|<use|<style|href|url\((?!#)|\son\w+=|@import")
# Each scene is drawn often enough in a tenth of all pictures.
STEP = 10


def ask(path: str, **params: str) -> Any:
    """The JSON of a GET."""
    return answer(WORLD, "GET", path, params).value


def paths(value: Any) -> Iterator[str]:
    """Every picture that a value names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if NAMED.fullmatch(name) and inner:
                yield inner
            yield from paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner)


class Pictures(SynchronousTestCase):
    """The gallery."""

    def test_every_picture_that_answers_name_is_there(self):
        for path in (
            "/3/trending/all/week",
            "/3/movie/550",
            "/3/movie/120",
            "/3/tv/1396",
            "/3/collection/119",
            "/3/movie/550/credits",
            "/3/person/287/combined_credits",
            "/3/search/multi",
            "/3/search/collection",
            "/3/tv/1396/season/1",
            "/3/company/508",
            "/3/network/174",
            "/3/movie/550/watch/providers",
        ):
            named = set(paths(ask(path, query="the")))
            self.assertTrue(named, path)
            self.assertEqual(named - set(GALLERY.drawings), set(), path)

    def test_every_file_of_the_images_answers_is_there(self):
        for path in (
            "/3/movie/550/images",
            "/3/tv/1396/images",
            "/3/tv/1396/season/1/images",
            "/3/tv/1396/season/1/episode/1/images",
            "/3/person/287/images",
            "/3/collection/119/images",
            "/3/company/508/images",
            "/3/network/174/images",
        ):
            value = ask(path)
            kinds = ("posters", "backdrops", "profiles", "stills", "logos")
            files = [one["file_path"] for kind in kinds for one in value.get(kind, ())]
            self.assertTrue(files, path)
            self.assertEqual(set(files) - set(GALLERY.drawings), set(), path)

    def test_a_picture_is_whole_xml_that_reaches_for_nothing(self):
        for path in list(GALLERY.drawings)[::STEP]:
            drawn = GALLERY.draw(path)
            assert drawn is not None
            self.assertEqual(ElementTree.fromstring(drawn).tag[-3:], "svg")
            self.assertEqual(REACHING.findall(drawn), [], path)
            self.assertLess(len(drawn), 40_000, path)

    def test_the_same_title_is_drawn_alike_every_time(self):
        again = Gallery(load())
        for path in (FIGHT_CLUB, image("profile", 287), image("backdrop", "tv", 1396)):
            self.assertEqual(GALLERY.draw(path), again.draw(path))

    def test_two_titles_are_not_drawn_alike(self):
        posters = [image("poster", "movie", number) for number in WORLD.movies]
        drawn = {GALLERY.draw(path) for path in posters[::STEP]}
        self.assertEqual(len(drawn), len(posters[::STEP]))

    def test_a_poster_tells_title_and_year(self):
        drawn = ElementTree.fromstring(GALLERY.draw(FIGHT_CLUB) or b"")
        words = " ".join(one.text or "" for one in drawn.iter(TEXT))
        self.assertIn("FIGHT CLUB", words)
        self.assertIn("1999", words)

    def test_a_backdrop_is_wide_and_wordless(self):
        drawn = ElementTree.fromstring(
            GALLERY.draw(image("backdrop", "movie", 550)) or b""
        )
        self.assertEqual(drawn.get("viewBox"), "0 0 1280 720")
        self.assertEqual(list(drawn.iter(TEXT)), [])

    def test_a_name_of_no_picture_draws_nothing(self):
        for name in ("", "x.jpg", "../titles.json", FIGHT_CLUB + "x"):
            self.assertIsNone(GALLERY.draw(name))

    def test_every_genre_but_talk_has_scenes_of_its_own(self):
        told = {int(one) for names in WORLD.data["genres"].values() for one in names}
        # documentaries, news, reality, soap and talk are drawn as drama
        self.assertEqual(told - set(SCENES), {99, 10770, 10763, 10764, 10766, 10767})


class Bytes(SynchronousTestCase):
    """Pictures as the image host has them."""

    def draw(self, size: str, path: str, gallery: Gallery = GALLERY) -> Picture | None:
        steps = gallery.picture(size, path.removeprefix("/"))
        if steps is None:
            return None
        try:
            while True:
                next(steps)
        except StopIteration as end:
            picture: Picture = end.value
            return picture

    def size(self, size: str, path: str) -> tuple[int, int]:
        drawn = self.draw(size, path)
        assert drawn is not None
        self.assertEqual("image/png", drawn.kind)
        return reading.size(drawn.data)

    def test_each_kind_is_drawn_in_the_size_asked_for(self):
        for size, path, expected in (
            ("w92", FIGHT_CLUB, (92, 138)),
            ("w94_and_h141_bestv2", FIGHT_CLUB, (94, 141)),
            ("h75", FIGHT_CLUB, (50, 75)),
            ("w300", image("backdrop", "tv", 1396), (300, 169)),
            ("w45", image("profile", 287), (45, 68)),
            ("w92", image("still", next(iter(WORLD.episodes))), (92, 52)),
            ("w92", image("logo", "HBO", suffix="png"), (92, 36)),
            ("w45", image("provider", 8), (45, 45)),
        ):
            self.assertEqual(expected, self.size(size, path), path)

    def test_the_original_is_the_whole_sheet(self):
        self.assertEqual((500, 750), self.size("original", FIGHT_CLUB))

    def test_the_same_picture_has_the_same_bytes(self):
        again = Gallery(load())
        for path in (FIGHT_CLUB, image("profile", 287), image("logo", "movie", 550)):
            self.assertEqual(self.draw("w92", path), self.draw("w92", path, again))

    def test_two_titles_are_two_pictures(self):
        posters = [image("poster", "movie", number) for number in WORLD.movies][::20]
        drawn = {self.draw("w45", path) for path in posters}
        self.assertEqual(len(posters), len(drawn))

    def test_a_logo_is_there_as_svg_too(self):
        drawn = self.draw("original", image("logo", "HBO", suffix="svg"))
        self.assertEqual("image/svg+xml", drawn.kind)
        self.assertTrue(drawn.data.startswith(b"<svg "))
        self.assertEqual(REACHING.findall(drawn.data), [])

    def test_no_such_file_and_no_such_size(self):
        self.assertIsNone(self.draw("w92", "/nothing.jpg"))
        self.assertIsNone(self.draw("large", FIGHT_CLUB))
        self.assertIsNone(self.draw("large", "/noise2000.png"))
        self.assertEqual(2000, len(self.draw("w92", "/noise2000.png").data))

    def test_drawing_pauses_often(self):
        """Others have their turn: a poster has a pause for each thing in it."""
        steps = GALLERY.picture("w342", FIGHT_CLUB.removeprefix("/"))
        self.assertGreater(sum(1 for _ in steps), 30)


class Lettering(SynchronousTestCase):
    """Titles in type."""

    def test_every_title_fits_its_sheet(self):
        for title in [*WORLD.movies.values(), *WORLD.series.values()]:
            name = title.get("title") or title["name"]
            for face in FACES.values():
                setting = fitted(name, face, 424, 200)
                self.assertEqual(" ".join(setting.lines), name.upper())
                self.assertLessEqual(setting.height, 240, name)
                for line in setting.lines:
                    self.assertLessEqual(ems(line, face) * setting.size, 425, name)
                self.assertGreater(setting.size, 20, name)

    def test_a_word_of_markup_stays_a_word(self):
        c = Canvas(500, 750, BAUHAUS, Random(1))
        setting = fitted('<b> & "x"', FACES["book"], 424, 200)
        lettered(c, setting, 0, 0, "#ffffff")
        drawn = svg.document(c)
        self.assertNotIn(b"<b>", drawn.lower())
        ElementTree.fromstring(drawn)
