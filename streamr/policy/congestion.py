"""How much may be under way on a line at once: TCP's rule, for requests.

    event                                       next size
    something came quickly                      one more; beyond the threshold, one more
                                                for each window of them
    something came late                         half, and the threshold with it; once
                                                for what was under way at that time

A crowd of handshakes on a slow line delays each of them beyond every limit, and what
was sent for them is lost (docs/facts/routes.md, "Own congestion looks like a fault").
Lateness is the sign, as in LEDBAT (RFC 6817): the queues of
slow lines are seconds long, and little is lost in them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Two keep a line busy: while the answer to one is made, the other's is on its way. So
# many are enough to begin with, too: each handshake of a crowd that comes quickly adds
# one, so that on a quick line all are on their way after a few round trips.
LEAST_SIZE = 2.0
# Bytes that fit one segment: their arrival takes no time that could be measured.
SEGMENT = 1460
# What a handshake brings, in bytes: the certificates.
HANDSHAKE = 4000


@dataclass(frozen=True, slots=True)
class LinePace:
    """Seconds beyond the round trips, and bytes a second."""

    seconds: float
    rate: float

    def allowance(self, size: int, round_trips: float) -> float:
        """The seconds that so many bytes may take; `round_trips` are those that
        distance alone explains."""
        return self.seconds + round_trips + size / self.rate


# What keeps to it leaves room for more: a line that carries 400 kbit/s.
QUICK = LinePace(0.1, 50_000.0)
# What comes later has waited behind other things: a page of a list takes a second then.
LATE = LinePace(0.25, 20_000.0)


@dataclass(frozen=True, slots=True)
class Window:
    """How many requests may be under way: `size`, at most `most`; it grows by one each
    time up to `threshold`. `cut_at` is when it was halved."""

    most: float
    size: float = LEAST_SIZE
    threshold: float = math.inf
    cut_at: float = -math.inf

    @property
    def places(self) -> int:
        """The same in whole requests."""
        return max(1, int(min(self.size, self.most)))

    def widened(self, under_way: int) -> Window:
        """Something came quickly while so many were under way, it among them.

        A window of which less than half is in use says nothing of a larger one (RFC
        7661, 4.1).
        """
        if 2 * under_way < self.places:
            return self
        more = 1.0 if self.size < self.threshold else 1 / self.size
        return replace(self, size=min(self.most, self.size + more))

    def halved(self, began: float, now: float) -> Window:
        """Something that `began` then came late."""
        if began < self.cut_at:
            return self
        half = max(LEAST_SIZE, self.size / 2)
        return replace(self, size=half, threshold=half, cut_at=now)
