"""A crowd: many callers who ask for one path in the same moment.

Its connections stand beforehand, and it takes the bytes from plain sockets and reads
them afterwards: with asyncio the client's own work, 0.3 ms for each, hides what the
contestants do.
"""

from __future__ import annotations

import asyncio
import re
import selectors
import socket
import time
from dataclasses import dataclass

from .client import TIMEOUT, CallerReply, Incomplete, LoadClient, read

# how long connections may take until the contestants have accepted all of them
SETTLE = 0.3
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


@dataclass(slots=True)
class Caller:
    """One of the crowd: when it asked, what came, and how long that took."""

    connection: socket.socket
    began: float = 0.0
    raw: bytes = b""
    seconds: float = TIMEOUT

    def take(self) -> bool:
        """Take what came; True when the answer is there, or will never be."""
        piece = self.connection.recv(2**18)
        self.raw += piece
        self.seconds = time.perf_counter() - self.began
        return not piece or _whole(self.raw)


async def rush(client: LoadClient, path: str, callers: int) -> list[CallerReply]:
    """All ask one port for one path at once, each over a connection of its own."""
    crowd = await asyncio.to_thread(_rush, client, path, callers)
    return [await _read(caller) for caller in crowd]


def _rush(client: LoadClient, path: str, callers: int) -> list[Caller]:
    request, crowd = client.request(path), []
    for _ in range(callers):
        connection = socket.create_connection(("127.0.0.1", client.port))
        connection.setblocking(False)
        crowd.append(Caller(connection))
    time.sleep(SETTLE)
    with selectors.DefaultSelector() as selector:
        for caller in crowd:
            selector.register(caller.connection, selectors.EVENT_READ, caller)
        for caller in crowd:
            caller.began = time.perf_counter()
            caller.connection.send(request)
        _collect(selector, time.perf_counter() + TIMEOUT)
    for caller in crowd:
        caller.connection.close()
    return crowd


def _collect(selector: selectors.BaseSelector, deadline: float) -> None:
    """Take answers until all are there, or the time is up."""
    while selector.get_map() and time.perf_counter() < deadline:
        for key, _ in selector.select(deadline - time.perf_counter()):
            caller: Caller = key.data
            if caller.take():
                selector.unregister(caller.connection)


def _whole(raw: bytes) -> bool:
    head, end, body = raw.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is not None:
        return len(body) >= int(length[1])
    return bool(end) and raw.endswith(b"0\r\n\r\n")


async def _read(caller: Caller) -> CallerReply:
    reply = CallerReply(seconds=caller.seconds)
    reader = asyncio.StreamReader(limit=2**17)
    reader.feed_data(caller.raw)
    reader.feed_eof()
    try:
        await read(reader, reply)
    except (ValueError, IndexError, EOFError, Incomplete) as error:
        reply.problem = f"{type(error).__name__}: {error}"
    return reply
