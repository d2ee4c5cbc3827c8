"""Keys that are left alone for a while."""

from __future__ import annotations


class Pauses:
    """Until when each key is left alone; beyond `most` keys the oldest is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._until: dict[str, float] = {}

    def begin(self, key: str, until: float) -> None:
        """Leave a key alone until then (monotonic seconds)."""
        self._until.pop(key, None)
        self._until[key] = until
        if len(self._until) > self._most:
            del self._until[next(iter(self._until))]

    def end(self, key: str) -> None:
        """Leave it alone no longer."""
        self._until.pop(key, None)

    def hold(self, key: str, now: float) -> bool:
        """True while the key is left alone."""
        return self._until.get(key, now) > now
