"""Who follows how far an attempt has come, and notes it (interfaces.Progress)."""

from __future__ import annotations

from collections.abc import Callable

from streamr.interfaces import Progress


class Follower:
    """`steps` are what it was told, `heard_at` when the answer's head came."""

    def __init__(self, seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._seconds = seconds
        self.steps: list[str] = []
        self.heard_at: list[float] = []

    def queued(self) -> None:
        self.steps.append("queued")

    def sent(self) -> None:
        self.steps.append("sent")

    def alive(self) -> None:
        self.steps.append("alive")

    def first_byte(self) -> None:
        self.steps.append("first byte")
        self.heard_at.append(self._seconds())


_follows: type[Progress] = Follower
