"""What a picture is, by its first bytes, and whether it is whole, by its end. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

# The root element of an SVG stands behind a prolog of not more than this: comments, a
# document type with what a drawing program puts into it.
SVG_PROLOG = 4096
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?"
    rb"(?:<!--(?:(?!-->).)*-->\s*|<!DOCTYPE\s+svg[^>\[]*(?:\[[^\]]*\]\s*)?>\s*)*"
    rb"<svg[\s>]",
    re.DOTALL,
)
# What may still become one.
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?\s*")
_BEGINNINGS = (b"<?xml", b"<!--", b"<!DOCTYPE svg", b"<svg")
SVG = "image/svg+xml"
# Enough to tell the other kinds by, and the most that an end is told by.
_FIRST = 16
_LAST = 32
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"


def kind_of(first: bytes, whole: bool = False) -> str | None:
    """The media type that the first bytes of a picture tell, "" when they tell of
    something else, None while more of them is needed: of a `whole` body no more
    comes."""
    if len(first) < _FIRST and not whole:
        return None
    for kind, begins in _BEGINS.items():
        if begins(first):
            return kind
    if _SVG.match(first[:SVG_PROLOG]):
        return SVG
    if whole or len(first) >= SVG_PROLOG or not _may_be_svg(first):
        return ""
    return None


def _may_be_svg(first: bytes) -> bool:
    blank = _PROLOG.match(first)
    begun = first[blank.end() :] if blank is not None else first
    return any(begun.startswith(each[: len(begun)]) for each in _BEGINNINGS)


def _is_avif(first: bytes) -> bool:
    return first[4:8] == b"ftyp" and first[8:12] in (b"avif", b"avis")


_BEGINS: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda first: first.startswith(b"\xff\xd8\xff"),
    "image/png": lambda first: first.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/webp": lambda first: first[:4] == b"RIFF" and first[8:12] == b"WEBP",
    "image/avif": _is_avif,
}


def agrees(declared: str, kind: str) -> bool:
    """Whether a Content-Type field names this kind; one that names none at all does."""
    named = declared.partition(";")[0].strip().lower()
    return named in ("", "application/octet-stream", "binary/octet-stream", kind) or (
        named == "image/jpg" and kind == "image/jpeg"
    )


class PictureCheck:
    """Follows the bytes of a picture, to tell whether their end is its own."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._first = b""
        self._last = b""
        self._size = 0
        self._boxes = _Boxes()

    def take(self, data: bytes) -> None:
        """The next bytes."""
        if len(self._first) < _FIRST:
            self._first = (self._first + data[:_FIRST])[:_FIRST]
        if self._kind == "image/avif":
            self._boxes.take(data)
        self._size += len(data)
        self._last = (self._last + data[-_LAST:])[-_LAST:]

    @property
    def problem(self) -> str | None:
        """Why what came is no whole picture; None when it is one."""
        return None if self._ends() else f"{self._kind} without its end"

    def _ends(self) -> bool:
        match self._kind:
            case "image/jpeg":
                return self._last.rstrip(b"\0").endswith(b"\xff\xd9")
            case "image/png":
                return self._last.endswith(_PNG_END)
            case "image/webp":
                announced = int.from_bytes(self._first[4:8], "little") + 8
                return self._size in (announced, announced + announced % 2)
            case "image/avif":
                return self._size > 0 and self._boxes.over
            case _:
                return self._last.rstrip().endswith(b"</svg>")


class _Boxes:
    """The boxes of an ISO base media file, one behind the other: each begins with its
    length (ISO/IEC 14496-12, 4.2)."""

    def __init__(self) -> None:
        self._left = 0
        self._head = b""
        self._endless = self._broken = False

    @property
    def over(self) -> bool:
        """True at the end of a box."""
        return not (self._broken or self._left or self._head)

    def take(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not (self._endless or self._broken):
            if self._left:
                skipped = min(self._left, len(data) - at)
                self._left -= skipped
                at += skipped
                continue
            self._head += data[at : at + 1]
            at += 1
            if len(self._head) == 8 or (len(self._head) == 16):
                self._begin()

    def _begin(self) -> None:
        """The head of a box is there, or the first half of a long one."""
        length = int.from_bytes(self._head[:4], "big")
        if length == 1:
            if len(self._head) < 16:
                return
            length = int.from_bytes(self._head[8:], "big")
        if length == 0:  # to the end of the file
            self._endless = True
        elif length < len(self._head):
            self._broken = True
        self._left = max(0, length - len(self._head))
        self._head = b""
