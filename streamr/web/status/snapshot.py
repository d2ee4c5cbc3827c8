"""The one snapshot that the text, the page, its events and /status.json are made of.

It is plain data, read at the moment of asking, and small: some 8 kB as JSON, and 1.5 kB
more for each route that was tried. What only this machine may know (the settings) is
not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from streamr import __version__
from streamr.errors import RouteKind
from streamr.gateway.gateway import Gateway
from streamr.observe.history import BEAT, OUTCOMES, CallerTally, History
from streamr.observe.troubles import Trouble
from streamr.routing.report import ToldRoute, iso, told_routes
from streamr.web.status.shape import (
    Callers,
    MainRoute,
    Minute,
    ShownCache,
    ShownCaller,
    ShownFault,
    ShownFleet,
    ShownPictures,
    ShownRoute,
    ShownVerdict,
    Snapshot,
)
from streamr.web.status.verdict import RouteSummary, meaning, verdict

# The verdict is on the last half minute, in heartbeats; "still" is the last two.
RECENT, STILL = 3, 2
# For so long a failure speaks for its route, if nobody has used that since (seconds).
LATELY = 60.0


@dataclass(frozen=True, slots=True)
class StoreSize:
    """What the store holds."""

    entries: int
    bytes: int
    most_bytes: int


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a snapshot is read from.

    `proxy_gateways` gives the gateway of the proxy in this process, by main's name of
    the route to it; `store_size` gives None without a store, `pictures` where they are
    off, `door` and `fleet` where there is none; `started` is wall-clock seconds.
    """

    gateway: Gateway
    history: History
    now: Callable[[], float]
    wall: Callable[[], float]
    started: float
    environment: str
    proxy_gateways: Mapping[str, Gateway] = field(default_factory=dict)
    store_size: Callable[[], StoreSize | None] = lambda: None
    pictures: Callable[[], ShownPictures | None] = lambda: None
    fleet: Callable[[], ShownFleet | None] = lambda: None
    door: Callable[[], list[ShownCaller] | None] = lambda: None
    demo: bool = False


def snapshot(sources: Sources) -> Snapshot:
    """Everything as it is now."""
    history = sources.history
    hour, routes = history.hour(), _routes(sources)
    return {
        "version": __version__,
        "environment": sources.environment,
        "demo": sources.demo,
        "at": iso(sources.wall()),
        "started": iso(sources.started),
        "verdict": _verdict(sources, routes),
        "recent": _told(history.recent(RECENT), _seconds(sources.now())),
        "hour": {
            **_told(hour, 3600.0),
            "minutes": [_minute(each) for each in history.minutes()],
        },
        "routes": routes,
        "cache": _cache(sources.store_size(), hour),
        "pictures": sources.pictures(),
        "fleet": sources.fleet(),
        "door": sources.door(),
        "faults": [_fault(each) for each in history.troubles()],
    }


def _verdict(sources: Sources, routes: list[MainRoute]) -> ShownVerdict:
    states = [
        RouteSummary(each["kind"] == "tmdb", _answers(each, sources), each["cause"])
        for each in routes
    ]
    recent = sources.history.recent(RECENT + 1)
    still = sources.history.recent(STILL).errors > 0
    found = verdict(recent.good, recent.errors, still, states)
    return {
        "level": found.level,
        "headline": found.headline,
        "sentence": found.sentence,
    }


def _answers(route: MainRoute, sources: Sources) -> bool | None:
    """Whether a route answers, None when nothing is known of it lately. A proxy in this
    process answers no better than its own routes."""
    behind = route["proxy_routes"]
    closed = not behind or any(each["breaker"] == "closed" for each in behind)
    if route["breaker"] != "closed" or not closed:
        return False
    state = sources.gateway.failover.health.states[route["route"]]
    if state.cause is None:
        return None if state.at is None else True
    return False if sources.wall() - (state.at or 0.0) < LATELY else None


def _seconds(now: float) -> float:
    """How long the last beats have lasted: the current one is not over."""
    return (RECENT - 1) * BEAT + now % BEAT


def _told(tally: CallerTally, seconds: float) -> Callers:
    """Callers of an interval: how many, how they ended, how long it took."""
    calls = tally.good + tally.errors
    return {
        "seconds": round(seconds, 1),
        "calls": calls,
        "rate": round(calls * 60 / seconds),
        "errors": tally.errors,
        "by": {name: tally.counts[name] for name in OUTCOMES},
        "p50_ms": _rounded(tally.sketch.quantile(0.5)),
        "p95_ms": _rounded(tally.sketch.quantile(0.95)),
    }


def _minute(tally: CallerTally) -> Minute:
    counts = tally.counts
    return Minute(
        cache=counts["cache"],
        stale=counts["stale"],
        direct=counts["direct"],
        proxy=counts["proxy"],
        error=counts["error"],
        p50_ms=_rounded(tally.sketch.quantile(0.5)),
        p95_ms=_rounded(tally.sketch.quantile(0.95)),
    )


def _routes(sources: Sources) -> list[MainRoute]:
    found = _routes_of(sources.gateway, sources)
    return [_main_route(route, sources) for route in found]


def _main_route(route: ShownRoute, sources: Sources) -> MainRoute:
    proxy = sources.proxy_gateways.get(route["route"])
    if proxy is None:
        return {**route, "proxy_routes": [], "proxy_routes_unused": 0}
    return {
        **route,
        "proxy_routes": _routes_of(proxy, sources),
        "proxy_routes_unused": proxy.failover.health.unused,
    }


def _routes_of(gateway: Gateway, sources: Sources) -> list[ShownRoute]:
    told = told_routes(gateway.failover)
    return [
        _route(each, route.kind, sources)
        for each, route in zip(told, gateway.failover.routes, strict=True)
    ]


def _route(told: ToldRoute, kind: RouteKind, sources: Sources) -> ShownRoute:
    known = sources.history.route(told["route"])
    now, cause = sources.now(), told["cause"]
    return {
        **told,
        "kind": "proxy" if kind is RouteKind.PEER else "tmdb",
        "meaning": None if cause is None else meaning(cause),
        "rate": known.rate(now),
        "beats": known.beats(now),
    }


def _cache(store_size: StoreSize | None, hour: CallerTally) -> ShownCache | None:
    """What is kept, and what share of the hour's calls it answered."""
    if store_size is None:
        return None
    hits = hour.counts["cache"] + hour.counts["stale"]
    calls = hour.good + hour.errors
    return {
        "entries": store_size.entries,
        "bytes": store_size.bytes,
        "most_bytes": store_size.most_bytes,
        "hits": hits,
        "stale": hour.counts["stale"],
        "misses": calls - hits,
        "share": round(hits / calls, 3) if calls else None,
    }


def _fault(trouble: Trouble) -> ShownFault:
    return {
        "at": iso(trouble.at),
        "count": trouble.count,
        "failed": [
            {"route": route, "cause": cause, "meaning": meaning(cause)}
            for route, cause in trouble.failed
        ],
        "done": trouble.done,
        "by": trouble.by,
        "what": _what_was_done(trouble),
        "status": trouble.status,
        "ms": trouble.ms,
        "template": trouble.template,
        "request_id": trouble.request_id,
    }


def _what_was_done(trouble: Trouble) -> str:
    """The end of the story, as a sentence."""
    match trouble.done:
        case "answered":
            return f"{trouble.by} answered after {trouble.ms} ms"
        case "stored":
            return "a stored answer was served"
        case "kept":
            return "the stored answer is kept"
        case "left":
            return "the caller disconnected"
    return f"the caller got {trouble.status} after {trouble.ms} ms"


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1 if ms < 10 else 0)
