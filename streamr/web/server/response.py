"""The head of a response as bytes. No value can begin another line."""

from __future__ import annotations

from collections.abc import Iterable
from http.client import responses as PHRASES

# Answers that have no body, and so no length (RFC 9110, 8.6).
BODILESS = (204, 304)


def response_head(
    version: str, status: int, headers: Iterable[tuple[str, str]]
) -> bytes:
    """The head of a response as it is written; `version` is such as HTTP/1.1."""
    told = list(headers)
    if not "".join([value for _, value in told]).isprintable():
        told = [(name, _one_line(value)) for name, value in told]
    fields = "".join([f"{name}: {value}\r\n" for name, value in told])
    return f"{version} {status} {phrase(status)}\r\n{fields}\r\n".encode()


def phrase(status: int) -> str:
    """The words behind a status code."""
    return PHRASES.get(status, "")


def _one_line(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value)
