"""A whole picture, as a reader has it open.

Its size is compared with its head when it is opened, and its bytes with their digest
while they are read for the first time since the start: that costs one pass of SHA-256,
no wait, and finds what a size cannot show. After a power cut a file can have its name
and its length without its bytes, as nothing is synced (see `writing.py`), and a disk
can change a bit. The last piece of such a picture is never handed out.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable

from streamr.boundaries import PictureHead
from streamr.interfaces import PictureFile
from streamr.store.pictures import head as heads

WRONG_BYTES = "its bytes are not those that were written"


class Damaged(OSError):
    """A file is not what was written."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EIO, why)


def read_head(descriptor: int) -> tuple[PictureHead, bytes]:
    """Head and digest of an open file. Raises Damaged, or another OSError."""
    found = heads.decode(os.pread(descriptor, heads.SIZE, 0))
    if found is None:
        raise Damaged("its head is not one of this version")
    if os.fstat(descriptor).st_size != heads.SIZE + (found[0].length or 0):
        raise Damaged("its size is not that in its head")
    return found


class BodyCheck:
    """Compares a body with its digest while it is read from its beginning to its end.

    `right` is called when they agree. Who reads only a part learns nothing.
    """

    def __init__(self, length: int, digest: bytes, right: Callable[[], object]) -> None:
        self._left = length
        self._digest = digest
        self._right = right
        self._made = hashlib.sha256()
        self._next = 0

    def take(self, offset: int, data: bytes) -> None:
        """Take a piece. Raises Damaged with the last one."""
        if offset != self._next:
            return
        self._made.update(data)
        self._next += len(data)
        self._left -= len(data)
        if self._left:
            return
        if self._made.digest() != self._digest:
            raise Damaged(WRONG_BYTES)
        self._right()


class WholePicture:
    """An open file with a good head. `broken` hears why it cannot be read on, once."""

    def __init__(
        self,
        descriptor: int,
        head: PictureHead,
        check: BodyCheck | None = None,
        broken: Callable[[OSError], object] = lambda _error: None,
    ) -> None:
        self.head = head
        self._descriptor = descriptor
        self._check = check
        self._broken = broken
        self._error: OSError | None = None

    def read(self, offset: int, size: int) -> bytes:
        """Up to so many bytes of the body; b"" at its end only.

        Raises OSError when it is damaged, and with every call after that.
        """
        if self._error is not None:
            raise self._error
        size = min(size, (self.head.length or 0) - offset)
        if size <= 0:
            return b""
        try:
            return self._piece(offset, size)
        except OSError as error:
            self._error = error
            self._broken(error)
            raise

    def _piece(self, offset: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, heads.SIZE + offset)
        if not data:
            raise Damaged("it has become shorter")
        if self._check is not None:
            self._check.take(offset, data)
        return data

    def close(self) -> None:
        """Let go of it. Can be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            # the number may be another file's by now, and none of ours is broken
            self._descriptor = -1
            self._error = OSError(errno.EBADF, "the picture is closed")


_conforms: type[PictureFile] = WholePicture
