"""Pictures of any length in bytes, for tests and benchmarks: nothing but noise."""

import re
from math import isqrt
from random import Random

from streamr.simulator.pictures import png
from streamr.simulator.tmdb.images import Drawing, Picture

# noise200000.png has 200,000 bytes.
NAME = re.compile(r"noise([1-9][0-9]{3,7})\.png")
LARGEST = 64_000_000
# What zlib adds to bytes that it only stores: at most so much, and one part in so many.
ENDS, STORED = 32, 4096


def size_of(name: str) -> int | None:
    """How many bytes a file of that name has, if it is one of these."""
    found = NAME.fullmatch(name)
    return int(found[1]) if found and int(found[1]) <= LARGEST else None


def drawing(size: int, variant: int = 0) -> Drawing:
    """A valid PNG of exactly so many bytes, always the same for a size and a variant.
    Below 1,000 bytes there is no room for one: then it has 1,000."""
    size = max(size, 1000)
    room = size - png.FRAME - 12
    side = isqrt((room - ENDS - room // STORED) // 3) - 1  # a row has 3 * side + 1
    dice = Random(f"{size} {variant}")
    rows = (b"\0" + dice.randbytes(3 * side) for _ in range(side))
    packed = yield from png.packed(rows, level=0)
    # a chunk that no reader knows and each skips: what is missing to the size
    rest = png.chunk(b"paDD", dice.randbytes(room - len(packed)))
    return Picture(png.KIND, png.joined(png.header(side, side) + rest, packed))


def noise(size: int, variant: int = 0) -> Picture:
    """The same, at once."""
    steps = drawing(size, variant)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            picture: Picture = end.value
            return picture
