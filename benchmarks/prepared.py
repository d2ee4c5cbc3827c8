"""Stores that are full when a server starts: one real record under many keys.

Asking for a hundred thousand pages would take minutes; reading them takes seconds.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from twisted.internet.task import Clock

from streamr.app.pictures import FOLDER
from streamr.boundaries import PictureHead, StoredResponse
from streamr.policy.cachekey import key
from streamr.simulator.pictures.noise import noise
from streamr.simulator.pictures.png import KIND
from streamr.store.pictures.files import PictureStore
from streamr.store.pictures.space import MB
from streamr.store.sqlite import DiskStore
from streamr.tmdb import catalogue
from streamr.tmdb.target import split
from streamr.web.api.target import main_query

from .bench import US
from .cost import Stage, entered
from .pictures import path_of

# The smallest of the pictures (bytes), and how much room there is for all of them.
SMALLEST, PICTURES_MB = 10_000, 1024


async def recorded(stage: Stage) -> tuple[Path, StoredResponse]:
    """A folder of state for a server on this stage, and the record of one list in it,
    as streamr has written it."""
    state = entered(stage.bench.directory, "state")
    settings = {"STATE_DIRECTORY": str(state), "STREAMR_WARM": "none"}
    async with stage.contestant(US, settings=settings) as ours:
        await ours.client.get(stage.lists(1)[0])
    (record,) = _store(state).load()
    return state, record


def shortened(record: StoredResponse, titles: int) -> StoredResponse:
    """The same list with fewer titles."""
    value = json.loads(record.body)
    value["results"] = value["results"][:titles]
    body = json.dumps(value, separators=(",", ":")).encode()
    return replace(record, body=body, gzipped=gzip.compress(body, 6, mtime=0))


def fill(state: Path, record: StoredResponse, targets: Sequence[str]) -> None:
    """Make this record the answer to all targets. No server may use the folder now."""
    find = main_query(catalogue.load())
    store = _store(state)
    try:
        names = [key(find(*split(target.encode()))) for target in targets]
        store.write([replace(record, key=name) for name in names], [])
    finally:
        store.close()


def fill_pictures(state: Path, count: int) -> None:
    """Store so many pictures of noise, of `SMALLEST` bytes and each one byte more. No
    server may use the folder now."""
    store = PictureStore(state / FOLDER, PICTURES_MB * MB, Clock(), time.time)
    for size in range(SMALLEST, SMALLEST + count):
        new = store.begin(
            PictureHead(path_of(size), KIND, f'"{size}"', size, time.time())
        )
        if new is None or not new.write(noise(size).data):
            raise RuntimeError(f"the disk takes no pictures: {store.stats().trouble}")
        picture = new.finish()
        if picture is None:
            raise RuntimeError(f"the disk keeps no pictures: {store.stats().trouble}")
        picture.close()
        new.close()


def _store(state: Path) -> DiskStore:
    (file,) = state.glob("cache-*.sqlite")
    return DiskStore(file, 10**7, time.monotonic, time.time)
