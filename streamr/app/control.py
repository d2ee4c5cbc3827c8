"""The control socket: what the `streamr` command asks of a running daemon.

A Unix socket in the state directory, for its owner alone (0600). One line of JSON in,
one line of JSON out: {"command": "cache stats"} → {"ok": …} or {"error": "…"}.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver

_log = Logger()

# A daemon that does not take a connection by then is stuck.
ANSWER_SECONDS = 5.0

# Takes the request, and returns what JSON can hold. Raises ValueError to refuse.
Command = Callable[[Mapping[str, object]], object]


class ControlProtocol(LineOnlyReceiver):
    """One connection of a command."""

    delimiter = b"\n"
    MAX_LENGTH = 4096

    def __init__(self, handlers: Mapping[str, Command]) -> None:
        self._handlers = handlers

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(json.dumps(self._answer(line)).encode())
        assert self.transport is not None
        self.transport.loseConnection()

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request = json.loads(line)
            handler = self._handlers[request["command"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            known = ", ".join(sorted(self._handlers))
            return {"error": f"that is no command; known are: {known}"}
        try:
            return {"ok": handler(request)}
        except ValueError as error:
            return {"error": str(error)}


class ControlFactory(Factory):
    """Serves the commands of `handlers`."""

    noisy = False

    def __init__(self, handlers: Mapping[str, Command]) -> None:
        self._handlers = handlers

    def buildProtocol(self, addr: IAddress | None) -> ControlProtocol:
        return ControlProtocol(self._handlers)


def remove_stale_socket(path: Path) -> bool:
    """Remove a socket that a dead daemon has left; False when a living one answers.

    Asking is surer than a lock file: the number of a dead process may live again.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
    except FileNotFoundError:
        return True
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
        return True
    except OSError:
        return False
    return False
