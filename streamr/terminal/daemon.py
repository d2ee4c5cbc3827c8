"""What a command asks of the running daemon, over its control socket."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from streamr.config.state import SOCKET_NAME
from streamr.terminal.http import exchange, why

# A command answers from memory; one that takes longer is stuck.
ANSWER_SECONDS = 5.0


class NoDaemon(Exception):
    """No daemon answers on the control socket; the text says where that should be."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket. Nobody looks at the name in its URLs."""

    def __init__(self, path: Path) -> None:
        super().__init__("streamr", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(directory: Path, path: str, method: str = "GET", /, **given: str) -> Any:
    """The answer of the running daemon, blocking.

    Raises NoDaemon, and ValueError with what the daemon refused.
    """
    where = directory / SOCKET_NAME
    target = f"{path}?{urlencode(given)}" if given else path
    try:
        reply = exchange(UnixConnection(where), method, target, {})
        value = reply.json
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoDaemon(
            f"no running streamr answers at {where}: {why(error)}"
        ) from error
    if reply.status != http.client.OK:
        raise ValueError(value["status_message"])
    return value
