"""One stored response as a record: what is written, and the checksum that guards it."""

from __future__ import annotations

import hashlib
import json

from streamr.boundaries import StoredResponse, Validators
from streamr.policy import representation

# Key, head as JSON, gzip body, checksum, seconds since the epoch.
Record = tuple[str, str, bytes, bytes, float]
# Fields of a response that are neither bodies nor times.
_PLAIN = (
    "path",
    "kind",
    "status",
    "content_type",
    "etag",
    "lifetime",
    "while_revalidate",
    "if_error",
)


def encode(response: StoredResponse, stored_at: float) -> Record:
    """The record of a response: key, head as JSON, gzip body, checksum and `stored_at`,
    which is wall-clock seconds since the epoch: what leaves the process outlives its
    monotonic clock. A body that did not come in gzip is compressed here: it blocks."""
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
    checksum = _checksum(response.key, head, gzipped, stored_at)
    return response.key, head, gzipped, checksum, stored_at


def decode(row: Record, offset: float) -> StoredResponse | None:
    """The response of a record, or None when it is not what was written.

    `offset` leads from the wall clock to the monotonic one of this process, in seconds.
    """
    key, head, gzipped, checksum, stored_at = row
    try:
        if _checksum(key, head, gzipped, stored_at) != checksum:
            return None
        plain = json.loads(head)
        known = plain.pop("validators")
        return StoredResponse(
            key=key,
            body=representation.gunzipped(gzipped),
            gzipped=gzipped,
            brotli=None,
            validators=None if known is None else Validators(*known),
            stored_at=stored_at + offset,
            **plain,
        )
    except (ValueError, TypeError, AttributeError, OSError, EOFError):
        return None


def _checksum(key: str, head: str, gzipped: bytes, stored_at: float) -> bytes:
    made = hashlib.blake2b(digest_size=16)
    for part in (key.encode(), head.encode(), gzipped, repr(stored_at).encode()):
        made.update(len(part).to_bytes(8))
        made.update(part)
    return made.digest()
