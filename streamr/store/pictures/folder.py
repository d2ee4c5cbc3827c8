"""The folder of the pictures: what its files are called, and what the system is asked.

    tmp/        downloads, each locked by the process that writes it
    ab/cdef…    whole pictures, by the SHA-256 of their key

Anything else in it is left alone. Several processes may share it: a rename puts a
picture there whole or not at all, and what another has removed is not missed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from streamr.store.pictures.space import Room, room

_TWO, _REST = re.compile(r"[0-9a-f]{2}"), re.compile(r"[0-9a-f]{62}")
# no link is followed out of the folder, and a pipe under such a name stops nobody
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


# Names that were made before: each picture's is needed twice when it is found.
REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file by its name; `size` in bytes, `made_at` in seconds of the wall clock."""

    name: bytes
    size: int
    made_at: float


@lru_cache(REMEMBERED)
def name_of(key: str) -> bytes:
    """What the file of this key is called: a key is a path, and may be long."""
    return hashlib.sha256(key.encode()).digest()


class Folder:
    """Every call of the system that concerns the files, so that a test can let one
    fail. All raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = str(path)
        self._downloads = path / "tmp"

    def room(self) -> Room:
        """How full the disk is."""
        return room(self._path)

    def files(self) -> Iterator[FoundFile]:
        """Every whole picture, without a look into it."""
        for part in _listed(self._path):
            if _TWO.fullmatch(part.name) and part.is_dir(follow_symlinks=False):
                found = (_found(part.name, each) for each in _listed(part.path))
                yield from (each for each in found if each is not None)

    def open(self, name: bytes) -> int:
        """A descriptor to read from."""
        return os.open(self._file(name), _READ)

    def create(self) -> tuple[int, Path]:
        """A new file to write to, and where it is."""
        path = self._downloads / secrets.token_hex(16)
        try:
            descriptor = os.open(path, _NEW, 0o600)
        except FileNotFoundError:
            self._make(self._downloads)
            descriptor = os.open(path, _NEW, 0o600)
        with contextlib.suppress(OSError):
            # where nothing can be locked, another's start may cost a download
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor, path

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        """All of it: a disk that becomes full takes a part, and fails with the next."""
        left = memoryview(data)
        while left:
            written = os.pwrite(descriptor, left, offset)
            left, offset = left[written:], offset + written

    def keep(self, download: Path, name: bytes) -> None:
        """Give what was written its name; one of that name is replaced."""
        place = Path(self._file(name))
        try:
            download.replace(place)
        except FileNotFoundError:
            self._make(place.parent)
            download.replace(place)

    def drop(self, name: bytes) -> None:
        """Remove a picture; whoever reads it reads on."""
        Path(self._file(name)).unlink(missing_ok=True)

    def discard(self, download: Path) -> None:
        """Remove what was not finished."""
        download.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove the downloads of processes that have ended."""
        for entry in _listed(self._downloads):
            if entry.is_file(follow_symlinks=False):
                _remove_unlocked(Path(entry.path))

    def _file(self, name: bytes) -> str:
        # a Path takes longer to make than its file takes to open
        text = name.hex()
        return f"{self._root}/{text[:2]}/{text[2:]}"

    def _make(self, folder: Path) -> None:
        """A folder in ours. Parents would get the mode that is usual for strangers."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)


def _listed(path: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _found(part: str, entry: os.DirEntry[str]) -> FoundFile | None:
    if not _REST.fullmatch(entry.name):
        return None
    try:
        known = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(known.st_mode):
        return None
    name = bytes.fromhex(part + entry.name)
    return FoundFile(name, known.st_size, known.st_mtime)


def _remove_unlocked(path: Path) -> None:
    # a lock ends with its process, whatever has ended that
    with contextlib.suppress(FileNotFoundError, BlockingIOError):
        descriptor = os.open(path, _READ)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)
