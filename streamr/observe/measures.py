"""Every metric by name: what is counted, in which unit, under which labels. Pure.

The observer, the scrape and `docs/metrics.md` are made from this one table. Names and
units follow Prometheus' conventions: seconds, bytes, `_total` on what only grows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streamr.errors import CAUSES
from streamr.policy.retry import HEDGE_AFTER

# What a caller can send names nothing here: whatever is not known is this.
OTHER = "other"
# The word for an attempt that brought the answer, as Server-Timing has it.
OK = "ok"
ATTEMPT_CAUSES = (OK, *CAUSES, OTHER)
# Attempts that ended because another route was faster, or the caller's time was up, say
# nothing against their route.
NO_FAILURE = (OK, "overtaken", "deadline_exceeded")

# Where a request's answer came from, beside the names of the configured routes.
SOURCES = {
    "cache": "a fresh stored answer",
    "stale-while-revalidate": "a stored answer, renewed in the background",
    "stale-while-slow": "a stored answer, because TMDB took longer than 250 ms",
    "stale-if-error": (
        "a stored answer, because TMDB could not be reached or answered 429"
    ),
    "local": "a page of streamr's own",
    "refused": "a request that was refused before anything was sent to TMDB",
    "fault": "no answer: an error",
    "left": "no answer: the caller disconnected (499)",
}

# What the cache did for a request: `hit`, RFC 5861's and 9211's words, `collapsed`.
CACHE_RESULTS = (
    "hit",
    "stale-while-revalidate",
    "stale-while-slow",
    "stale-if-error",
    "uri-miss",
    "stale",
    "bypass",
    "collapsed",
)

# Up to 25 ms: the cache, and what the proxy's hop adds. 80 to 250 ms: TMDB itself
# (docs/facts/tmdb.md, "Response times"). Then the hedge, what a hedge and a second
# route take together, and the steps to the deadline.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, HEDGE_AFTER)
SLOW_BUCKETS = (0.35, 0.5, 1.0, 2.0, 4.0)
# An answer at the deadline is written this much later at most; what is beyond breaks
# the promise.
GRACE = 0.5
# A loop that is 10 ms late is noticed by a cache hit, 250 ms late by every hedge.
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, HEDGE_AFTER, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric: its name as it is scraped, its kind, its meaning, its labels."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


REQUESTS = Measure(
    "streamr_requests_total",
    "counter",
    "Requests that have ended, by endpoint, status and source of the answer.",
    ("server", "endpoint", "status", "source"),
)
REQUEST_SECONDS = Measure(
    "streamr_request_duration_seconds",
    "histogram",
    "How long callers waited for their answer.",
    ("server", "source"),
)
FAULTS = Measure(
    "streamr_faults_total",
    "counter",
    "Requests that ended in an error of the gateway, by cause.",
    ("server", "cause"),
)
RENEWALS = Measure(
    "streamr_renewals_total",
    "counter",
    "Refreshes of stored answers in the background, which no caller waited for.",
    ("server", "status", "source"),
)
ATTEMPTS = Measure(
    "streamr_attempts_total",
    "counter",
    "Attempts over routes for callers and renewals, by cause; ok brought the answer.",
    ("server", "route", "cause"),
)
REPORTED = Measure(
    "streamr_reported_attempts_total",
    "counter",
    "Attempts that a proxy reports; the proxy's own metrics name its routes.",
    ("server", "route", "cause"),
)
ATTEMPT_SECONDS = Measure(
    "streamr_attempt_duration_seconds",
    "histogram",
    "How long attempts that brought an answer took.",
    ("server", "route"),
)
CACHE_REQUESTS = Measure(
    "streamr_cache_requests_total",
    "counter",
    "Requests to the cache, by what it did for them.",
    ("server", "result"),
)
PURGES_IN_FRONT = Measure(
    "streamr_purges_in_front_total",
    "counter",
    "Purges passed on to a cache in front of main, by result.",
    ("cache", "result"),
)
LOOP_LAG = Measure(
    "streamr_loop_lag_seconds",
    "histogram",
    "How late the reactor's timers fire, sampled twice a second.",
)
BUILD = Measure(
    "streamr_build_info",
    "info",
    "The versions that are running.",
    ("version", "python", "twisted"),
)
BREAKERS = Measure(
    "streamr_breaker_state",
    "gauge",
    "1 for the state that the route's circuit breaker is in, 0 for the others.",
    ("server", "route", "state"),
)
CONNECTIONS = Measure(
    "streamr_open_connections",
    "gauge",
    "Open connections of callers.",
    ("server",),
)
UPSTREAM = Measure(
    "streamr_upstream_requests_total",
    "counter",
    "Requests sent to a host of TMDB, including retries, hedges and probes.",
    ("host",),
)
OFFLOAD = Measure(
    "streamr_upstream_requests_per_thousand_calls",
    "gauge",
    "Offload since startup: requests sent to TMDB per 1,000 calls.",
)
WAITING = Measure(
    "streamr_pacing_waiting",
    "gauge",
    "Requests waiting to be sent to a host.",
    ("host",),
)
FREE = Measure(
    "streamr_pacing_free_places",
    "gauge",
    "How many more requests may be in flight to a host at once.",
    ("host",),
)
PAUSE = Measure(
    "streamr_pacing_pause_seconds",
    "gauge",
    "Time left of the pause that a host asked for with a 429; 0 without one.",
    ("host",),
)
ENTRIES = Measure("streamr_cache_entries", "gauge", "Stored answers in memory.")
BYTES = Measure("streamr_cache_bytes", "gauge", "Memory that stored answers take.")
MOST_BYTES = Measure(
    "streamr_cache_max_bytes", "gauge", "Memory that stored answers may take."
)
PICTURES = Measure("streamr_pictures_stored", "gauge", "Stored pictures.")
PICTURE_BYTES = Measure(
    "streamr_pictures_bytes", "gauge", "Disk space that stored pictures take."
)
MOST_PICTURE_BYTES = Measure(
    "streamr_pictures_max_bytes", "gauge", "Disk space that stored pictures may take."
)
SHARED_UP = Measure(
    "streamr_shared_up", "gauge", "1 while the shared tier is there, 0 while it is not."
)
SHARED_NODES = Measure(
    "streamr_shared_nodes", "gauge", "Nodes on this address, as last seen."
)
SHARED_LOOKS = Measure(
    "streamr_shared_lookups_total",
    "counter",
    "Stored answers looked for in the shared tier, by result.",
    ("result",),
)

COUNTED = (
    REQUESTS,
    REQUEST_SECONDS,
    FAULTS,
    RENEWALS,
    ATTEMPTS,
    REPORTED,
    ATTEMPT_SECONDS,
    CACHE_REQUESTS,
    PURGES_IN_FRONT,
    LOOP_LAG,
    BUILD,
)
READ = (
    BREAKERS,
    CONNECTIONS,
    UPSTREAM,
    OFFLOAD,
    WAITING,
    FREE,
    PAUSE,
    ENTRIES,
    BYTES,
    MOST_BYTES,
    PICTURES,
    PICTURE_BYTES,
    MOST_PICTURE_BYTES,
    SHARED_UP,
    SHARED_NODES,
    SHARED_LOOKS,
)
TABLE = (*COUNTED, *READ)


def buckets(deadline: float) -> tuple[float, ...]:
    """The upper bounds of the latency histograms, in seconds, up to the deadline."""
    below: Iterable[float] = (*BUCKETS, *SLOW_BUCKETS)
    return (*(each for each in below if each < deadline), deadline, deadline + GRACE)
