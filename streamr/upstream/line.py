"""The line to one host, as our own requests find it: how far, how busy, how late.

Everything is measured on requests that are made anyway. What follows from it:

    patience        how long silence is usual: later, the next route starts beside it
    places          how many requests may be under way (upstream/ratelimit.py)
    explains(since) whether a silence is our own doing: other bytes of ours moved
                    meanwhile, and what they belong to was not there promptly
    knock, greet    which SYN and which ClientHello may go (upstream/openings.py)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from twisted.internet.interfaces import IReactorTime

from streamr.policy.congestion import (
    HANDSHAKE,
    LATE,
    LEAST_SIZE,
    QUICK,
    SEGMENT,
    TELLING,
    Window,
    may_greet_at,
    may_knock_at,
)
from streamr.policy.retry import HEDGE_AFTER
from streamr.policy.roundtrip import LASTS, Estimate
from streamr.upstream.openings import Opening, Openings

# A line on which something came late is busy for so long (seconds).
BUSY = 5.0
# What is usual on a busy line is never less than this (RFC 6298, 2.4; seconds).
LEAST_BUSY = 1.0
# On one that is not busy nobody waits longer than this before the next route starts.
MOST_PATIENCE = 2.0
# The place of ClientHellos among the openings: they fill the line wherever they lead.
HELLO = ""
# A round trip over a geostationary satellite; what takes longer has waited (seconds).
FARTHEST = 0.7


class Access:
    """This machine's own line to the internet, which the lines to all hosts share."""

    def __init__(self, clock: IReactorTime) -> None:
        """`moved_at` is when bytes came last, or TCP stood; `heard_at` is that of bytes
        alone, and `prompt_at` when something came as on a free line. `nearest` is how
        long TCP took at the quickest host (seconds), lately: networks change."""
        self._clock = clock
        self._late = Estimate()
        self.moved_at = self.prompt_at = self._late_at = -math.inf
        self.heard_at = -math.inf
        self.nearest = math.inf
        self._nearest_at = -math.inf
        # handshakes under way: when each began, and by when it should be over
        self.open: dict[object, tuple[float, float]] = {}
        self.openings = Openings(clock)

    @property
    def busy(self) -> bool:
        """True when something has just come late, or is late now."""
        return self.busy_but_for(None)

    @property
    def usual(self) -> float:
        """How long what comes late usually takes at most (seconds)."""
        now = self._clock.seconds()
        # the first measurement of an estimate counts three times, too
        return max(self._late.usual(now), 3 * self._overdue(now))

    def busy_but_for(self, attempt: object) -> bool:
        """The same where one attempt asks that may be late by itself."""
        now = self._clock.seconds()
        return now - self._late_at < BUSY or self._overdue(now, attempt) > 0

    def reached(self, took: float) -> None:
        """TCP stands at some host, after so many seconds."""
        now = self._clock.seconds()
        if took <= self.nearest or now - self._nearest_at > LASTS:
            self.nearest, self._nearest_at = took, now

    def begins(self, attempt: object, allowed: float) -> None:
        """A handshake begins that takes so many seconds on a free line."""
        now = self._clock.seconds()
        self.open[attempt] = (now, now + allowed)

    def ends(self, attempt: object) -> None:
        """It is over, or was given up."""
        self.open.pop(attempt, None)

    def _overdue(self, now: float, but_for: object = None) -> float:
        """How long the oldest handshake takes whose lateness our load explains."""
        longest = 0.0
        for attempt, (began, due) in self.open.items():
            if now > due and attempt is not but_for and self.explains(began):
                longest = max(longest, now - began)
        return longest

    def explains(self, since: float) -> bool:
        """True when our own load explains that one attempt has heard nothing `since`
        then (a reading of the clock)."""
        if self.moved_at <= since:
            return False
        return self._late_at > since or self.moved_at > self.prompt_at + LATE.seconds

    def was_late_since(self, then: float) -> bool:
        """True when something has come late since then."""
        return self._late_at > then

    def was_late(self, took: float) -> None:
        """Something came so late (seconds)."""
        self._late_at = now = self._clock.seconds()
        self._late = self._late.seen(took, now)


