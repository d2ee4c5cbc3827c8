"""TMDB's pictures: which paths name one. Pure.

A picture never changes under its name, and no key is needed for one
(docs/images.md).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

# Where they are at TMDB's picture host, and on both of our servers.
PICTURES = "/t/p/"
# The name of all of them in logs, metrics and on the page.
TEMPLATE = "/t/p/{size}/{file}"
# `original`, a width, a height, or both with a word on how it is cut. TMDB has more of
# them than /configuration lists.
SIZE = (
    r"original|[wh][1-9][0-9]{0,3}|"
    r"w[1-9][0-9]{0,3}_and_h[1-9][0-9]{0,3}_[a-z][a-z0-9_]{0,40}"
)
FILE = r"[A-Za-z0-9]{1,64}\.(?:jpg|jpeg|png|svg|webp|avif)"
_SIZE, _FILE = re.compile(SIZE), re.compile(FILE)


@dataclass(frozen=True, slots=True)
class PictureName:
    """A size and a file, both of a form that TMDB uses."""

    size: str
    file: str

    @property
    def path(self) -> str:
        """Its path at TMDB, by which it is also stored."""
        return f"{PICTURES}{self.size}/{self.file}"


def is_size(text: str) -> bool:
    """Whether this is a size of TMDB's."""
    return _SIZE.fullmatch(text) is not None


def posters(body: bytes) -> list[str]:
    """The files of the posters that a list shows, in its order."""
    told = json.loads(body)
    results = told.get("results") if isinstance(told, dict) else None
    rows = results if isinstance(results, list) else []
    paths = [each.get("poster_path") for each in rows if isinstance(each, dict)]
    files = [each.removeprefix("/") for each in paths if isinstance(each, str)]
    return [each for each in dict.fromkeys(files) if _FILE.fullmatch(each)]


def picture_name(below: str) -> PictureName | None:
    """The picture that `<size>/<file>` names; None when it is no such name."""
    size, _, file = below.partition("/")
    if _SIZE.fullmatch(size) and _FILE.fullmatch(file):
        return PictureName(size, file)
    return None
