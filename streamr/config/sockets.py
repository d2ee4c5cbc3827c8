"""Listening sockets that systemd passes on: they decide where the servers listen.

A socket counts as the settings that it takes the place of, so that what is checked of
them (no proxy for other machines without a token) is checked of a socket as well.
"""

from __future__ import annotations

import os
import socket

from streamr.errors import SettingsError
from streamr.net.inherited import Passed

# The settings that a socket of this name stands for.
NAMES = {
    "main": ("HOST", "PORT"),
    "proxy": ("PROXY_HOST", "PROXY_PORT"),
    "door": ("DOOR_HOST", "DOOR_PORT"),
}
# Where such a setting comes from, as people are told.
ORIGIN = "systemd"


def addresses(passed: Passed) -> dict[str, str]:
    """The settings that the sockets stand for, by name. Raises SettingsError for a
    socket that no server can use."""
    problems = _problems(passed)
    if problems:
        raise SettingsError(problems)
    found: dict[str, str] = {}
    for name, descriptor in passed:
        with socket.socket(fileno=os.dup(descriptor)) as looked_at:
            host, port = looked_at.getsockname()[:2]
        found.update(zip(NAMES[name], (host, str(port)), strict=True))
    return found


def _problems(passed: Passed) -> list[str]:
    """What is wrong with the sockets."""
    problems = []
    names = [name for name, _ in passed]
    for name, descriptor in passed:
        if name not in NAMES:
            problems.append(
                f"systemd passes a socket with the name {name[:40]!r}; allowed: main, "
                "proxy, door (FileDescriptorName= of the socket unit)"
            )
        elif not _listens(descriptor):
            problems.append(
                f"the socket {name} that systemd passes does not listen for TCP "
                "connections: it needs ListenStream= with a port, and Accept=no"
            )
    for name in NAMES:
        if names.count(name) > 1:
            problems.append(
                f"systemd passes {names.count(name)} sockets with the name {name}; "
                "allowed: one (ListenStream= of the socket unit)"
            )
    return problems


def _listens(descriptor: int) -> bool:
    """True for a TCP socket that listens."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as looked_at:
            over_ip = looked_at.family in (socket.AF_INET, socket.AF_INET6)
            listening = looked_at.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            return over_ip and looked_at.type == socket.SOCK_STREAM and bool(listening)
    except OSError:
        return False  # no socket
