"""Metrics: counts what each exchange tells, and writes them out for Prometheus.

A registry of its own, never the library's global one: several daemons may live in one
process. Labels hold only what is known beforehand (endpoints, routes, causes); what a
caller, a proxy or TMDB makes up is counted as "other".
"""

from __future__ import annotations

import re
from collections import Counter as Count
from collections.abc import Collection, Iterable, Mapping, Sequence
from http import HTTPStatus

from prometheus_client import (
    CollectorRegistry,
    Info,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from streamr.boundaries import Exchange, Hit
from streamr.errors import CLIENT_LEFT, Attempt
from streamr.interfaces import Observer
from streamr.observe import measures
from streamr.observe.counters import Counts, Durations
from streamr.observe.measures import CACHE_RESULTS, OK, OTHER, SOURCES, Measure

# What TMDB, a proxy of ours or we ourselves may answer.
STATUSES = frozenset({*map(int, HTTPStatus), CLIENT_LEFT})
# What a request is noted as that an error of our own has ended.
BROKEN = HTTPStatus.INTERNAL_SERVER_ERROR
# What may stand in Accept. The library answers with the version that it is given, and
# breaks over one that is no number.
_OFFER = re.compile(
    r"(?:application/openmetrics-text|text/plain)"
    r"(?: ?; ?(?:version=(?:0\.0\.[14]|1\.0\.0)|charset=utf-8|escaping=[a-z0-9-]+"
    r"|q=[01](?:\.[0-9]{1,3})?))*"
)


class Metrics:
    """What has been counted so far (interfaces.Observer)."""

    def __init__(
        self,
        endpoints: Iterable[str],
        buckets: Sequence[float],
        versions: Mapping[str, str],
    ) -> None:
        """`endpoints` are the templates that may become labels; `buckets` the upper
        bounds of the latency histograms, in seconds."""
        self.registry = CollectorRegistry()
        self.calls: Count[str] = Count()
        self._templates = frozenset(endpoints)
        self._endpoints = set(self._templates)
        self._routes: dict[str, Collection[str]] = {}
        self._requests = self._counter(measures.REQUESTS)
        self._faults = self._counter(measures.FAULTS)
        self._renewals = self._counter(measures.RENEWALS)
        self._attempts = self._counter(measures.ATTEMPTS)
        self._reported = self._counter(measures.REPORTED)
        self._cache = self._counter(measures.CACHE_REQUESTS)
        self._purges = self._counter(measures.PURGES_IN_FRONT)
        self._seconds = self._durations(measures.REQUEST_SECONDS, buckets)
        self._attempt_seconds = self._durations(measures.ATTEMPT_SECONDS, buckets)
        self._lag = self._durations(measures.LOOP_LAG, measures.LAG_BUCKETS)
        name = measures.BUILD.name.removesuffix("_info")
        about = Info(name, measures.BUILD.help, registry=self.registry)
        about.info(dict(versions))
        ProcessCollector(registry=self.registry)

    def serves(
        self, server: str, routes: Collection[str], pages: Iterable[str]
    ) -> None:
        """A server is there: its routes, also those that are made later, and its own
        pages may become labels.

        What can be named beforehand begins at 0, so that the first one is an increase.
        """
        self._routes[server] = routes
        self._endpoints.update(pages)
        for cause in measures.ATTEMPT_CAUSES:
            for route in self._routes[server]:
                self._attempts.add(server, route, cause, count=0)
            if cause != OK:
                self._faults.add(server, cause, count=0)

    def caches(self, server: str) -> None:
        """This server has a cache."""
        for result in CACHE_RESULTS:
            self._cache.add(server, result, count=0)

    def in_front(self, caches: Iterable[str], results: Collection[str]) -> None:
        """These caches are told of purges, with one of these results."""
        for cache in caches:
            for result in results:
                self._purges.add(cache, result, count=0)

    def purged(self, cache: str, result: str) -> None:
        """A cache in front was told of a purge, or was not."""
        self._purges.add(cache, result)

    def tried(self, server: str, attempt: Attempt) -> None:
        """Count one try. What a peer tried on our behalf is counted under our route to
        the peer: its own metrics name its routes."""
        named = _known(attempt.peer or attempt.route, self._routes.get(server, ()))
        cause = _known(attempt.cause or OK, measures.ATTEMPT_CAUSES)
        counter = self._reported if attempt.peer else self._attempts
        counter.add(server, named, cause)
        if cause == OK and not attempt.peer:
            self._attempt_seconds.add(attempt.ms / 1000, server, named)

    def note(self, exchange: Exchange) -> None:
        """Count one finished request."""
        if exchange.renewal:
            self._renewals.add(
                exchange.server, _status(exchange.status), self._source(exchange)
            )
        else:
            self._count(exchange)

    def hits(self, hits: Sequence[tuple[Hit, str]]) -> None:
        """Count answers from ready pages."""
        for hit, count in Count([hit for hit, _ in hits]).items():
            self._count(hit.exchange, count)

    def late(self, seconds: float) -> None:
        """The reactor was so late for a timer."""
        self._lag.add(seconds)

    def add(self, collector: Collector) -> None:
        """Scrape what this collector reads, too."""
        self.registry.register(collector)

    def exposed(self, accept: str) -> tuple[bytes, str]:
        """All metrics in the format that an Accept header asks for, and its type."""
        offers = (each.strip().lower() for each in accept.split(","))
        known = ",".join(each for each in offers if _OFFER.fullmatch(each))
        encode, content_type = choose_encoder(known)
        return encode(self.registry), content_type

    def _count(self, exchange: Exchange, count: int = 1) -> None:
        server, source = exchange.server, self._source(exchange)
        endpoint = _known(exchange.template, self._endpoints)
        status = _status(exchange.status)
        self._requests.add(server, endpoint, status, source, count=count)
        self._seconds.add(exchange.ms / 1000, server, source, count=count)
        if exchange.template in self._templates:
            self.calls[server] += count
        if source == "fault":
            fault = exchange.outcome.fault
            cause = fault.cause.name if fault is not None else None
            named = cause or "proxy_internal_error"
            self._faults.add(server, named, count=count)
        result = _cache_result(exchange)
        if result is not None:
            self._cache.add(server, result, count=count)

    def _source(self, exchange: Exchange) -> str:
        """Where the answer came from: a route, the cache, ourselves, nowhere."""
        outcome = exchange.outcome
        if outcome.from_store:
            detail = outcome.cache.detail if outcome.cache is not None else ""
            return detail if detail in SOURCES else "cache"
        if outcome.source is not None:
            return _known(outcome.source, self._routes.get(exchange.server, ()))
        if outcome.left:
            return "left"
        if outcome.fault is not None or exchange.status == BROKEN:
            return "fault"
        return "refused" if exchange.template is None else "local"

    def _counter(self, measure: Measure) -> Counts:
        made = Counts(measure)
        self.registry.register(made)
        return made

    def _durations(self, measure: Measure, bounds: Sequence[float]) -> Durations:
        made = Durations(measure, bounds)
        self.registry.register(made)
        return made


def _known(name: str | None, names: Collection[str]) -> str:
    return name if name is not None and name in names else OTHER


def _status(status: int) -> str:
    return str(status) if status in STATUSES else OTHER


def _cache_result(exchange: Exchange) -> str | None:
    """What the cache did; None when it was not asked."""
    use = exchange.outcome.cache
    if use is None:
        return None
    if use.detail in SOURCES:
        return use.detail
    if use.forward is None:
        return "hit"
    return "collapsed" if use.collapsed else _known(use.forward, CACHE_RESULTS)


_conforms: type[Observer] = Metrics