class HostLine:
    """What is known of the line to one host."""

    def __init__(
        self, clock: IReactorTime, most: int, access: Access | None = None
    ) -> None:
        """At most so many requests are under way at once. Lines that share an `access`
        are busy together."""
        self._clock = clock
        self.access = access if access is not None else Access(clock)
        self._window = Window(most)
        self._connect = Estimate()
        self._handshake = Estimate()
        self._first_byte = Estimate()
        self._nearest = math.inf
        self.moved_at = -math.inf
        self._under_way: set[object] = set()
        self._listeners: list[Callable[[], object]] = []

    def subscribe(self, listener: Callable[[], object]) -> None:
        """Tell whenever something came, on time or late."""
        self._listeners.append(listener)

    @property
    def places(self) -> int:
        """How many requests may be under way at once."""
        return self._window.places

    @property
    def busy(self) -> bool:
        """True when something has just come late."""
        return self.access.busy

    @property
    def is_new(self) -> bool:
        """True when TCP has not stood there lately, though no ClientHello of ours fills
        the line."""
        reached = self._connect.usual(self._clock.seconds()) > 0
        return not (reached or self.access.openings.unanswered(HELLO))

    @property
    def patience(self) -> float:
        """How long an attempt is usually silent at most, in seconds: until a connection
        stands and is secure, and for one round trip more.

        TMDB's own slowness is left out, or a slow hour of it would put off the hedges
        that cure it; on a busy line only, what an answer takes there is counted in.
        """
        now = self._clock.seconds()
        connect, spread = self._connect.parts(now)
        handshake, more = self._handshake.parts(now)
        trips = 2 * connect + (handshake or connect) + max(spread, more)
        if self.busy:
            usual = max(self.access.usual, self._first_byte.usual(now))
            return max(LEAST_BUSY, trips, usual)
        return min(MOST_PATIENCE, max(HEDGE_AFTER, trips))

    def limit(self, seconds: float, attempt: object = None) -> float:
        """How long the silence of an attempt may last at most where that is so many
        seconds on a free line: what is lost on a busy one is sent again after a second,
        then two."""
        busy = self.access.busy_but_for(attempt)
        return max(seconds, self.patience) if busy else seconds

    def explains(self, since: float) -> bool:
        """True when our own load explains that one attempt has heard nothing `since`
        then (a reading of the clock)."""
        return self.access.explains(since)

    @property
    def speaks(self) -> bool:
        """True when bytes have come from the host lately: it is not silent to those who
        only wait for a place."""
        return self._clock.seconds() - self.moved_at < BUSY

    def moved(self) -> None:
        """Bytes have come from the host."""
        now = self._clock.seconds()
        began, self.moved_at = now - self.moved_at >= BUSY, now
        self.access.moved_at = self.access.heard_at = now
        if began:
            self._tell()

    def connected(self, began: float) -> None:
        """TCP stands; the attempt to connect began then."""
        now = self._clock.seconds()
        took = now - began
        self._connect = self._connect.seen(took, now)
        self._nearest = min(self._nearest, took)
        self.access.reached(took)
        if took <= LATE.allowance(0, self._distance):
            self.access.prompt_at = now
        elif self.explains(began) or self.access.openings.unanswered(HELLO):
            # with nothing else on the line it is a packet that was lost
            self._was_late(began)
        self.access.moved_at = now

    def knock(self, address: str) -> Opening:
        """Wait for the turn to ask this address for a TCP connection."""
        return self.access.openings.ask(address, self._may_knock_at)

    def greet(self, began: float, route: object) -> Opening:
        """Wait for the turn to begin TLS on a connection that was asked for then, and
        stands now. `route` tells apart who leads there in different ways."""
        took = self._clock.seconds() - began
        openings, access = self.access.openings, self.access
        late = took > LATE.allowance(0, min(access.nearest, FARTHEST)) and (
            access.heard_at > began or bool(openings.unanswered(HELLO))
        )
        # another one was late just now
        late = late or access.was_late_since(began)

        def rule(now: float, unanswered: Collection[float]) -> float:
            if self._is_proven:
                return now
            if not late:
                # another route's silence says nothing of this one
                unanswered = openings.unanswered(HELLO, route)
            return may_greet_at(now, unanswered, access.heard_at, late=late)

        return openings.ask(HELLO, rule, route)

    def _may_knock_at(self, now: float, unanswered: Collection[float]) -> float:
        return now if self._is_proven else may_knock_at(now, unanswered)

    @property
    def _is_proven(self) -> bool:
        """True when it has carried several at once, since something was late."""
        return self._window.size > LEAST_SIZE

    def greets(self, attempt: object) -> None:
        """TLS begins now."""
        self.access.begins(attempt, LATE.allowance(HANDSHAKE, 2 * self._distance))

    def begun(self, attempt: object) -> None:
        """An attempt is under way."""
        self._under_way.add(attempt)

    def ended(self, attempt: object) -> None:
        """An attempt is over, however it ended."""
        self._under_way.discard(attempt)
        if self.access.open:
            self.access.ends(attempt)

    def secured(self, began: float, attempt: object) -> None:
        """TLS stands; the handshake began then."""
        now = self._clock.seconds()
        self.access.ends(attempt)
        self._handshake = self._handshake.seen(now - began, now)
        self._came(HANDSHAKE, began, 2 * self._distance)

    def answered(self, began: float) -> None:
        """The head of an answer has come to the request that was sent then."""
        now = self._clock.seconds()
        took = now - began
        if took <= LATE.seconds:
            self.access.prompt_at = now
            return
        # less than this changes no patience, and most take less
        self._first_byte = self._first_byte.seen(took, now)
        # a head that comes late may be TMDB's doing, one that does not is nobody's
        if took <= LATE.allowance(0, self._distance):
            self.access.prompt_at = now

    def transferred(self, size: int, began: float) -> None:
        """A body of so many bytes has come, its first ones then."""
        if size > SEGMENT:
            self._came(size, began, self._distance, telling=size >= TELLING)

    def timed_out(self, began: float) -> None:
        """An attempt that began then has ended in a silence that our load explains."""
        self._was_late(began)

    @property
    def _distance(self) -> float:
        """The quickest round trip so far, in seconds."""
        return min(self._nearest, FARTHEST) if self._nearest < math.inf else 0.0

    def _came(
        self, size: int, began: float, round_trips: float, *, telling: bool = True
    ) -> None:
        """So many bytes have come since then; whether they came quickly is `telling`
        where there were enough of them."""
        now = self._clock.seconds()
        took = now - began
        if took > LATE.allowance(size, round_trips):
            self._was_late(began)
            return
        self.access.prompt_at = now
        if took <= LATE.allowance(0, round_trips):
            self._window = self._window.opened()
        if telling and took <= QUICK.allowance(size, round_trips):
            self._window = self._window.widened(len(self._under_way))
            self.access.openings.look()
            self._tell()

    def _was_late(self, began: float) -> None:
        now = self._clock.seconds()
        self.access.was_late(now - began)
        self._window = self._window.halved(began, now)
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
