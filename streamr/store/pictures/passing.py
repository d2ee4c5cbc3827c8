"""Pictures that are passed on and not kept.

Each lies on the disk until its last reader has it: a sender that had to wait for a slow
reader would hold one of the few places at TMDB's host.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.interfaces import IReactorTime

from streamr.boundaries import PictureHead, PictureStats
from streamr.interfaces import NewPicture, PictureFile, PictureFiles
from streamr.store.pictures.folder import Folder
from streamr.store.pictures.space import MB, DiskSpace
from streamr.store.pictures.writing import NewPictureFile

# As much as a body may have (upstream/stream.py).
MOST_OF_ONE = 64 * MB


class PassingPictures:
    """A store that never has a picture."""

    bytes = 0
    most_bytes = 0

    def __init__(self, folder: Path, clock: IReactorTime) -> None:
        """It may share its folder with a store that keeps them."""
        self._folder = Folder(folder)
        self._space = DiskSpace(self._folder.room, clock)

    def __len__(self) -> int:
        return 0

    def load(self) -> None:
        """Remove what a process has left that was killed. Blocks."""
        try:
            self._folder.tidy()
        except OSError as error:
            self._space.failed(error)

    def find(self, key: str) -> PictureFile | None:
        """None: nothing is kept."""
        return None

    def knows(self, key: str) -> bool:
        """False: nothing is kept."""
        return False

    def begin(self, head: PictureHead) -> NewPicture | None:
        """Somewhere to write a picture to; None when the disk is too full."""
        if not self._space.takes(head.length or 0):
            return None
        try:
            return PassingFile(
                self._folder, self._space, head, MOST_OF_ONE, lambda _head: None
            )
        except OSError as error:
            self._space.failed(error)
            return None

    def purge(self, unwanted: Callable[[str], bool] | None = None) -> int:
        """There is nothing to drop."""
        return 0

    def scrub(self, now: float) -> int:
        """There is nothing to look at."""
        return 0

    def stats(self) -> PictureStats:
        """Nothing is kept."""
        return PictureStats(0, 0, 0, trouble=self._space.trouble)


class PassingFile(NewPictureFile):
    """A picture that has no name once it is whole: it lasts as long as it is read."""

    def finish(self) -> None:
        """It is not kept."""
        self.abandon()


_conforms: type[PictureFiles] = PassingPictures
_writes: type[NewPicture] = PassingFile
