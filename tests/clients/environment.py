"""The clients' own environment: a venv and an npm folder in the user's cache.

Made once and used again until a pinned version or the Python changes; their
dependencies never enter ours. Where a registry cannot be reached, Missing says so.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
PACKAGE = HERE / "package.json"
# About 60 packages: half a minute here, this is for a slow line.
PATIENCE = 240.0


class Missing(Exception):
    """What the clients need is not to be had; the message is one line."""


def python() -> Path:
    """The interpreter of the Python clients. Raises Missing."""
    place = _cache() / "python"
    interpreter = place / "bin/python"
    pip = (str(interpreter), "-m", "pip", "--disable-pip-version-check", "--quiet")
    _make(
        place,
        "PyPI",
        [sys.version.encode(), REQUIREMENTS.read_bytes()],
        (sys.executable, "-m", "venv", str(place)),
        (*pip, "install", "--retries", "1", "-r", str(REQUIREMENTS)),
    )
    return interpreter


def node_modules() -> Path:
    """The folder of the npm clients, and of Vite. Raises Missing."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            raise Missing(f"{name} is not installed")
    place = _cache() / "npm"
    npm = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock")
    _make(
        place,
        "the npm registry",
        [PACKAGE.read_bytes()],
        ("cp", str(PACKAGE), str(place)),
        (*npm, "--prefix", str(place), "--ignore-scripts", "--fetch-retries", "1"),
    )
    return place / "node_modules"


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "streamr-test-clients"


def _make(
    place: Path, registry: str, of: Iterable[bytes], *commands: Sequence[str]
) -> None:
    """Run the commands that fill a folder, unless they have been."""
    wanted = hashlib.sha256(b"\0".join(of)).hexdigest()
    stamp = place / "made-of"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for command in commands:
            _run(command, registry)
        stamp.write_text(wanted)


def _run(command: Sequence[str], registry: str) -> None:
    try:
        subprocess.run(
            command, check=True, timeout=PATIENCE, capture_output=True, text=True
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.splitlines()
        said = next((line for line in lines if "error" in line.lower()), "no reason")
        raise Missing(f"{registry} cannot be reached: {said}") from error
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{registry} cannot be reached: it hangs") from error
