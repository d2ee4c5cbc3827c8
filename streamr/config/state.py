"""The folder where a daemon keeps its state, and where the commands look for it."""

from __future__ import annotations

import os
from pathlib import Path

from streamr.config.settings import Notice, Settings

NO_FOLDER = Notice(
    "no-state",
    "there is no folder for state that can be made and written: set STREAMR_STATE_DIR",
)
# The socket in it on which the running daemon answers the commands.
SOCKET_NAME = "control.sock"


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
