"""The last hour, for the status page: an observer that counts what it is told.

Callers are those of one server (main). The attempts of both servers count for the
routes that they took, and breakers are told of when they change. All of it is bounded.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence

from streamr.boundaries import Exchange, Hit
from streamr.errors import CLIENT_LEFT, OF_THE_REQUEST, Attempt, RouteKind
from streamr.interfaces import Observer
from streamr.observe.rings import Ring, Sketch
from streamr.observe.troubles import (
    Trouble,
    Troubles,
    is_refused,
    trouble,
)

MINUTE, MINUTES = 60.0, 60
# One heartbeat; sixty of them are ten minutes, side by side on a phone too.
BEAT, BEATS = 10.0, 60
# The proxy makes up to 64 as it searches (app/candidates.py), and main has its own;
# more names are nobody's routes.
MOST_ROUTES = 128
# A breaker that changes more often than this within ten minutes looks open anyway.
MOST_CHANGES = 200

# The health page tries routes that may be broken: no caller waits for that.
HEALTH = "/api/tmdb/health"
# How a caller's request can end; the words of the page, its legend and its text.
GOOD = ("cache", "stale", "direct", "proxy")
OUTCOMES = (*GOOD, "error", "refused", "left")


class CallerTally:
    """Callers' requests of one interval: how they ended, how long they took."""

    __slots__ = ("counts", "sketch")

    def __init__(self) -> None:
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self.sketch = Sketch()

    def add(self, outcome: str, ms: float, count: int = 1) -> None:
        """Count requests. Those who left or were refused say nothing of time."""
        self.counts[outcome] += count
        if outcome in GOOD:
            self.sketch.add(ms, count)

    def merge(self, other: CallerTally) -> None:
        """Count all that another one has counted."""
        for outcome, count in other.counts.items():
            self.counts[outcome] += count
        self.sketch.merge(other.sketch)

    @property
    def good(self) -> int:
        """Callers who got what they asked for."""
        return sum(self.counts[each] for each in GOOD)

    @property
    def errors(self) -> int:
        """Callers who got an error that was not their own."""
        return self.counts["error"]


class Beat:
    """Attempts of one route in one interval."""

    __slots__ = ("bad", "good")

    def __init__(self) -> None:
        self.good = 0
        self.bad = 0


