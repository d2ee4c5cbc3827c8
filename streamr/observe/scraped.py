"""What is read at the moment of a scrape: breakers, connections, pacing, the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamr.observe import measures
from streamr.observe.measures import Measure
from streamr.policy.breaker import BreakerState


@dataclass(frozen=True, slots=True)
class Pace:
    """How one host of TMDB's is paced: requests that left, that wait, that may still
    leave at once, and the seconds of its pause that are left."""

    passed: int
    waiting: int
    free: int
    paused: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store holds."""

    entries: int
    bytes: int
    most_bytes: int


@dataclass(frozen=True, slots=True)
class SharedCounts:
    """What other nodes share: whether the engine is there, the nodes last seen, and
    how often a look into it ended how."""

    up: bool
    nodes: int
    looks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """The daemon at one moment.

    `breakers` go by server and route, `connections` by server, `paces` by host;
    `calls` is how many requests of callers could have gone to TMDB; `kept` are answers
    in memory, `pictures` those on disk; `shared` is None without other nodes.
    """

    breakers: Mapping[tuple[str, str], BreakerState]
    connections: Mapping[str, int]
    paces: Mapping[str, Pace]
    calls: int
    kept: Kept | None = None
    pictures: Kept | None = None
    shared: SharedCounts | None = None


Samples = Iterator[tuple[tuple[str, ...], float]]


class Scraped(Collector):
    """Reads the daemon when Prometheus asks."""

    def __init__(self, read: Callable[[], Reading]) -> None:
        self._read = read

    def describe(self) -> Iterator[Metric]:
        """The metrics' names, for the registry."""
        return (_family(measure) for measure in _SAMPLES)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        reading = self._read()
        for measure, samples in _SAMPLES.items():
            family = _family(measure)
            for labels, value in samples(reading):
                family.add_metric(labels, value)
            yield family


def _breakers(reading: Reading) -> Samples:
    for (server, route), current in reading.breakers.items():
        for state in BreakerState:
            yield (server, route, state.value), float(state is current)


def _connections(reading: Reading) -> Samples:
    for server, count in reading.connections.items():
        yield (server,), count


def _offload(reading: Reading) -> Samples:
    if reading.calls:
        passed = sum(pace.passed for pace in reading.paces.values())
        yield (), 1000 * passed / reading.calls


def _of_pace(value: Callable[[Pace], float]) -> Callable[[Reading], Samples]:
    def samples(reading: Reading) -> Samples:
        for host, pace in reading.paces.items():
            yield (host,), value(pace)

    return samples


def _of(
    store: Callable[[Reading], Kept | None], value: Callable[[Kept], float]
) -> Callable[[Reading], Samples]:
    def samples(reading: Reading) -> Samples:
        kept = store(reading)
        if kept is not None:
            yield (), value(kept)

    return samples


def _answers(reading: Reading) -> Kept | None:
    return reading.kept


def _pictures(reading: Reading) -> Kept | None:
    return reading.pictures


def _shared_up(reading: Reading) -> Samples:
    if reading.shared is not None:
        yield (), float(reading.shared.up)


def _shared_nodes(reading: Reading) -> Samples:
    if reading.shared is not None:
        yield (), float(reading.shared.nodes)


def _shared_looks(reading: Reading) -> Samples:
    if reading.shared is not None:
        for result, count in reading.shared.looks.items():
            yield (result,), count


_SAMPLES: Mapping[Measure, Callable[[Reading], Samples]] = {
    measures.BREAKERS: _breakers,
    measures.CONNECTIONS: _connections,
    measures.UPSTREAM: _of_pace(lambda pace: pace.passed),
    measures.OFFLOAD: _offload,
    measures.WAITING: _of_pace(lambda pace: pace.waiting),
    measures.FREE: _of_pace(lambda pace: pace.free),
    measures.PAUSE: _of_pace(lambda pace: pace.paused),
    measures.ENTRIES: _of(_answers, lambda kept: kept.entries),
    measures.BYTES: _of(_answers, lambda kept: kept.bytes),
    measures.MOST_BYTES: _of(_answers, lambda kept: kept.most_bytes),
    measures.PICTURES: _of(_pictures, lambda kept: kept.entries),
    measures.PICTURE_BYTES: _of(_pictures, lambda kept: kept.bytes),
    measures.SHARED_UP: _shared_up,
    measures.SHARED_NODES: _shared_nodes,
    measures.SHARED_LOOKS: _shared_looks,
    measures.MOST_PICTURE_BYTES: _of(_pictures, lambda kept: kept.most_bytes),
}


def _family(measure: Measure) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
    return kind(measure.name, measure.help, labels=measure.labels)
