"""What the commands share that ask a running daemon over its control socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from streamr import control
from streamr.keeping import state_directory
from streamr.service import EX_CONFIG, Options, give_up, read_settings


def print_answer(options: Options, command: str, more: Mapping[str, Any]) -> int:
    """Print what the running daemon says to a command; exits with 1 without one."""
    directory = state_directory(read_settings(options.given(), needs_key=False))
    if directory is None:
        give_up(EX_CONFIG, ["there is no folder for state: set STREAMR_STATE_DIR"])
    try:
        print(json.dumps(control.ask(directory, command, **more), indent=2))
    except (control.NoDaemon, ValueError) as error:
        give_up(1, [str(error)])
    return 0
