"""The access log: one line per request, with what failed on its way."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import LogLevel

from streamr.boundaries import Exchange, Hit
from streamr.errors import CLIENT_LEFT, FLOOD, OF_THE_REQUEST, Attempt
from streamr.interfaces import Observer
from streamr.observe.log import LineObserver, time_of

# What an operator filters by.
NAMESPACE = "streamr.request"


class LogObserver:
    """Turns each exchange into its line (interfaces.Observer).

    The lines go straight to the log's sinks: by way of twisted.logger, each took four
    times as long (docs/facts/performance.md, "A line of the log"). A hit has its line
    ready but for the time and the request id: to make it anew would cost more than the
    answer.
    """

    def __init__(
        self, lines: LineObserver, wall: Callable[[], float] = time.time
    ) -> None:
        """`lines` writes them."""
        self._lines = lines
        self._wall = wall
        # stands for the id; nobody can guess it, and put it into a target
        self._id = secrets.token_hex(16)
        self._time = time_of(0.0)

    def tried(self, server: str, attempt: Attempt) -> None:
        """A try stands in the line of the request that it was made for."""

    def note(self, exchange: Exchange) -> None:
        """Log one finished request: one line, with why each attempt failed.

        Of a flood that is turned away the gateway tells in one line how many they are.
        """
        fault = exchange.outcome.fault
        if fault is not None and fault.cause.name == FLOOD:
            return
        line = self._line(exchange, exchange.request_id, self._wall())
        if line is not None:
            self._lines.write([line])

    def worded(self, exchange: Exchange) -> str:
        """The line of hits like this one, "" when they are not logged."""
        return self._line(exchange, self._id, 0.0) or ""

    def _line(self, exchange: Exchange, request_id: str, now: float) -> str | None:
        """The line of an exchange; None when its level is not logged."""
        fields = _fields(exchange, request_id)
        event = {
            "log_level": _level_of(exchange),
            "log_namespace": NAMESPACE,
            "log_time": now,
            **fields,
        }
        return self._lines.line(
            event,
            f"{exchange.server} {exchange.method} {fields['target']} "
            f"{exchange.status} {exchange.ms} ms {fields['source']}{fields['causes']} "
            f"[{request_id}]",
            code="request-failed" if exchange.outcome.fault is not None else None,
        )

    def masked(self, text: str) -> str:
        """A caller's own word, without secrets."""
        return self._lines.redact(text)

    def hits(self, hits: Sequence[tuple[Hit, str]]) -> None:
        """Log answers from ready pages, in one piece."""
        now = time_of(self._wall())
        lines = [
            hit.text.replace(self._time, now, 1).replace(self._id, request_id)
            for hit, request_id in hits
            if hit.text
        ]
        if lines:
            self._lines.write(lines)


def _fields(exchange: Exchange, request_id: str) -> dict[str, Any]:
    """What a line says, by its names in JSON."""
    failed = [each for each in exchange.outcome.attempts if each.cause is not None]
    return {
        "server": exchange.server,
        "request_id": request_id,
        "method": exchange.method,
        "target": f"(renewed) {exchange.target}"
        if exchange.renewal
        else exchange.target,
        "status": exchange.status,
        "ms": exchange.ms,
        "source": exchange.outcome.source or "-",
        "causes": f" ({'; '.join(map(_told, failed))})" if failed else "",
    }


def _level_of(exchange: Exchange) -> Any:
    """A request that failed deserves a look, once: what a gateway asked of us stands in
    its own log. An error of our own is an error."""
    if exchange.status == 500:
        return LogLevel.error
    if exchange.hop or exchange.status in {CLIENT_LEFT, *OF_THE_REQUEST}:
        return LogLevel.info
    failed = exchange.outcome.fault is not None or exchange.status > 500
    return LogLevel.warn if failed else LogLevel.info


def _told(attempt: Attempt) -> str:
    detail = f" {attempt.detail}" if attempt.detail else ""
    return f"{attempt.name} {attempt.cause}{detail} after {attempt.ms} ms"


_conforms: type[Observer] = LogObserver
