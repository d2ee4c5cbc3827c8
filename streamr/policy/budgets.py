"""Budgets: how many hedges, retries and requests there may be. Pure; time is given."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

# At most a tenth of the requests of any ten seconds hedge, and ten always may.
HEDGE_WINDOW = 10.0
HEDGE_SHARE = 0.1
HEDGE_FLOOR = 10
# Retries are at most a fifth of what is in flight, and three always may (Envoy's retry
# budget has the same shape and the same numbers).
RETRY_SHARE = 0.2
RETRY_FLOOR = 3


@dataclass(slots=True)
class HedgeBudget:
    """Counts requests and hedges of the last ten seconds."""

    requests: deque[float] = field(default_factory=deque)
    hedges: deque[float] = field(default_factory=deque)

    def request(self, now: float) -> None:
        """A request has come."""
        self._forget(now)
        self.requests.append(now)

    def take(self, now: float) -> bool:
        """Take one hedge out of the budget, if there is one."""
        self._forget(now)
        if len(self.hedges) + 1 > max(HEDGE_FLOOR, HEDGE_SHARE * len(self.requests)):
            return False
        self.hedges.append(now)
        return True

    def _forget(self, now: float) -> None:
        for times in (self.requests, self.hedges):
            while times and times[0] <= now - HEDGE_WINDOW:
                times.popleft()


def may_retry(retrying: int, in_flight: int) -> bool:
    """True when one more retry fits beside those under way."""
    return retrying + 1 <= max(RETRY_FLOOR, RETRY_SHARE * in_flight)


# What may leave at once after a quiet moment.
BURST = 10.0


def burst_of(rate: float) -> float:
    """What may leave at once at so many a second: one at least."""
    return max(1.0, min(BURST, rate))


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """A rate with a burst: `rate` tokens a second, `burst` at most in store."""

    rate: float
    burst: float
    tokens: float
    at: float

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0 when there is one."""
        missing = 1 - self._filled(now)
        # 1/35 is no exact float: less than a microsecond's worth counts as there
        return missing / self.rate if missing / self.rate > 1e-6 else 0.0

    def taken(self, now: float) -> TokenBucket:
        """The bucket with one token less; it may owe some, and later ones wait."""
        return TokenBucket(self.rate, self.burst, self._filled(now) - 1, now)

    def at_rate(self, rate: float, burst: float, now: float) -> TokenBucket:
        """The bucket with another rate from now on."""
        return TokenBucket(rate, burst, min(burst, self._filled(now)), now)

    def _filled(self, now: float) -> float:
        return min(self.burst, self.tokens + max(0.0, now - self.at) * self.rate)
