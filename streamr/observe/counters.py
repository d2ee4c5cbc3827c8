"""Counters and histograms of our own, which Prometheus' library writes out at a scrape.

Its own cannot count many at once, and cost twice as much for each
(docs/facts/performance.md, "Counting").
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from streamr.observe.measures import Measure

Labels = tuple[str, ...]


class Counts(Collector):
    """What only grows, by its labels."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._counts: dict[Labels, int] = {}

    def add(self, *labels: str, count: int = 1) -> None:
        """Count so many; 0 only names the labels."""
        self._counts[labels] = self._counts.get(labels, 0) + count

    def describe(self) -> Iterator[Metric]:
        """The family without samples: what a registry holds against its others."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """The family as it is scraped."""
        family = self._family()
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family

    def _family(self) -> CounterMetricFamily:
        measure = self._measure
        return CounterMetricFamily(measure.name, measure.help, labels=measure.labels)


class Durations(Collector):
    """A histogram of seconds, by its labels."""

    def __init__(self, measure: Measure, bounds: Sequence[float]) -> None:
        """`bounds` are the upper bounds of the buckets, which rise."""
        self._measure = measure
        self._bounds = tuple(bounds)
        self._names = [*map(floatToGoString, self._bounds), "+Inf"]
        self._buckets: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        if not measure.labels:
            self.add(0.0, count=0)

    def add(self, seconds: float, *labels: str, count: int = 1) -> None:
        """Count so many that took so long."""
        buckets = self._buckets.get(labels)
        if buckets is None:
            buckets = self._buckets[labels] = [0] * len(self._names)
            self._sums[labels] = 0.0
        buckets[bisect_left(self._bounds, seconds)] += count
        self._sums[labels] += seconds * count

    def describe(self) -> Iterator[Metric]:
        """The family without samples."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """The family as it is scraped: each bucket holds those below it, too."""
        family = self._family()
        for labels, buckets in self._buckets.items():
            below, told = 0, []
            for name, count in zip(self._names, buckets, strict=True):
                below += count
                told.append((name, float(below)))
            family.add_metric(labels, told, self._sums[labels])
        yield family

    def _family(self) -> HistogramMetricFamily:
        measure = self._measure
        return HistogramMetricFamily(measure.name, measure.help, labels=measure.labels)
