"""Whether the disk takes more pictures, and how many it should hold.

It stops at a reserve of free space, and after an error for a while. Both are said once,
and once more when pictures are kept again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

_log = Logger()

MB = 1024 * 1024
# What is left for everything else on that disk: the answers' own file and its journal
# (STREAMR_CACHE_MB is 64 by default), the log, and what the machine writes.
RESERVE = 256 * MB
# On a small disk a twentieth is, as much as ext4 keeps for root.
RESERVE_SHARE = 0.05
# After a stop so much more than the reserve has to be free: else each picture that
# leaves would let another one in, and each would be told.
RESUME_SHARE = 0.1
# The disk is looked at after so many written bytes: others write to it as well.
LOOK_EVERY = 4 * MB
# After an error the disk is tried again (seconds).
TRY_AGAIN = 60.0
# What a cache of pictures is by default.
USUAL = 1024 * MB
USUAL_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Room:
    """The free bytes of a disk, as far as this user may take them, and all of it."""

    free: int
    total: int


def room(directory: Path) -> Room:
    """Of the disk where this folder is, or will be. Raises OSError."""
    try:
        found = os.statvfs(directory)
    except FileNotFoundError:
        if directory == directory.parent:
            raise
        return room(directory.parent)
    return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def usual_bytes(directory: Path) -> int:
    """How many bytes of pictures are kept there by default. Raises OSError."""
    return usual_of(room(directory))


def usual_of(found: Room) -> int:
    """The same of a disk with so much room."""
    return min(USUAL, int(found.free * USUAL_SHARE))


def reserve(total: int) -> int:
    """How many bytes of a disk of this size stay free."""
    return min(RESERVE, int(total * RESERVE_SHARE))


def reason(error: OSError) -> str:
    """What is wrong, without the path that an error of the system names."""
    return error.strerror or type(error).__name__


class DiskSpace:
    """Asked before something is written, and told what came of it."""

    def __init__(self, look: Callable[[], Room], clock: IReactorTime) -> None:
        self._look = look
        self._clock = clock
        self._written = 0
        self._again_at = clock.seconds()
        self.trouble = ""

    def takes(self, size: int) -> bool:
        """Whether something of about this size may be begun."""
        return self._clock.seconds() >= self._again_at and self._has_room(size)

    def grows(self, size: int) -> bool:
        """Whether so many bytes may be added to what was begun."""
        self._written += size
        return self._written < LOOK_EVERY or self._has_room(size)

    def failed(self, error: OSError) -> None:
        """The disk has not taken something."""
        self._again_at = self._clock.seconds() + TRY_AGAIN
        self._stop(reason(error))

    def worked(self) -> None:
        """A picture was kept."""
        if self.trouble and self._clock.seconds() >= self._again_at:
            self.trouble = ""
            _log.info("Pictures are stored on disk again")

    def _has_room(self, size: int) -> bool:
        try:
            found = self._look()
        except OSError as error:
            self.failed(error)
            return False
        self._written = 0
        least = reserve(found.total)
        more = least * RESUME_SHARE if self.trouble else 0
        if found.free - size >= least + more:
            return True
        self._stop(
            f"{found.free // MB} MB are free on its disk, and {least // MB} MB stay so"
        )
        return False

    def _stop(self, why: str) -> None:
        if not self.trouble:
            _log.warn(
                "No more pictures are stored on disk: {why}",
                why=why,
                code="pictures-not-stored",
            )
        self.trouble = why
