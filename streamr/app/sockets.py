"""Listening sockets, there before twistd forks, and who holds a busy one.

What goes wrong is one line of at most 90 characters: that is what a daemonised twistd
shows.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable
from pathlib import Path

from streamr.web.server.site import BACKLOG

# In /proc/net/tcp this state is LISTEN (include/net/tcp_states.h).
_LISTEN = "0A"
# A kernel that was started with ipv6.disable=1, or built without.
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class CannotListen(Exception):
    """A port cannot be had; the text says which, why, and which setting changes it."""


def listen(
    host: str,
    port: int,
    setting: str,
    create: Callable[[int, int], socket.socket] = socket.socket,
) -> socket.socket:
    """A listening TCP socket, which `create` makes. Raises CannotListen.

    `::` is every address of both families. A kernel without IPv6 has only the others:
    `0.0.0.0` then is all that was asked for and can be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = None
    try:
        listening = create(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # [::] takes IPv4 callers too, whatever the system's default is
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        if listening is not None:
            listening.close()
        if host == "::" and error.errno in _NO_IPV6:
            return listen("0.0.0.0", port, setting, create)
        raise CannotListen(_problem(error, host, port, setting)) from error
    listening.setblocking(False)
    return listening


def adopt(descriptor: int) -> socket.socket:
    """The listening socket that was passed on under this number, as `listen` would
    have made it."""
    adopted = socket.socket(fileno=descriptor)
    adopted.set_inheritable(False)
    adopted.setblocking(False)
    return adopted


def _problem(error: OSError, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        who = holder(port)
        by = f" by {who}" if who else ""
        if setting == "DOOR_PORT":
            # apps come to 443, and loopback has more addresses than one
            return f"port {port} is in use{by}; choose another DOOR_HOST"
        return f"port {port} is in use{by}; choose another with {setting}"
    if error.errno == errno.EACCES and setting == "DOOR_PORT":
        return f"port {port} needs root, CAP_NET_BIND_SERVICE or a socket unit"
    if error.errno == errno.EACCES:
        return f"port {port} needs root; choose one above 1023 with {setting}"
    host_setting = setting.replace("PORT", "HOST")
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {host[:39]}; change {host_setting}"
    return f"cannot listen: {str(error.strerror)[:40]}; change {host_setting}"


def holder(port: int) -> str | None:
    """The program and process id that listens on a port, where Linux tells us."""
    wanted = {f"socket:[{inode}]" for inode in _listening(port)}
    if not wanted:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        if wanted & _links(process):
            try:
                name = (process / "comm").read_text().strip()[:15]
            except OSError:
                return None  # it has just ended
            return f"{name} (pid {process.name})"
    return None


def _links(process: Path) -> set[str]:
    """Where a process's descriptors lead, as far as we may know."""
    found = set()
    try:
        for each in (process / "fd").iterdir():
            # one may close while we look
            with contextlib.suppress(OSError):
                found.add(str(each.readlink()))
    except OSError:
        return set()  # another user's process, or one that has just ended
    return found


def _listening(port: int) -> list[str]:
    """The inodes of the sockets that listen on a port."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            local, state, inode = words[1], words[3], words[9]
            if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                found.append(inode)
    return found
