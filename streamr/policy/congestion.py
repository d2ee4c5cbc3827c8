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
from collections.abc import Collection
from dataclasses import dataclass, replace

from streamr.policy.retry import HEDGE_AFTER

# Two keep a line busy: while the answer to one is made, the other's is on its way.
LEAST_SIZE = 2.0
# One is enough to begin with: two handshakes are too many for the slowest lines. Each
# of a crowd that comes quickly adds one, so that on a quick line all are on their way
# after a few round trips.
FIRST_SIZE = 1.0
# Bytes that fit one segment: their arrival takes no time that could be measured.
SEGMENT = 1460
# Less of a body comes quickly on a slow line, too: at 64 kbit/s the kilobyte behind the
# first segment takes an eighth of a second.
TELLING = 4 * SEGMENT
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
    size: float = FIRST_SIZE
    threshold: float = math.inf
    cut_at: float = -math.inf

    @property
    def places(self) -> int:
        """The same in whole requests."""
        return max(1, int(min(self.size, self.most)))

    def opened(self) -> Window:
        """Something came as on a free line: it carries two."""
        return replace(self, size=max(self.size, min(self.most, LEAST_SIZE)))

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
        return replace(self, size=min(self.size, half), threshold=half, cut_at=now)


# On a full line one more SYN to an address, or one more ClientHello, goes each second,
# each time twice as long after the one before (RFC 6298, 2.4 and 5.5). With a key
# exchange that is safe from quantum computers a hello has 1.6 kB, which take 0.6 s at
# 20 kbit/s.
FULL_LINE = 1.0


def may_knock_at(now: float, unanswered: Collection[float]) -> float:
    """When an address may be asked for another TCP connection: `now` or later, in
    seconds of the same clock. `unanswered` are when it was asked that does not answer
    yet: what comes of that is known soon."""
    if not unanswered:
        return now
    return max(now, max(unanswered) + _pause(len(unanswered)))


def may_greet_at(
    now: float, unanswered: Collection[float], heard_at: float, *, late: bool
) -> float:
    """When the next ClientHello may go on a line that has not carried several yet:
    `now` or later, in seconds of the same clock.

    `unanswered` are since when each of those that went is silent (of all, or of the
    same route if this one is not late), and `heard_at` is when something came last. One
    silence does not tell whether a host is silent or the
    line is full of what we have sent ourselves: the second connection tells. One that
    stands as on a free line goes on when the silence of the first has become unusual.
    One that was `late` itself waits until the line has been quiet.
    """
    if late:
        return max(now, max([heard_at, *unanswered]) + _pause(len(unanswered)))
    if not unanswered:
        return now
    return max(now, min(unanswered) + HEDGE_AFTER)


def _pause(unanswered: int) -> float:
    return FULL_LINE * 2.0 ** max(0, unanswered - 1)
