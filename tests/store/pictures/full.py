"""Stores pictures on a disk that is full, or becomes so, and says what happened.

    python -m tests.store.pictures.full FOLDER

To be run where FOLDER is on a small disk of its own, or no file may become large.
Prints as JSON how many bytes of one picture were taken, whether those can be read,
whether it was kept, why nothing more is, and how many files are there.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from twisted.internet.task import Clock

from streamr.store.pictures.files import PictureStore
from streamr.store.pictures.space import MB
from tests.store.pictures.support import NOW, head

# No divisor of a page: the last piece that is taken is taken in part.
PIECE = 10_007


def main(folder: Path) -> dict[str, object]:
    """What came of one picture of up to 3 MB."""
    store = PictureStore(folder, 1024 * MB, Clock(), lambda: NOW)
    new = store.begin(head())
    assert new is not None
    body = bytes(range(256)) * 12 * 1024
    while new.size < len(body) and new.write(body[new.size : new.size + PIECE]):
        pass
    # what follows the last whole piece is not there, though the disk took some of it
    readable = new.read(0, len(body)) == body[: new.size]
    kept = new.finish() is not None
    new.close()
    files = sum(each.is_file() for each in folder.rglob("*"))
    return {
        "pieces": new.size // PIECE,
        "readable": readable,
        "kept": kept,
        "trouble": store.stats().trouble,
        "files": files,
    }


if __name__ == "__main__":
    # a limit on a file's size is an error then, and not a signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    print(json.dumps(main(Path(sys.argv[1]))))
