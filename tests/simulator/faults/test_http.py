"""What the faults make of pictures; of JSON: ../tmdb/test_rendering.py."""

from twisted.trial.unittest import SynchronousTestCase

from streamr.simulator.faults.http import JPEG, REWRITES, SCRIPTS, Scene
from streamr.simulator.faults.table import PICTURES, fitting, parse
from streamr.simulator.pictures.noise import noise
from streamr.simulator.tmdb.images import Conditions, missing, serve
from streamr.simulator.tmdb.rendering import Rendered

FILE = "/t/p/w342/noise5000.png"
PICTURE = noise(5000)
END = PICTURE.data[-12:]
NOW = 1_750_000_000.0
DATE = "Sun, 22 Nov 2026 09:00:00 GMT"


def scene(range_: str | None = None) -> Scene:
    """A picture that was asked for, or a part of it."""
    whole = serve(PICTURE, FILE, NOW, Conditions())
    good = serve(PICTURE, FILE, NOW, Conditions(range=range_))
    other = serve(noise(5000, 1), FILE, NOW, Conditions(range=range_))
    return Scene(good, lambda: other, DATE, whole, html=True)


def rewritten(expression: str, range_: str | None = None) -> Rendered:
    """What a fault makes of it."""
    (fault,) = parse(expression)
    return REWRITES[fault.name](scene(range_), fault)


def field(one: Rendered, name: str) -> str | None:
    """One header of an answer."""
    return dict(one.headers).get(name)


class OfPictures(SynchronousTestCase):
    """The faults that only pictures have."""

    def test_a_wrong_type_labels_a_right_picture_wrong(self) -> None:
        for label, kind in (
            ("jpeg", "image/jpeg"),
            ("webp", "image/webp"),
            ("html", "text/html"),
            ("none", None),
        ):
            one = rewritten(f"wrong-type:label={label}")
            self.assertEqual((200, PICTURE.data), (one.status, one.body))
            self.assertEqual(kind, field(one, "Content-Type"))
        self.assertEqual("image/jpeg", field(rewritten("wrong-type"), "Content-Type"))

    def test_the_other_way_round_is_a_jpeg_file_labelled_as_png(self) -> None:
        one = rewritten("wrong-type:label=png")
        self.assertEqual((JPEG, "image/png"), (one.body, field(one, "Content-Type")))
        self.assertEqual((b"\xff\xd8\xff", b"\xff\xd9"), (JPEG[:3], JPEG[-2:]))

    def test_a_cut_picture_looks_whole_and_has_no_end(self) -> None:
        one = rewritten("cut-picture")
        self.assertEqual((200, PICTURE.data[:2500]), (one.status, one.body))
        self.assertEqual(PICTURE.etag, field(one, "ETag"))
        self.assertNotIn(END, one.body)
        self.assertFalse(one.chunked)

    def test_a_range_is_ignored_or_taken_for_another(self) -> None:
        one = rewritten("ignore-range", "bytes=100-199")
        self.assertEqual((200, PICTURE.data), (one.status, one.body))
        one = rewritten("wrong-range", "bytes=100-199")
        self.assertEqual((206, PICTURE.data[:100]), (one.status, one.body))
        self.assertEqual("bytes 0-99/5000", field(one, "Content-Range"))

    def test_they_leave_alone_what_is_no_picture(self) -> None:
        lost = missing(FILE, NOW)
        kept = serve(PICTURE, FILE, NOW, Conditions(none_match=PICTURE.etag))
        for name in ("wrong-type", "cut-picture", "ignore-range", "wrong-range"):
            (fault,) = parse(name)
            self.assertIs(lost, REWRITES[name](Scene(lost, lambda: lost, DATE), fault))
            told = Scene(kept, lambda: kept, DATE, kept)
            self.assertEqual(b"", REWRITES[name](told, fault).body, name)
        self.assertEqual(PICTURE.data, rewritten("wrong-range").body)


class OfAll(SynchronousTestCase):
    """The faults that pictures share with the API."""

    def test_a_page_in_a_pictures_place_has_nothing_of_the_picture(self) -> None:
        for range_ in (None, "bytes=100-199"):
            for name in ("html", "empty", "wrong-id"):
                one = rewritten(name, range_)
                self.assertNotIn(PICTURE.data[100:200], one.body)
                self.assertNotEqual(PICTURE.etag, field(one, "ETag"), name)
            self.assertEqual(200, rewritten("html", range_).status)
        self.assertEqual("image/png", field(rewritten("empty"), "Content-Type"))

    def test_another_picture_is_whole_and_as_long(self) -> None:
        one = rewritten("wrong-id")
        self.assertEqual((5000, END), (len(one.body), one.body[-12:]))

    def test_an_error_is_the_cdns_page_unless_json_is_wanted(self) -> None:
        for name, status in (("status", 500), ("rate-limit", 429)):
            one = rewritten(name)
            self.assertEqual(status, one.status)
            self.assertEqual("text/html", field(one, "Content-Type"))
            self.assertIn(b"<center>CloudFront</center>", one.body)
            self.assertIsNone(field(one, "Cache-Control"))
        self.assertIn(b"status_code", rewritten("status:body=json").body)
        told = rewritten("rate-limit:retry-after=2")
        self.assertEqual("2", field(told, "Retry-After"))

    def test_broken_off_is_half_of_it_whatever_was_promised(self) -> None:
        for name in ("short-body", "reset-in-body", "stall-body", "no-length-fin"):
            data = SCRIPTS[name](scene(), parse(name)[0]).data
            head, _, body = data.partition(b"\r\n\r\n")
            self.assertEqual(PICTURE.data[:2500], body, name)
            promised = b"Content-Length: 5000" in head
            self.assertEqual("length" not in name, promised, name)
            data = SCRIPTS[name](scene("bytes=100-199"), parse(name)[0]).data
            self.assertEqual(PICTURE.data[100:150], data.partition(b"\r\n\r\n")[2])

    def test_every_fault_of_pictures_can_be_carried_out(self) -> None:
        for name in (*REWRITES, *SCRIPTS):
            if fitting(name, PICTURES) == name:
                made = {**REWRITES, **SCRIPTS}[name](scene(), parse(name)[0])
                self.assertIsNotNone(made, name)
