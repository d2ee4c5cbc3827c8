"""One HTTP request by a command: blocking, with a timeout, by the standard library."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamr.config.addresses import reachable


@dataclass(frozen=True, slots=True)
class ServerReply:
    """What a server of ours said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value. Raises ValueError."""
        return json.loads(self.body)


def ask(
    host: str,
    port: int,
    path: str,
    seconds: float,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> ServerReply:
    """Ask the server that is bound to `host`.

    Raises OSError and HTTPException when nobody answers in time.
    """
    connection = http.client.HTTPConnection(reachable(host), port, timeout=seconds)
    return exchange(connection, method, path, headers or {})


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: Mapping[str, str],
) -> ServerReply:
    """One request on a connection, which ends with it. Raises as `ask` does."""
    try:
        connection.request(method, path, headers=dict(headers))
        response = connection.getresponse()
        return ServerReply(response.status, response.headers, response.read())
    finally:
        connection.close()


def why(error: Exception) -> str:
    """What went wrong, without the number that the system has for it."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
