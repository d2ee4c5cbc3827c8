"""The kinds of pictures by their first bytes, and whether they are whole."""

from __future__ import annotations

import struct
import zlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.policy.pictures import (
    SVG,
    SVG_PROLOG,
    PictureCheck,
    agrees,
    kind_of,
)
from tests.properties import examples

JPEG = b"\xff\xd8\xff\xe0" + bytes(60) + b"\xff\xd9"
WEBP = b"RIFF" + struct.pack("<I", 60) + b"WEBP" + bytes(56)
SVG_BODY = (
    b'<?xml version="1.0"?>\n<!-- a > b -->\n<svg xmlns="x">' + bytes(9) + b"</svg>"
)


def chunk(name: bytes, data: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + crc


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", bytes(40)) + chunk(b"IEND", b"")
AVIF = box(b"ftyp", b"avif" + bytes(8)) + box(b"meta", bytes(30))
LONG_BOX = struct.pack(">I4sQ", 1, b"mdat", 16 + 50) + bytes(50)
WHOLE = {
    "image/jpeg": [JPEG, JPEG + b"\0\0"],
    "image/png": [PNG],
    "image/webp": [WEBP, WEBP[:4] + struct.pack("<I", 59) + WEBP[8:]],
    "image/avif": [
        AVIF,
        AVIF + LONG_BOX,
        AVIF + struct.pack(">I4s", 0, b"mdat") + b"x",
    ],
    SVG: [SVG_BODY, SVG_BODY + b"\n\n", b"\xef\xbb\xbf<svg>...</svg>"],
}
EVERY = [(kind, body) for kind, bodies in WHOLE.items() for body in bodies]


class Kinds(SynchronousTestCase):
    """The kind of a picture, by its first bytes."""

    def test_each_kind_is_known_as_soon_as_it_can_be(self) -> None:
        for kind, body in EVERY:
            told = [kind_of(body[:size]) for size in range(len(body) + 1)]
            with self.subTest(kind=kind):
                self.assertIsNone(told[0])
                self.assertLessEqual(set(told), {None, kind})
                self.assertEqual(kind, kind_of(body, whole=True))

    def test_what_is_no_picture_is_told_early(self) -> None:
        for body in (
            b"<!DOCTYPE html><html><body>" + bytes(90),
            b"<html><svg></svg></html>",
            b"<!-- x --><html><svg ></svg></html>",
            b'{"success":false,"status_code":7}',
            b"GIF89a" + bytes(40),
            bytes(40),
            b"\x89PNG\r\n\x1a\r" + bytes(20),
            b"RIFF\0\0\0\0WAVE" + bytes(20),
            box(b"ftyp", b"heic" + bytes(8)),
            b"<svgfoo>" + bytes(30),
        ):
            with self.subTest(body=body):
                self.assertEqual("", kind_of(body, whole=True))
        self.assertEqual("", kind_of(b"GIF89a" + bytes(40)))
        self.assertEqual("", kind_of(b"", whole=True))

    def test_a_prolog_has_an_end(self) -> None:
        prolog = b"<!-- " + b"x" * SVG_PROLOG
        self.assertIsNone(kind_of(prolog[: SVG_PROLOG - 1]))
        self.assertEqual("", kind_of(prolog))
        programs = (
            b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x" [<!ENTITY a "b">]>'
        )
        self.assertEqual(SVG, kind_of(programs + b"<!-- <html> --> <svg>"))
        # many comments take no time that grows with their combinations
        self.assertEqual("", kind_of(b"<!---->" * 500 + b"<html>", whole=True))

    def test_what_is_declared_has_to_agree(self) -> None:
        for declared, kind, agreed in (
            ("image/jpeg", "image/jpeg", True),
            ("Image/JPEG; charset=x", "image/jpeg", True),
            ("image/jpg", "image/jpeg", True),
            ("", "image/png", True),
            ("binary/octet-stream", "image/png", True),
            ("application/octet-stream", "image/png", True),
            ("image/jpeg", "image/png", False),
            ("image/jpg", "image/png", False),
            ("text/html", "image/jpeg", False),
            ("image/svg+xml", SVG, True),
        ):
            with self.subTest(declared=declared, kind=kind):
                self.assertEqual(agreed, agrees(declared, kind))


class Ends(SynchronousTestCase):
    """Whether a picture is whole."""

    def problem(self, kind: str, *pieces: bytes) -> str | None:
        check = PictureCheck(kind)
        for piece in pieces:
            check.take(piece)
        return check.problem

    def test_whole_ones_are_whole_however_they_come(self) -> None:
        for kind, body in EVERY:
            with self.subTest(kind=kind):
                self.assertIsNone(self.problem(kind, body))
                single = [body[at : at + 1] for at in range(len(body))]
                self.assertIsNone(self.problem(kind, *single))

    @examples()
    @given(st.sampled_from(EVERY), st.data())
    def test_no_cut_is_whole(
        self, case: tuple[str, bytes], data: st.DataObject
    ) -> None:
        kind, body = case
        if kind == "image/avif":
            body = AVIF  # between two boxes nothing tells that one is missing
        # what may follow the end of a picture is none of it
        end = len(body) - 1 if kind == "image/webp" else len(body.rstrip(b"\0\n"))
        cut = body[: data.draw(st.integers(0, end - 1))]
        if kind == "image/avif" and len(cut) == len(box(b"ftyp", bytes(12))):
            return
        self.assertIn(kind, str(self.problem(kind, cut)))

    def test_a_box_shorter_than_its_head_is_none(self) -> None:
        broken = AVIF + struct.pack(">I4s", 7, b"mdat")
        self.assertIsNotNone(self.problem("image/avif", broken))
