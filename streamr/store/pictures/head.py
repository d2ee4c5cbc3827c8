"""The head of a stored picture: 512 bytes of JSON in front of its own."""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import asdict, replace
from functools import lru_cache

from streamr.boundaries import PictureHead

# A tenth of that is usual; with it the body begins at a sector of the disk.
SIZE = 512
# Raised when the shape of a head changes; files of another version are dropped.
VERSION = 1
DIGEST_BYTES = 32
# Heads that were read before: those of pictures that many ask for.
REMEMBERED = 1024
# No picture is longer, and no length is written with more digits.
_LONGEST = 10**15


def encode(head: PictureHead, digest: bytes) -> bytes:
    """The head of a whole picture, with the SHA-256 of its body.

    Raises ValueError when it does not fit.
    """
    plain = {"version": VERSION, **asdict(head), "digest": digest.hex()}
    text = json.dumps({**plain, "check": _check(plain)}).encode()
    if len(text) > SIZE:
        raise ValueError(f"a head of {len(text)} bytes, and {SIZE} are the most")
    return text.ljust(SIZE)


def fits(head: PictureHead) -> bool:
    """Whether it can be written, whatever the length turns out to be."""
    try:
        encode(replace(head, length=_LONGEST), bytes(DIGEST_BYTES))
    except ValueError:
        return False
    return True


@lru_cache(REMEMBERED)
def decode(raw: bytes) -> tuple[PictureHead, bytes] | None:
    """Head and digest, or None when these bytes are not what `encode` has written: of
    a type or an ETag with one wrong bit nobody would notice later."""
    try:
        plain = json.loads(raw)
        if plain.pop("check") != _check(plain) or plain.pop("version") != VERSION:
            return None
        digest = bytes.fromhex(plain.pop("digest"))
        head = PictureHead(**plain)
        # also what checks itself was written by somebody
        named = isinstance(head.key, str)
        whole = isinstance(head.length, int) and 0 < head.length <= _LONGEST
        dated = math.isfinite(head.made_at)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return (head, digest) if named and whole and dated else None


def _check(plain: dict[str, object]) -> int:
    return zlib.crc32(json.dumps(plain).encode())
