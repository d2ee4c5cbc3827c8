"""The whole pictures: each is checked when it is opened, and dropped when it is torn,
of another version or too old."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import PictureHead
from streamr.policy.freshness import HOUR, MOST_KEPT
from streamr.store.pictures import head as heads
from streamr.store.pictures.folder import Folder, name_of
from streamr.store.pictures.index import PictureIndex
from streamr.store.pictures.losses import Losses
from streamr.store.pictures.reading import WRONG_BYTES, Damaged, read_head
from streamr.store.pictures.space import DiskSpace

# What is dated later than this from now (seconds) was written by a clock that was
# ahead, and would outlive the outer bound.
MOST_AHEAD = HOUR


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A file whose head is believed, open; `digest` is what its body should have."""

    name: bytes
    descriptor: int
    head: PictureHead
    digest: bytes

    @property
    def length(self) -> int:
        """That of the body (bytes)."""
        return self.head.length or 0


def is_out_of_date(made_at: float, now: float) -> bool:
    """Whether a picture of that time (wall clock, seconds) may be served no more."""
    return not now - MOST_KEPT < made_at < now + MOST_AHEAD


class KeptPictures:
    """Files and their index, which follows what becomes of them. For any thread."""

    def __init__(
        self, folder: Folder, space: DiskSpace, most_bytes: int, clock: IReactorTime
    ) -> None:
        self._folder = folder
        self._space = space
        self.index = PictureIndex(most_bytes, self._evict)
        self.losses = Losses(clock)

    def load(self, now: float) -> None:
        """Find what is there, and drop what is too old. Raises OSError."""
        # as they came, so that the oldest are the first to leave
        files = sorted(self._folder.files(), key=lambda each: each.made_at)
        old = {each.name for each in files if is_out_of_date(each.made_at, now)}
        for name in old:
            self._expire(name)
        self.index.find([each for each in files if each.name not in old])

    def open(self, name: bytes, now: float) -> OpenPicture | None:
        """The file of this name, if it is there and believed."""
        try:
            descriptor = self._folder.open(name)
        except FileNotFoundError:
            self.index.forget(name)
            return None
        except OSError:
            # too many open files, perhaps: that says nothing of the picture
            return None
        believed = self._believed(descriptor, name, now)
        if believed is None:
            os.close(descriptor)
        return believed

    def add(self, head: PictureHead) -> None:
        """There is a new one, which is right."""
        size = heads.SIZE + (head.length or 0)
        self.index.add(name_of(head.key), size, right=True)

    def compare(self, opened: OpenPicture) -> None:
        """Read all of it, compare it with its digest, and close it."""
        try:
            with os.fdopen(opened.descriptor, "rb", buffering=0) as file:
                file.seek(heads.SIZE)
                if hashlib.file_digest(file, "sha256").digest() != opened.digest:
                    raise Damaged(WRONG_BYTES)
        except OSError as error:
            self.damage(opened.name, error)
        else:
            self.index.mark_right(opened.name)

    def damage(self, name: bytes, error: OSError) -> None:
        """It is not what was written."""
        self.losses.damage(error)
        self.remove(name)

    def remove(self, name: bytes) -> bool:
        """Take it off the disk; False when the disk does not let go of it."""
        self.index.forget(name)
        try:
            self._folder.drop(name)
        except OSError as error:
            self._space.failed(error)
            return False
        return True

    def _believed(self, descriptor: int, name: bytes, now: float) -> OpenPicture | None:
        try:
            head, digest = read_head(descriptor)
            if name_of(head.key) != name:
                raise Damaged("it holds the picture of another key")
        except OSError as error:
            self.damage(name, error)
            return None
        if is_out_of_date(head.made_at, now):
            self._expire(name)
            return None
        return OpenPicture(name, descriptor, head, digest)

    def _expire(self, name: bytes) -> None:
        self.losses.expired += 1
        self.remove(name)

    def _evict(self, name: bytes) -> None:
        self.losses.evicted += 1
        self.remove(name)
