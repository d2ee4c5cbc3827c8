"""The folder where a daemon keeps its state, and where the commands look for it."""

from __future__ import annotations

import os
from pathlib import Path

from streamr.config.settings import Notice, Settings

# The socket in it on which the running daemon answers the commands.
SOCKET_NAME = "control.sock"


def state_directory(settings: Settings) -> Path | None:
    """Where state is kept, made if need be, for its owner alone; None without one."""
    directory, _ = _find(settings)
    return directory


def no_folder(settings: Settings) -> Notice:
    """What it means that there is none, and why that is."""
    _, why = _find(settings)
    return Notice(
        "no-state",
        f"there is no folder for state ({why}): answers are kept only in memory, and "
        "the commands cannot find this daemon; set STREAMR_STATE_DIR to a writable "
        "folder",
    )


def _find(settings: Settings) -> tuple[Path | None, str]:
    """The folder, or None and what is wrong with it."""
    try:
        chosen = _chosen(settings)
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
    except RuntimeError:
        return None, "this user has no home directory"
    except OSError as error:
        return None, f"{error.filename}: {error.strerror}"
    if not os.access(chosen, os.W_OK | os.X_OK):
        return None, f"{chosen} is not writable"
    return chosen, ""


def _chosen(settings: Settings) -> Path:
    """Where it is to be. Raises RuntimeError for a user without a home."""
    if settings.state_dir is not None:
        return settings.state_dir
    if os.environ.get("STATE_DIRECTORY"):
        return Path(os.environ["STATE_DIRECTORY"].split(":")[0])
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local/state") / "streamr"
