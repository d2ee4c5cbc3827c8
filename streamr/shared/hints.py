"""Which routes work on this network, as each node has found: hints for the order in
which the others try them. Each verifies for itself, and its breakers are its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from streamr.interfaces import RouteHints
from streamr.shared import scripts
from streamr.shared.engine import Engine

# Nobody has more routes than this, and no name of one is longer.
MOST_ROUTES, MOST_NAME = 128, 200
# What nobody has found again for a week is forgotten (seconds; policy/memory.py).
KEPT = 7 * 24 * 3600
# No answer takes longer (ms).
LONGEST = 60_000.0


class SharedHints:
    """One network's routes in the engine: a name, and how long it takes (ms)."""

    def __init__(self, engine: Engine, key: str, channel: str) -> None:
        self._engine = engine
        self._key = key
        self._channel = channel
        self._memory: RouteHints | None = None

    def join(self, memory: RouteHints) -> None:
        """Trade with what this node remembers."""
        self._memory = memory
        memory.when_found(self._say)

    def trade(self) -> None:
        """Say what this node has found, and learn what others have."""
        if self._memory is not None:
            for route, ms in self._memory.worth_telling().items():
                self._say(route, ms)
        self.learn()

    def learn(self) -> None:
        """Learn what others have found."""
        reading = self._engine.ask("EVAL", scripts.ROUTES, 1, self._key)
        reading.addCallback(self._learned)

    def _learned(self, reply: object) -> None:
        if self._memory is not None and isinstance(reply, list):
            self._memory.told(dict(_read(reply)))

    def _say(self, route: str, ms: float | None) -> None:
        if len(route) > MOST_NAME:
            return
        told = "" if ms is None else f"{ms:.0f}"
        self._engine.ask(
            *("EVAL", scripts.FOUND, 1, self._key),
            *(route, told, KEPT, MOST_ROUTES, self._channel),
        )


def _read(reply: list[object]) -> Iterator[tuple[str, float]]:
    """The names and times in a reply; what makes no sense is left out."""
    for name, told in zip(reply[::2], reply[1::2], strict=False):
        if not isinstance(name, bytes) or not isinstance(told, bytes):
            continue
        try:
            ms = float(told)
        except ValueError:
            continue
        if len(name) <= MOST_NAME and name.isascii() and 0 <= ms <= LONGEST:
            yield name.decode("ascii"), ms
