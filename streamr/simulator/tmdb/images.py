"""How TMDB's image host answers: sizes, validators, ranges."""

import hashlib
import re
from collections.abc import Generator
from dataclasses import dataclass
from email.utils import formatdate

from streamr.simulator.tmdb.rendering import HTML, HeaderLine, Rendered, cdn
from streamr.simulator.tmdb.world import digest

HOST = "image.tmdb.org"
# How long a picture may be kept: its name changes with its content.
CACHE_CONTROL = "public, max-age=31536000"
PATH = re.compile(r"/t/p/([a-z0-9_]+)/([A-Za-z0-9]+\.(?:jpg|png|svg|webp))")
RANGE = re.compile(r"bytes=(\d*)-(\d*)")
# What Last-Modified is counted from, and how far it is spread: from 2016 to 2024.
FIRST_UPLOAD, UPLOADS = 1_451_606_400, 252_000_000
REFUSAL = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of the image host: its media type and its bytes."""

    kind: str
    data: bytes

    @property
    def etag(self) -> str:
        """A strong validator."""
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


# Makes a picture, and pauses where others may have their turn.
Drawing = Generator[None, None, Picture]


@dataclass(frozen=True, slots=True)
class Conditions:
    """The fields of a request that change which part of a picture is sent, if any."""

    method: str = "GET"
    none_match: str | None = None
    range: str | None = None
    if_range: str | None = None


def modified(path: str) -> str:
    """When a file was uploaded: the same for all of its sizes."""
    name = path.rpartition("/")[2]
    after = int.from_bytes(digest("uploaded", name)[:4], "big") % UPLOADS
    return formatdate(FIRST_UPLOAD + after, usegmt=True)


def serve(picture: Picture, path: str, now: float, asked: Conditions) -> Rendered:
    """A picture or a part of it, or the word that the copy at hand is still good."""
    rows: list[HeaderLine] = [
        ("Content-Type", picture.kind),
        ("Cache-Control", CACHE_CONTROL),
        ("ETag", picture.etag),
        ("Last-Modified", modified(path)),
        ("Accept-Ranges", "bytes"),
        *cdn(path, now),
    ]
    if matches(asked.none_match, picture.etag):
        kept = tuple(row for row in rows if row[0] != "Content-Type")
        return Rendered(304, kept, b"", b"")
    whole = Rendered(200, tuple(rows), picture.data, picture.data, False)
    current = asked.if_range in (None, picture.etag, modified(path))
    return part(whole, asked.range) if current and asked.method == "GET" else whole


def matches(given: str | None, etag: str) -> bool:
    """Whether If-None-Match names this validator (RFC 9110, 13.1.2)."""
    named = [each.strip().removeprefix("W/") for each in (given or "").split(",")]
    return "*" in named or etag in named


def part(whole: Rendered, given: str | None) -> Rendered:
    """The range asked for; all of it without a Range, or with one of another form
    (RFC 9110, 14.2)."""
    found = RANGE.fullmatch(given or "")
    if found is None or found[0] == "bytes=-":
        return whole
    first, last = found.groups()
    size = len(whole.body)
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < int(first):
        return whole
    if begin >= size:
        refused = refusal(416, "416 Requested Range Not Satisfiable", whole.headers)
        return refused.but(content_range=f"bytes */{size}")
    cut = whole.body[begin:end]
    told = whole.but(content_range=f"bytes {begin}-{end - 1}/{size}")
    return Rendered(206, told.headers, cut, cut, False)


def refusal(status: int, words: str, headers: tuple[HeaderLine, ...] = ()) -> Rendered:
    """A small page that may not be kept."""
    body = REFUSAL.format(words).encode()
    refused = Rendered(status, headers, body, body).with_body(body, HTML)
    return refused.but(cache_control=None)


def missing(path: str, now: float) -> Rendered:
    """What the host says of a file or a size that it does not have."""
    return refusal(404, "404 Not Found", tuple(cdn(path, now)))
