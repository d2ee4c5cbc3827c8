"""Progress on standard error: a line that changes for people, steps for a pipe."""

from __future__ import annotations

from typing import TextIO

from rich.status import Status

from streamr.terminal import console


class ProgressLine:
    """What the doctor does right now. It begins with the first step."""

    def __init__(self, stream: TextIO) -> None:
        self._console = console.console(stream)
        self._steps: set[str] = set()
        self._status: Status | None = None

    def tell(self, step: str, text: str) -> None:
        """A step begins, or goes on."""
        told = console.printable(f"{step}: {text}")
        if self._console.is_terminal:
            self._show(told)
        elif step not in self._steps:
            self._console.print(told)
        self._steps.add(step)

    def stop(self) -> None:
        """Leave the line empty."""
        if self._status is not None:
            self._status.stop()

    def _show(self, told: str) -> None:
        if self._status is None:
            self._status = self._console.status(told)
            self._status.start()
        self._status.update(told)
