"""The sizes of TMDB's image host: what part of a sheet is drawn on how many pixels."""

import re
from dataclasses import dataclass

SIZE = re.compile(
    r"original|w(?P<w>[0-9]{1,4})(?:_and_h(?P<crop>[0-9]{1,4})_[a-z0-9_]+)?"
    r"|h(?P<h>[0-9]{1,4})"
)
# Nobody shows more, and nobody is to make the simulator draw for minutes.
LARGEST = 2000


@dataclass(frozen=True, slots=True)
class Frame:
    """`width` times `height` pixels; a point of the sheet is at `scale` times itself
    less the offset."""

    width: int
    height: int
    scale: float
    left: float = 0.0
    top: float = 0.0


def framed(size: str, width: float, height: float) -> Frame | None:
    """The frame of a size for a sheet; None for what is no size."""
    found = SIZE.fullmatch(size)
    if found is None:
        return None
    if size == "original":
        return Frame(round(width), round(height), 1.0)
    across, crop, down = (int(found[name] or 0) for name in ("w", "crop", "h"))
    if found["crop"]:
        scale = max(across / width, crop / height)
        left, top = (width * scale - across) / 2, (height * scale - crop) / 2
        return checked(Frame(across, crop, scale, left, top))
    scale = across / width or down / height
    return checked(Frame(round(width * scale), round(height * scale), scale))


def checked(frame: Frame) -> Frame | None:
    """A frame that can be drawn."""
    sides = (frame.width, frame.height)
    return frame if min(sides) > 0 and max(sides) <= LARGEST else None
