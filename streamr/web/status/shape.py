"""What a snapshot looks like: `/status.json`, key for key.

It stays JSON from the moment it is read, so these are TypedDicts and not classes: who
paints from it and who asks for it as JSON see the same names, and mypy checks them.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict

from streamr.routing.report import ToldRoute

# Good and failed attempts of ten seconds, and whether the breaker was open.
ShownBeat = tuple[int, int, bool]


class Minute(NamedTuple):
    """Callers of one minute by what answered, and how long that took: a list in JSON,
    because there are sixty of them."""

    cache: int
    stale: int
    direct: int
    proxy: int
    error: int
    p50_ms: float | None
    p95_ms: float | None

    @property
    def answers(self) -> tuple[int, ...]:
        """The counts of those who got an answer, in the order of the fields."""
        return self[:4]


class ShownVerdict(TypedDict):
    """The verdict in words; `level` is good, detour, warn, bad or idle."""

    level: str
    headline: str
    sentence: str


class Callers(TypedDict):
    """Callers of an interval of `seconds`; `rate` is calls a minute, `by` how many
    there were of each outcome."""

    seconds: float
    calls: int
    rate: int
    errors: int
    by: dict[str, int]
    p50_ms: float | None
    p95_ms: float | None


class Hour(Callers):
    """The last hour, also minute by minute, the oldest first."""

    minutes: list[Minute]


class ShownRoute(ToldRoute):
    """A route with its attempts of the last minute (`rate`) and ten minutes (`beats`).

    `kind` is tmdb or proxy; `meaning` says the cause in words.
    """

    kind: str
    meaning: str | None
    rate: int
    beats: list[ShownBeat]


class MainRoute(ShownRoute):
    """A route of main's; the one to the proxy in this process has that one's routes.

    `proxy_routes_unused` is how many further ones that proxy has not needed so far.
    """

    proxy_routes: list[ShownRoute]
    proxy_routes_unused: int


class ShownCache(TypedDict):
    """What is kept, and what share of the hour's calls it answered."""

    entries: int
    bytes: int
    most_bytes: int
    hits: int
    stale: int
    misses: int
    share: float | None


class ShownPictures(TypedDict):
    """TMDB's pictures: their routes, what is kept of them, and how many answers since
    the start came from the disk (`hits`), and did not (`misses`)."""

    routes: list[ToldRoute]
    stored: int
    bytes: int
    most_bytes: int
    hits: int
    misses: int


class ShownFleet(TypedDict):
    """What is shared with other nodes: the engine and whether it is there (`trouble`
    says why not), the nodes last seen, and how many answers since the start came from
    it, were not in it, and were not as they were written."""

    engine: str
    up: bool
    trouble: str
    nodes: int
    hits: int
    misses: int
    broken: int


class ShownCaller(TypedDict):
    """Who came through the door: how often since the start, and when last."""

    address: str
    calls: int
    last: str


class FailedAttempt(TypedDict):
    """One attempt that failed, and of what."""

    route: str
    cause: str
    meaning: str


class ShownFault(TypedDict):
    """A fault (`observe.troubles.Trouble`); `what` tells in words what was done."""

    at: str
    count: int
    failed: list[FailedAttempt]
    done: str
    by: str | None
    what: str
    status: int
    ms: int
    template: str
    request_id: str


class Snapshot(TypedDict):
    """All of it."""

    version: str
    environment: str
    demo: bool
    at: str
    started: str
    verdict: ShownVerdict
    recent: Callers
    hour: Hour
    routes: list[MainRoute]
    cache: ShownCache | None
    pictures: ShownPictures | None
    fleet: ShownFleet | None
    door: list[ShownCaller] | None
    faults: list[ShownFault]
