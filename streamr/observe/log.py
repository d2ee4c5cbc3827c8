"""The log: events as lines, with nothing secret in them.

Every event passes the redaction before it reaches a sink, tracebacks included, and this
observer stands in for twistd's own. Text for people, JSON for machines.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from twisted.logger import (
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    eventAsText,
)
from zope.interface import implementer

Redact = Callable[[str], str]

_log = Logger(namespace="streamr.log")


class Sink:
    """A stream that lines go to, or a file that can be reopened after a rotation."""

    def __init__(self, stream: IO[str] | None = None, path: Path | None = None) -> None:
        self._path = path
        self._stream = stream if path is None else self._open()

    def write(self, line: str) -> None:
        """Write a line. A full disk or a closed pipe costs it, never the request."""
        if self._stream is None:
            return
        # a full disk may have room again: the next line is tried again
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    def reopen(self) -> None:
        """Open the file again, after logrotate has moved it. One that cannot be opened
        leaves the old one in use, and raises OSError."""
        if self._path is not None:
            old, self._stream = self._stream, self._open()
            # what a full disk did not take is lost with it
            with contextlib.suppress(OSError):
                if old is not None:
                    old.close()

    def _open(self) -> IO[str]:
        assert self._path is not None
        return self._path.open("a", encoding="utf-8")


@implementer(ILogObserver)
class LineObserver:
    """Writes events as redacted lines (twisted.logger.ILogObserver)."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        redact: Redact,
        level: str = "info",
        form: str = "text",
    ) -> None:
        self._sinks = list(sinks)
        self._least = LogLevel.levelWithName(level)
        self._line = _as_json if form == "json" else _as_text
        self.redact = redact

    def __call__(self, event: LogEvent) -> None:
        if _level(event) >= self._least:
            self.write([self._line(event, _message(event), self.redact)])

    def line(self, event: LogEvent, message: str, *, code: str | None) -> str | None:
        """The line of an event, without secrets; None when its level is not logged.

        `message` is what it says, `code` its row in docs/troubleshooting.md.
        """
        if _level(event) < self._least:
            return None
        return self._line({**event, "code": code}, message, self.redact)

    def write(self, lines: Sequence[str]) -> None:
        """Write lines that `line` has made, in one go."""
        text = "\n".join(lines)
        for sink in self._sinks:
            sink.write(text)

    def add(self, sink: Sink) -> None:
        """Write to one more sink."""
        self._sinks.append(sink)

    def reopen(self) -> None:
        """Open every log file again (SIGUSR1)."""
        for sink in self._sinks:
            try:
                sink.reopen()
            except OSError as error:
                _log.warn(
                    "{path} cannot be opened again ({error}): logging continues in "
                    "the old file",
                    path=error.filename,
                    error=error.strerror,
                    code="log-lost",
                )


def console() -> Sink:
    """Standard error: standard output belongs to what a command prints."""
    return Sink(sys.stderr)


def _level(event: LogEvent) -> Any:
    """The event's level. What Twisted finds worth telling (each connection's
    factory) is for debugging here."""
    level = event.get("log_level") or LogLevel.info
    ours = str(event.get("log_namespace", "")).startswith("streamr")
    return LogLevel.debug if level is LogLevel.info and not ours else level


def _as_text(event: LogEvent, message: str, redact: Redact) -> str:
    lines = redact(message).splitlines() or [""]
    # a caller can put no line of its own into the log
    text = "\n    ".join(_printable(line) for line in lines)
    return f"{_time(event)} {_level(event).name:<5} {text}"


def _as_json(event: LogEvent, message: str, redact: Redact) -> str:
    """One JSON object. The values are redacted before they are escaped.

    `code` is the row of docs/troubleshooting.md, on lines that deserve a look.
    """
    told: dict[str, object] = {
        "time": _time(event),
        "level": _level(event).name,
        "logger": event.get("log_namespace", ""),
        "message": redact(message),
    }
    if _level(event) >= LogLevel.warn:
        told["code"] = event.get("code")
    for name, value in event.items():
        if not name.startswith("log_"):
            told.setdefault(name, _plain(value, redact))
    return json.dumps(told, ensure_ascii=True)


def _plain(value: object, redact: Redact) -> object:
    """A field as JSON has it: numbers stay numbers, all else is redacted text."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return redact(str(value))


def _message(event: LogEvent) -> str:
    return eventAsText(
        event,
        includeTraceback=True,
        includeTimestamp=False,
        includeSystem=False,
    )


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def _time(event: LogEvent) -> str:
    return time_of(event.get("log_time", 0.0))


def time_of(moment: float) -> str:
    """A moment (seconds since the epoch) as every line has it at its beginning."""
    second, rest = divmod(round(moment * 1e6), 1_000_000)
    return f"{_second(second)}.{rest // 1000:03}Z"


# most lines are of the same second as the one before
@lru_cache(1)
def _second(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}"
