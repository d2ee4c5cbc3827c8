"""What is known of the routes, kept over restarts: a small file, replaced whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

_log = Logger()

FILE_NAME = "routes.json"
# Breakers that flap are written once in a while, not each time.
WRITE_AFTER = 1.0

Known = Mapping[str, object]


class RouteFile:
    """Reads what was known, and writes what has become known, soon after a change."""

    def __init__(
        self, path: Path, clock: IReactorTime, known: Callable[[], Known]
    ) -> None:
        """`known` tells what to write."""
        self._path = path
        self._clock = clock
        self._known = known
        self._timer: IDelayedCall | None = None

    def read(self) -> dict[str, object]:
        """What was written; {} when there is nothing that makes sense."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def changed(self) -> None:
        """Something has become known."""
        if self._timer is None:
            self._timer = self._clock.callLater(WRITE_AFTER, self.write)

    def write(self) -> None:
        """Write now. A file that cannot be written costs a line in the log."""
        self.stop()
        fresh = self._path.with_suffix(".new")
        try:
            # another daemon in this folder keeps what it knows
            told = json.dumps(self.read() | dict(self._known()))
            fresh.write_text(told, encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            _log.warn(
                "{path} cannot be written: {error}",
                path=FILE_NAME,
                error=error,
                code="routes-file",
            )

    def stop(self) -> None:
        """Leave no timer."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
