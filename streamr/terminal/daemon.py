"""What a command asks of the running daemon, over its control socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from streamr.config.state import SOCKET_NAME

# A command answers from memory; one that takes longer is stuck.
ANSWER_SECONDS = 5.0
MOST_ANSWER = 16 * 1024 * 1024


class NoDaemon(Exception):
    """No daemon answers on the control socket; the text says where that should be."""


def ask(directory: Path, command: str, **more: object) -> Any:
    """The answer of the running daemon, blocking.

    Raises NoDaemon, and ValueError with what the daemon refused.
    """
    path = directory / SOCKET_NAME
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
            request = json.dumps({"command": command, **more})
            connection.sendall(request.encode() + b"\n")
            with connection.makefile("rb") as reader:
                answer = json.loads(reader.readline(MOST_ANSWER))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise NoDaemon(f"no running streamr answers at {path}: {why}") from error
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer["ok"]
