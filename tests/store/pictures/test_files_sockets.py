"""The cache of pictures in real processes: killed, and on a disk that is full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE, ROOT
from tests.store.pictures.full import PIECE

TIMES = 20
# A disk of one megabyte of its own, then the command that follows.
SMALL_DISK = """
mount -t tmpfs -o size=1m,mode=700 none "$0" && exec "$@"
"""
IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "--")


def can_mount() -> bool:
    """Whether this machine lets its users have disks of their own."""
    try:
        return not subprocess.run([*IN_A_NAMESPACE, "true"], check=False).returncode
    except FileNotFoundError:
        return False


def told(*command: str) -> Any:
    """What a program of this folder prints."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, timeout=PATIENCE, check=True
    )
    return json.loads(done.stdout)


def test_a_killed_process_leaves_no_torn_picture_and_loses_no_whole_one(
    tmp_path: Path,
) -> None:
    module = "tests.store.pictures.killed"
    found = told(sys.executable, "-m", module, str(tmp_path), str(TIMES))
    assert found.pop("whole") >= TIMES
    assert found == {"amid": TIMES, "lost": 0, "torn": 0, "left": 0}


def test_a_file_that_may_not_grow_is_given_up_and_what_it_has_is_readable(
    tmp_path: Path,
) -> None:
    limited = 'ulimit -f 1024 && exec "$0" -m tests.store.pictures.full "$1"'
    found = told("bash", "-c", limited, sys.executable, str(tmp_path))
    assert found == {
        "pieces": 1024 * 1024 // PIECE,
        "readable": True,
        "kept": False,
        "trouble": "File too large",
        "files": 0,
    }


@pytest.mark.skipif(not can_mount(), reason="needs user namespaces")
def test_a_full_disk_takes_a_part_which_is_readable_and_never_kept(
    tmp_path: Path,
) -> None:
    module = "tests.store.pictures.full"
    program = (sys.executable, "-m", module, str(tmp_path))
    found = told(*IN_A_NAMESPACE, "sh", "-c", SMALL_DISK, str(tmp_path), *program)
    # some pages are the folders' and the head's
    assert 0 < found.pop("pieces") <= 1024 * 1024 // PIECE
    assert found == {
        "readable": True,
        "kept": False,
        "trouble": "No space left on device",
        "files": 0,
    }
