"""What is usual on a line: a smoothed time and how much it varies (RFC 6298, 2)."""

from __future__ import annotations

from dataclasses import dataclass

# RFC 6298's weights of a new measurement, and how many variations beyond the smoothed
# time are still usual.
SMOOTHING = 1 / 8
VARYING = 1 / 4
VARIATIONS = 4
# Seconds after which a measurement says nothing of the line as it is now: people walk
# out of a tunnel in a minute.
LASTS = 60.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Times in seconds; `at` is when the last one was measured, None for never."""

    smoothed: float = 0.0
    variation: float = 0.0
    at: float | None = None

    def usual(self, now: float) -> float:
        """What it takes at most, usually; 0 when nothing was measured lately."""
        smoothed, spread = self.parts(now)
        return smoothed + spread

    def parts(self, now: float) -> tuple[float, float]:
        """The smoothed time, and how much more is still usual."""
        if self.at is None or now - self.at > LASTS:
            return 0.0, 0.0
        return self.smoothed, VARIATIONS * self.variation

    def seen(self, seconds: float, now: float) -> Estimate:
        """The estimate with one more measurement."""
        if self.at is None or now - self.at > LASTS:
            return Estimate(seconds, seconds / 2, now)
        off = abs(self.smoothed - seconds)
        return Estimate(
            (1 - SMOOTHING) * self.smoothed + SMOOTHING * seconds,
            (1 - VARYING) * self.variation + VARYING * off,
            now,
        )
