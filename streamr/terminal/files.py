"""Files that a command makes, and never overwrites."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from streamr.terminal.exits import give_up

# What only its owner may read, and what everybody may.
SECRET, PUBLIC = 0o600, 0o644


def write_new(folder: Path, files: Mapping[str, tuple[bytes, int]]) -> None:
    """Make a folder for its owner alone, if need be, and new files in it: contents and
    mode by name. Raises OSError; FileExistsError, before anything is written, where one
    of them is there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in files:
        path = folder / name
        if path.exists() or path.is_symlink():
            raise FileExistsError(0, "", str(path))
    for name, (content, mode) in files.items():
        # exclusive: whatever has come in between is not overwritten, either
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(folder / name, flags, mode), "wb") as file:
            file.write(content)


@contextmanager
def or_give_up(there: str) -> Iterator[None]:
    """Exit with 1 and a sentence when `write_new` fails within the block; `there` is
    said of a file that is there already."""
    try:
        yield
    except FileExistsError as error:
        give_up(1, [f"{error.filename} exists, and stays as it is: {there}"])
    except OSError as error:
        give_up(1, [f"{error.filename} cannot be written: {error.strerror}"])
