"""What happened lately, in bounded memory: rings of intervals, and a latency sketch.

Pure: `now` is monotonic seconds and handed in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

Counted = TypeVar("Counted")

# Each step of the sketch is a tenth wider than the one before: a quantile is right
# within 5 %, and an hour's worth of milliseconds takes some 160 numbers at most.
STEP = 1.1
# An hour in milliseconds; no answer takes longer.
MOST_MS = 3_600_000


class Ring(Generic[Counted]):
    """The last `length` intervals of `seconds` each; `make` begins an empty one."""

    def __init__(
        self, seconds: float, length: int, make: Callable[[], Counted]
    ) -> None:
        self.seconds = seconds
        self.length = length
        self._make = make
        self._kept: dict[int, Counted] = {}

    def at(self, now: float) -> Counted:
        """The interval of this moment, to be filled."""
        number = int(now // self.seconds)
        if number not in self._kept:
            for old in [each for each in self._kept if each <= number - self.length]:
                del self._kept[old]
            self._kept[number] = self._make()
        return self._kept[number]

    def last(self, now: float, count: int | None = None) -> list[Counted]:
        """The last intervals, oldest first, the current one last; empty ones too."""
        newest = int(now // self.seconds)
        count = self.length if count is None else min(count, self.length)
        return [
            self._kept.get(number) or self._make()
            for number in range(newest - count + 1, newest + 1)
        ]


class Sketch:
    """How long things took, in milliseconds, without keeping each of them."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def add(self, ms: float, count: int = 1) -> None:
        """Count one, or several that took as long."""
        step = 0 if ms < 1 else 1 + int(math.log(min(ms, MOST_MS), STEP))
        self._counts[step] = self._counts.get(step, 0) + count

    def merge(self, other: Sketch) -> None:
        """Count all that the other one has counted."""
        for step, count in other._counts.items():
            self._counts[step] = self._counts.get(step, 0) + count

    def quantile(self, share: float) -> float | None:
        """Milliseconds within which this share of all stayed; None without any."""
        wanted = share * sum(self._counts.values())
        seen = 0
        for step, count in sorted(self._counts.items()):
            seen += count
            if seen >= wanted:
                return 0.5 if step == 0 else STEP ** (step - 0.5)
        return None
