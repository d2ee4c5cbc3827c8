"""One stored response as a record: what is written, and the checksum that guards it."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib

from streamr.boundaries import PurgeMark, StoredResponse, Validators
from streamr.policy import representation

# Key, head as JSON, gzip body, checksum, seconds since the epoch.
Record = tuple[str, str, bytes, bytes, float]
# Fields of a response that are neither bodies nor times, and what they are.
_PLAIN: dict[str, type | tuple[type, ...]] = {
    "path": str,
    "kind": str,
    "status": int,
    "content_type": str,
    "etag": str,
    "lifetime": (int, float),
    "while_revalidate": (int, float),
    "if_error": (int, float),
}


# What several streamr share: the form, a checksum, seconds since the epoch, the life of
# the engine and how many purges there had been, the length of the head; then the head
# and the gzip body.
_FORM = b"streamr1"
_SIZE = 16
_FIXED = struct.Struct(">d16sQI")
# What a damaged part makes its reader raise.
_DAMAGED = (
    *(ValueError, TypeError, AttributeError, KeyError, OSError, EOFError),
    *(RecursionError, struct.error, zlib.error),
)


def encode(response: StoredResponse, stored_at: float) -> Record:
    """The record of a response: key, head as JSON, gzip body, checksum and `stored_at`,
    which is wall-clock seconds since the epoch: what leaves the process outlives its
    monotonic clock. A body that did not come in gzip is compressed here: it blocks."""
    head, gzipped = _parts(response)
    checksum = _checksum(response.key, head, gzipped, stored_at)
    return response.key, head, gzipped, checksum, stored_at


def pack(response: StoredResponse, stored_at: float, mark: PurgeMark) -> bytes:
    """The same in one piece, with what had been purged when its answer was asked
    for."""
    head, gzipped = _parts(response)
    life = mark.life.encode()
    fixed = _FIXED.pack(stored_at, life, mark.count, len(head))
    rest = fixed + head.encode() + gzipped
    return _FORM + _digest(response.key.encode(), rest) + rest


def unpack(
    key: str, value: bytes, offset: float
) -> tuple[StoredResponse, PurgeMark] | None:
    """The response and its mark; None when it is not what was packed for this key in
    this form. `offset` is as for `decode`."""
    begins = len(_FORM) + _SIZE
    rest = value[begins:]
    if value[:begins] != _FORM + _digest(key.encode(), rest):
        return None
    try:
        stored_at, life, count, length = _FIXED.unpack_from(rest)
        ends = _FIXED.size + length
        head, gzipped = rest[_FIXED.size : ends].decode(), rest[ends:]
        mark = PurgeMark(life.rstrip(b"\0").decode(), count)
        return _response(key, head, gzipped, stored_at + offset), mark
    except _DAMAGED:
        return None


def decode(row: Record, offset: float) -> StoredResponse | None:
    """The response of a record, or None when it is not what was written.

    `offset` leads from the wall clock to the monotonic one of this process, in seconds.
    """
    key, head, gzipped, checksum, stored_at = row
    try:
        if _checksum(key, head, gzipped, stored_at) != checksum:
            return None
        return _response(key, head, gzipped, stored_at + offset)
    except _DAMAGED:
        return None


def _parts(response: StoredResponse) -> tuple[str, bytes]:
    """The head, and the body in gzip."""
    gzipped = response.gzipped
    if gzipped is None:
        gzipped = representation.gzipped(response.body)
    known = response.validators
    head = json.dumps(
        {
            **{name: getattr(response, name) for name in _PLAIN},
            "validators": None if known is None else [known.etag, known.last_modified],
        }
    )
    return head, gzipped


def _response(key: str, head: str, gzipped: bytes, stored_at: float) -> StoredResponse:
    """Raises one of `_DAMAGED`."""
    plain = json.loads(head)
    known = plain.pop("validators")
    for name, kind in _PLAIN.items():
        if not isinstance(plain[name], kind):
            raise TypeError(name)
    return StoredResponse(
        key=key,
        body=representation.gunzipped(gzipped),
        gzipped=gzipped,
        brotli=None,
        validators=None if known is None else Validators(*known),
        stored_at=stored_at,
        **plain,
    )


def _checksum(key: str, head: str, gzipped: bytes, stored_at: float) -> bytes:
    return _digest(key.encode(), head.encode(), gzipped, repr(stored_at).encode())


def _digest(*parts: bytes) -> bytes:
    made = hashlib.blake2b(digest_size=_SIZE)
    for part in parts:
        made.update(len(part).to_bytes(8))
        made.update(part)
    return made.digest()
