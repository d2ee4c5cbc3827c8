"""A picture that is being downloaded: a file beside the whole ones, until it is whole.

Nothing is synced. What `kill -9` leaves is what was written, as the system has it; and
after a power cut, for which alone a sync would help, a picture is downloaded again
(`reading.py` says how it is noticed). A sync would hold up the reactor for as long as
the disk takes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from streamr.boundaries import PictureHead
from streamr.interfaces import NewPicture
from streamr.store.pictures import head as heads
from streamr.store.pictures.folder import Folder, name_of
from streamr.store.pictures.reading import WholePicture
from streamr.store.pictures.space import DiskSpace


class NewPictureFile:
    """A new file. The body is written behind the place of its head, the head last.

    `most` is how many bytes the body may have; `kept` hears of a whole one.
    """

    def __init__(
        self,
        folder: Folder,
        space: DiskSpace,
        head: PictureHead,
        most: int,
        kept: Callable[[PictureHead], object],
    ) -> None:
        """Raises OSError when no file can be made."""
        self.size = 0
        self._folder = folder
        self._space = space
        self._head = head
        self._most = most
        self._kept = kept
        self._digest = hashlib.sha256()
        self._descriptor, path = folder.create()
        self._path: Path | None = path

    def write(self, data: bytes) -> bool:
        """Append; False when it can be kept no longer, and then none of it is there."""
        if self._path is None:
            return False
        grown = self.size + len(data)
        if grown > self._most or not self._space.grows(len(data)):
            self.abandon()
            return False
        try:
            self._folder.write(self._descriptor, data, heads.SIZE + self.size)
        except OSError as error:
            self._give_up(error)
            return False
        self._digest.update(data)
        self.size = grown
        return True

    def read(self, offset: int, size: int) -> bytes:
        """Up to so many bytes of those that are there. Raises OSError."""
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        return os.pread(self._descriptor, size, heads.SIZE + offset)

    def finish(self) -> WholePicture | None:
        """It is whole: give it its head and its name. None when it is not kept."""
        announced = self.size if self._head.length is None else self._head.length
        if self._path is None or not 0 < self.size == announced:
            self.abandon()
            return None
        whole = replace(self._head, length=self.size)
        try:
            picture = self._put_away(whole, self._path)
        except OSError as error:
            self._give_up(error)
            return None
        self._path = None
        self._space.worked()
        self._kept(whole)
        return picture

    def abandon(self) -> None:
        """It will not be whole."""
        if self._path is not None:
            path, self._path = self._path, None
            try:
                self._folder.discard(path)
            except OSError as error:
                self._space.failed(error)

    def close(self) -> None:
        """Nobody reads it here any more. Can be called again."""
        self.abandon()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            # the number may be another file's by now
            self._descriptor = -1

    def _put_away(self, whole: PictureHead, path: Path) -> WholePicture:
        head = heads.encode(whole, self._digest.digest())
        self._folder.write(self._descriptor, head, 0)
        # a start reads the age from here, without a look into the file
        os.utime(self._descriptor, (whole.made_at, whole.made_at))
        copy = os.dup(self._descriptor)
        try:
            self._folder.keep(path, name_of(whole.key))
        except OSError:
            os.close(copy)
            raise
        return WholePicture(copy, whole)

    def _give_up(self, error: OSError) -> None:
        self._space.failed(error)
        self.abandon()


_conforms: type[NewPicture] = NewPictureFile