class RouteHistory:
    """One route's heartbeats, and when its breaker was open."""

    def __init__(self) -> None:
        self._beats: Ring[Beat] = Ring(BEAT, BEATS, Beat)
        self._changes: deque[tuple[float, bool]] = deque(maxlen=MOST_CHANGES)

    def tried(self, good: bool, now: float) -> None:
        """An attempt has ended."""
        beat = self._beats.at(now)
        if good:
            beat.good += 1
        else:
            beat.bad += 1

    def breaker(self, is_open: bool, now: float) -> None:
        """The breaker is open, or closed, from now on."""
        known = self._changes[-1][1] if self._changes else False
        if is_open is not known:
            self._changes.append((now, is_open))

    def rate(self, now: float) -> int:
        """Attempts of the last minute."""
        return sum(each.good + each.bad for each in self._beats.last(now, 6))

    def beats(self, now: float) -> list[tuple[int, int, bool]]:
        """Good, bad, and whether the breaker was open, for each beat, oldest first."""
        first = int(now // BEAT) - BEATS + 1
        return [
            (beat.good, beat.bad, self._was_open((first + number) * BEAT))
            for number, beat in enumerate(self._beats.last(now))
        ]

    def _was_open(self, begin: float) -> bool:
        """Open at any time of the beat that began then."""
        state = False
        for at, is_open in self._changes:
            if at >= begin + BEAT:
                break
            state = is_open if at <= begin else state or is_open
        return state


class History:
    """Counts exchanges as they are told (interfaces.Observer)."""

    def __init__(
        self,
        server: str,
        now: Callable[[], float],
        wall: Callable[[], float],
        door: str = "",
    ) -> None:
        """`server` is the one whose callers count, and so do those who come through its
        `door`; `now` is monotonic seconds."""
        self._servers = (server, door)
        self._now = now
        self._wall = wall
        self._minutes: Ring[CallerTally] = Ring(MINUTE, MINUTES, CallerTally)
        self._recent: Ring[CallerTally] = Ring(BEAT, BEATS, CallerTally)
        self._routes: dict[str, RouteHistory] = {}
        self._troubles = Troubles()

    def tried(self, server: str, attempt: Attempt) -> None:
        """Take one try; a peer's own are counted where they were made."""
        if not attempt.peer:
            self.route(attempt.route).tried(attempt.cause is None, self._now())

    def note(self, exchange: Exchange) -> None:
        """Take one finished exchange."""
        now = self._now()
        if exchange.server not in self._servers:
            return
        outcome = outcome_of(exchange)
        if outcome is not None:
            self._minutes.at(now).add(outcome, exchange.ms)
            self._recent.at(now).add(outcome, exchange.ms)
        found = trouble(exchange, self._wall())
        if found is not None:
            self._troubles.add(found)

    def hits(self, hits: Sequence[tuple[Hit, str]]) -> None:
        """Take answers from ready pages."""
        now = self._now()
        for hit, count in Counter([hit for hit, _ in hits]).items():
            outcome = outcome_of(hit.exchange)
            if hit.exchange.server in self._servers and outcome is not None:
                self._minutes.at(now).add(outcome, hit.exchange.ms, count)
                self._recent.at(now).add(outcome, hit.exchange.ms, count)

    def route(self, name: str) -> RouteHistory:
        """What is known of a route; one that was never heard of is empty."""
        if name not in self._routes and len(self._routes) >= MOST_ROUTES:
            return RouteHistory()
        return self._routes.setdefault(name, RouteHistory())

    def breakers(self, opened: Mapping[str, bool]) -> None:
        """Take how the breakers stand now: True for an open one."""
        now = self._now()
        for name, is_open in opened.items():
            self.route(name).breaker(is_open, now)

    def recent(self, beats: int) -> CallerTally:
        """The callers of the last beats, the current one included."""
        return _sum(self._recent.last(self._now(), beats))

    def minutes(self) -> list[CallerTally]:
        """The callers of each minute of the last hour, oldest first."""
        return self._minutes.last(self._now())

    def hour(self) -> CallerTally:
        """All callers of the last hour."""
        return _sum(self.minutes())

    def troubles(self) -> tuple[Trouble, ...]:
        """The last faults, newest first."""
        return self._troubles.last()


def outcome_of(exchange: Exchange) -> str | None:
    """How a caller's request ended, one of OUTCOMES.

    None for what no caller waited for, and for pages of our own.
    """
    if exchange.renewal or exchange.target.partition("?")[0] == HEALTH:
        return None
    if exchange.status == CLIENT_LEFT:
        return "left"
    outcome = exchange.outcome
    unanswered = outcome.answer is None and outcome.stored is None
    if unanswered and outcome.fault is None:
        # a page of our own names itself; a refusal is the caller's, a 5xx is ours
        if exchange.template is not None:
            return None
        ours = exchange.status >= 500 and exchange.status not in OF_THE_REQUEST
        return "error" if ours else "refused"
    if unanswered or exchange.status >= 500 or is_refused(exchange):
        return "error"
    if outcome.from_store:
        ttl = outcome.cache.ttl if outcome.cache is not None else None
        return "stale" if ttl is not None and ttl < 0 else "cache"
    return "proxy" if outcome.kind is RouteKind.PEER else "direct"


def _sum(tallies: list[CallerTally]) -> CallerTally:
    total = CallerTally()
    for each in tallies:
        total.merge(each)
    return total


_conforms: type[Observer] = History
