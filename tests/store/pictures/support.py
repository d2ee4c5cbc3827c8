"""Folders that fail as disks do, and short names for what a picture's test needs."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from streamr.boundaries import PictureHead
from streamr.store.pictures.files import PictureStore
from streamr.store.pictures.folder import Folder, name_of
from streamr.store.pictures.reading import WholePicture
from streamr.store.pictures.space import MB, Room

NOW = 1_800_000_000.0
KEY = "/t/p/w342/abc.jpg"


def head(key: str = KEY, length: int | None = None, **more: Any) -> PictureHead:
    """The head of a picture that TMDB has just sent."""
    values = {"content_type": "image/jpeg", "etag": '"x"', "made_at": NOW, **more}
    return PictureHead(key, length=length, **values)


class TestFolder(Folder):
    """A real folder on a disk of which a test says how full it is, and what fails: the
    next calls of a method raise the error that `errors` has for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path
        self.free = 100_000 * MB
        self.errors: dict[str, OSError] = {}

    def room(self) -> Room:
        self._fail("room")
        return Room(self.free, 100_000 * MB)

    def open(self, name: bytes) -> int:
        self._fail("open")
        return super().open(name)

    def create(self) -> tuple[int, Path]:
        self._fail("create")
        return super().create()

    def write(self, descriptor: int, data: bytes, offset: int) -> None:
        where = "write head" if offset == 0 else "write"
        if where in self.errors:
            # a disk that becomes full takes a part
            super().write(descriptor, data[: len(data) // 2], offset)
        self._fail(where)
        super().write(descriptor, data, offset)

    def keep(self, download: Path, name: bytes) -> None:
        self._fail("keep")
        super().keep(download, name)

    def drop(self, name: bytes) -> None:
        self._fail("drop")
        super().drop(name)

    def _fail(self, method: str) -> None:
        if method in self.errors:
            raise self.errors[method]


def error(number: int) -> OSError:
    """As the system raises it, with a path that nobody is to be told."""
    return OSError(number, os.strerror(number), "/somewhere")


FULL = error(errno.ENOSPC)


@dataclass
class World:
    """A store of pictures with its folder and its clocks."""

    path: Path
    most_bytes: int = 10 * MB
    clock: Clock = field(default_factory=Clock)
    now: float = NOW

    def __post_init__(self) -> None:
        self.folder = TestFolder(self.path)
        self.store = self.again()

    def again(self, most_bytes: int | None = None) -> PictureStore:
        """The store of a new process in the same folder."""
        most = self.most_bytes if most_bytes is None else most_bytes
        self.store = PictureStore(self.folder, most, self.clock, lambda: self.now)
        return self.store

    def loaded(self, most_bytes: int | None = None) -> PictureStore:
        """The same, when it has looked what is there."""
        self.again(most_bytes).load()
        return self.store

    def put(self, key: str = KEY, body: bytes = b"picture", **more: Any) -> bool:
        """Download a picture; whether it was kept."""
        new = self.store.begin(head(key, **more))
        if new is None:
            return False
        new.write(body)
        whole = new.finish()
        new.close()
        if whole is not None:
            whole.close()
        return whole is not None

    def get(self, key: str = KEY) -> bytes | None:
        """The body of a picture, read piece by piece; None when it is not there."""
        found = self.store.find(key)
        if found is None:
            return None
        try:
            return read(found)
        finally:
            found.close()

    def file(self, key: str = KEY) -> Path:
        """Where the picture is."""
        text = name_of(key).hex()
        return self.path / text[:2] / text[2:]

    def files(self) -> list[Path]:
        """Every file in the folder, of downloads as well."""
        return sorted(each for each in self.path.rglob("*") if each.is_file())

    def change(self, offset: int, data: bytes, key: str = KEY) -> None:
        """Write over a stored file."""
        with self.file(key).open("r+b") as file:
            file.seek(offset)
            file.write(data)


def read(picture: WholePicture, piece: int = 4096) -> bytes:
    """All of a body."""
    body = b""
    while data := picture.read(len(body), piece):
        body += data
    return body
