"""The head of a response as bytes. No value can begin another line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http.client import responses as PHRASES

from twisted.web.http import datetimeToString

# On every answer: a browser is not to guess what it is.
NOSNIFF = ("X-Content-Type-Options", "nosniff")
VARY = "Vary"
# Answers that have no body, and so no length (RFC 9110, 8.6).
BODILESS = (204, 304)


def response_head(
    version: str, status: int, headers: Iterable[tuple[str, str]]
) -> bytes:
    """The head of a response as it is written; `version` is such as HTTP/1.1."""
    return status_line(version, status) + field_lines(headers) + b"\r\n"


def status_line(version: str, status: int) -> bytes:
    """The first line of a head."""
    return f"{version} {status} {phrase(status)}\r\n".encode()


def field_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """The lines behind it; what an answer varies on is in one of them, because caches
    such as nginx before 1.23 know the last one only."""
    told = list(headers)
    vary = [value for name, value in told if name == VARY]
    if len(vary) > 1:
        first = [name for name, _ in told].index(VARY)
        told = [each for each in told if each[0] != VARY]
        told.insert(first, (VARY, ", ".join(vary)))
    if not "".join([value for _, value in told]).isprintable():
        told = [(name, _one_line(value)) for name, value in told]
    return "".join([f"{name}: {value}\r\n" for name, value in told]).encode()


def phrase(status: int) -> str:
    """The words behind a status code."""
    return PHRASES.get(status, "")


def _one_line(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value)


class DateField:
    """The Date of answers (RFC 9110, 6.6.1), made once a second."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """`wall` is seconds since the epoch."""
        self._wall = wall
        self._second = -1
        self._text = b""

    def __call__(self) -> bytes:
        """The date of now."""
        second = int(self._wall())
        if second != self._second:
            self._second, self._text = second, datetimeToString(second)
        return self._text
