"""What is asked: as many different good paths as a measurement wants.

The simulator knows forty titles; a language and a region that nothing else uses
together make a path nobody has asked before, and its answer is as good as any. `en-`
keeps it English.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator
from random import Random

MOVIES = (550, 680, 13, 238, 240, 278, 424, 155, 27205, 157336, 603, 120, 121, 122)
SERIES = (1396, 1399, 66732, 1668, 2316, 1398, 1438, 456, 60574, 94605)
PEOPLE = (287, 819, 1283, 31, 24, 138, 192, 4027, 64, 525)
# One of each kind that callers ask: details, credits, lists, searches, people.
SHAPES = (
    "/3/movie/{movie}?language={tag}",
    "/3/tv/{series}?language={tag}",
    "/3/movie/{movie}/credits?language={tag}",
    "/3/movie/popular?language={tag}",
    "/3/search/movie?language={tag}&query=star",
    "/3/person/{person}?language={tag}",
    "/3/trending/movie/week?language={tag}",
    "/3/tv/{series}/credits?language={tag}",
)
# Bytes of the first picture that is handed out: about those of a w342 poster.
PICTURE = 30_000


def path_of(size: int) -> str:
    """The path of a picture of so many bytes (streamr/simulator/pictures/noise.py)."""
    return f"/t/p/original/noise{size}.png"


def poster(number: int) -> str:
    """The path of one of the posters of a picture host (pictures.py)."""
    return f"/t/p/w342/poster{number}.png"


def tags() -> Iterator[str]:
    """A language and a region, each pair once: en-AA&region=AA, en-AA&region=AB …

    Four letters behind `en-` would be the name of a script, which streamr leaves out
    as TMDB does: all those paths would be one.
    """
    for one, two, three, four in itertools.product(string.ascii_uppercase, repeat=4):
        yield f"en-{one}{two}&region={three}{four}"


class Paths:
    """Hands out paths that were never asked before."""

    def __init__(self) -> None:
        """Begin with the first."""
        self.count = 0
        self.tags = tags()
        self.sizes = itertools.count(PICTURE)

    def fresh(self, count: int) -> list[str]:
        """As many new paths, of all shapes in turn."""
        return [self.one(SHAPES[self.count % len(SHAPES)]) for _ in range(count)]

    def titles(self, count: int) -> list[str]:
        """As many new titles' details."""
        return [self.one(SHAPES[number % 2]) for number in range(count)]

    def pictures(self, count: int) -> list[str]:
        """As many new pictures, each of a length of its own."""
        return [path_of(next(self.sizes)) for _ in range(count)]

    def one(self, shape: str) -> str:
        """One new path of a shape."""
        number = self.count
        self.count += 1
        return shape.format(
            movie=MOVIES[number % len(MOVIES)],
            series=SERIES[number % len(SERIES)],
            person=PEOPLE[number % len(PEOPLE)],
            tag=next(self.tags),
        )


def zipf(paths: list[str], calls: int, seed: int, exponent: float = 1.0) -> list[str]:
    """Calls over paths as people make them: the n-th path 1/n as often as the first."""
    weights = [1 / rank**exponent for rank in range(1, len(paths) + 1)]
    return Random(seed).choices(paths, weights, k=calls)
