"""A part of a response: the Range field, and what is answered to it (RFC 9110, 14).

One range is answered, and of several none: then the whole is (14.2 leaves that open).
Units other than bytes, and what cannot be read, are as good as no range at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# More digits than any body has bytes.
_RANGE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,15})-([0-9]{0,15})[ \t]*", re.I)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last`, both included, of `size`; without a `first` nothing of
    what was asked for is there."""

    first: int | None
    last: int
    size: int

    @property
    def field(self) -> str:
        """The Content-Range field (14.4)."""
        told = "*" if self.first is None else f"{self.first}-{self.last}"
        return f"bytes {told}/{self.size}"


def span(field: str, size: int | None) -> Span | None:
    """What a Range field asks for of a body of `size` bytes; None for the whole, also
    where the size is not known yet."""
    found = _RANGE.fullmatch(field)
    if found is None or size is None or found[1] == found[2] == "":
        return None
    if not found[1]:  # the last so many bytes
        count = min(int(found[2]), size)
        return Span(size - count if count else None, size - 1, size)
    first, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if found[2] and last < first:
        return None
    if first >= size:
        return Span(None, size - 1, size)
    return Span(first, min(last, size - 1), size)


def applies(if_range: str, etag: str) -> bool:
    """Whether the condition of a Range holds (13.1.5): a strong entity tag that is this
    one. A date is none of ours."""
    return if_range in ("", etag)
