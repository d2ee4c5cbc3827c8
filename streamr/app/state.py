"""The folder where a daemon keeps its state, and the names in it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import urlsplit

from streamr.config.settings import Notice, Settings
from streamr.tmdb.hosts import OFFICIAL_HOSTS

NO_FOLDER = Notice(
    "no-state",
    "there is no folder for state that can be made and written: set STREAMR_STATE_DIR",
)


def file_name(settings: Settings) -> str:
    """The file for the answers of this TMDB: what a stand-in on loopback, or behind a
    pin, has said must never be taken for TMDB's."""
    where = repr((settings.tmdb_base_url, sorted(settings.tmdb_pins.items())))
    if (
        urlsplit(settings.tmdb_base_url).hostname in OFFICIAL_HOSTS
        and not settings.tmdb_pins
    ):
        return "cache.sqlite"
    return f"cache-{hashlib.blake2b(where.encode(), digest_size=6).hexdigest()}.sqlite"


def state_directory(settings: Settings) -> Path | None:
    """Where state is kept, made if need be, for its owner alone; None without one."""
    chosen = settings.state_dir
    if chosen is None and os.environ.get("STATE_DIRECTORY"):
        chosen = Path(os.environ["STATE_DIRECTORY"].split(":")[0])
    try:
        if chosen is None:
            base = os.environ.get("XDG_STATE_HOME")
            chosen = (Path(base) if base else Path.home() / ".local/state") / "streamr"
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return chosen if os.access(chosen, os.W_OK) else None
