"""The cache of pictures on disk. There is no database: each file holds what is known of
its picture, and what counts is what it says when it is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import PictureHead, PictureStats
from streamr.interfaces import PictureFiles
from streamr.policy.s3fifo import SMALL_SHARE
from streamr.store.pictures import head as heads
from streamr.store.pictures.folder import Folder, FoundFile, name_of
from streamr.store.pictures.kept import KeptPictures, OpenPicture, is_out_of_date
from streamr.store.pictures.reading import BodyCheck, WholePicture
from streamr.store.pictures.space import DiskSpace
from streamr.store.pictures.writing import NewPictureFile


class PictureStore:
    """Pictures in one folder, at most `most_bytes` of them; `wall` is the wall clock.

    What is being downloaded comes on top of `most_bytes` until it is whole. The folder
    belongs to pictures only; it is made when the first one comes.
    """

    def __init__(
        self,
        folder: Path | Folder,
        most_bytes: int,
        clock: IReactorTime,
        wall: Callable[[], float],
    ) -> None:
        self._folder = Folder(folder) if isinstance(folder, Path) else folder
        self._wall = wall
        self._space = DiskSpace(self._folder.room, clock)
        self._kept = KeptPictures(self._folder, self._space, most_bytes, clock)
        # one that is larger than the newcomers' queue would leave with the next
        self._most_of_one = int(most_bytes * SMALL_SHARE) - heads.SIZE

    @property
    def bytes(self) -> int:
        """What the whole pictures take on the disk."""
        return self._kept.index.total

    @property
    def most_bytes(self) -> int:
        """What they may take."""
        return self._kept.index.most

    def __len__(self) -> int:
        return len(self._kept.index)

    def load(self) -> None:
        """Find what is there, and drop what is too old. Blocks."""
        try:
            self._folder.tidy()
            self._kept.load(self._wall())
        except OSError as error:
            self._space.failed(error)

    def find(self, key: str) -> WholePicture | None:
        """The picture of this key, open; None when there is no good one."""
        if not self.most_bytes:
            return None
        name = name_of(key)
        opened = self._kept.open(name, self._wall())
        if opened is None:
            return None
        is_right = self._kept.index.ask(name, heads.SIZE + opened.length)
        return WholePicture(
            opened.descriptor,
            opened.head,
            None if is_right else self._check(opened),
            partial(self._kept.damage, name),
        )

    def knows(self, key: str) -> bool:
        """Whether there is one of this key, by the index."""
        return name_of(key) in self._kept.index

    def begin(self, head: PictureHead) -> NewPictureFile | None:
        """Somewhere to write a picture to; None when it will not be kept."""
        length = head.length or 0
        if length > self._most_of_one or not heads.fits(head):
            return None
        if is_out_of_date(head.made_at, self._wall()) or not self._space.takes(length):
            return None
        try:
            return NewPictureFile(
                self._folder, self._space, head, self._most_of_one, self._kept.add
            )
        except OSError as error:
            self._space.failed(error)
            return None

    def purge(self, unwanted: Callable[[str], bool] | None = None) -> int:
        """Drop those with an unwanted key, or all; how many those were. Blocks."""
        count = 0
        try:
            for each in self._folder.files():
                if unwanted is None or self._is(unwanted, each):
                    count += self._kept.remove(each.name)
        except OSError as error:
            self._space.failed(error)
        return count

    def scrub(self, now: float) -> int:
        """Compare the next picture with its digest; bytes read. Blocks."""
        name = self._kept.index.next_name()
        if name is None:
            return 0
        opened = self._kept.open(name, now)
        if opened is None:
            return heads.SIZE
        self._kept.compare(opened)
        return heads.SIZE + opened.length

    def stats(self) -> PictureStats:
        """How it is doing."""
        losses = self._kept.losses
        return PictureStats(
            pictures=len(self),
            bytes=self.bytes,
            most_bytes=self.most_bytes,
            evicted=losses.evicted,
            damaged=losses.damaged,
            expired=losses.expired,
            trouble=self._space.trouble,
        )

    def _check(self, opened: OpenPicture) -> BodyCheck:
        right = partial(self._kept.index.mark_right, opened.name)
        return BodyCheck(opened.length, opened.digest, right)

    def _is(self, unwanted: Callable[[str], bool], file: FoundFile) -> bool:
        opened = self._kept.open(file.name, self._wall())
        if opened is None:
            return False
        os.close(opened.descriptor)
        return unwanted(opened.head.key)


_conforms: type[PictureFiles] = PictureStore
