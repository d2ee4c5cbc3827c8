"""What has worked on this network, kept over restarts.

Networks are told apart by a fingerprint that never leaves the machine; in a container
it sees only the container's own bridge, so what is remembered is only where to begin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple

from streamr.policy.memory import Remembered, is_proven, noted
from streamr.policy.search import Proven

# A laptop's usual places. The one that was not seen for the longest is forgotten.
MOST_NETWORKS = 8
# The proxy's, as many as there can be (app/candidates.py), and main's.
MOST_ROUTES = 128


class NetworkMemory:
    """The routes that have worked, by network. `wall` is the wall clock in seconds."""

    def __init__(self, network: Callable[[], str], wall: Callable[[], float]) -> None:
        """`network` is the fingerprint of the one that this machine is on now."""
        self._network = network
        self._wall = wall
        self._known: dict[str, dict[str, Remembered]] = {}
        self._listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Tell a listener when a route has become proven, or is no more."""
        self._listeners.append(listener)

    def noted(self, route: str, ms: float | None) -> None:
        """An attempt over a route took so long, or failed: None."""
        here, now = self._here(), self._wall()
        before = here.get(route, Remembered())
        after = noted(before, ms, now)
        here.pop(route, None)
        here[route] = after
        if len(here) > MOST_ROUTES:
            del here[next(iter(here))]
        if is_proven(before, now) != is_proven(after, now):
            for listener in self._listeners:
                listener()

    def proven(self, route: str) -> Proven | None:
        """How a route does that has worked here; None of any other."""
        known = self._here().get(route)
        if known is None or not is_proven(known, self._wall()):
            return None
        return Proven(known.ms)

    def known(self) -> dict[str, dict[str, list[float]]]:
        """What outlives a restart."""
        return {
            network: {name: list(astuple(each)) for name, each in routes.items()}
            for network, routes in self._known.items()
            if routes
        }

    def learn(self, known: Mapping[str, object]) -> None:
        """Begin with what was known before. What makes no sense is left out."""
        now = self._wall()
        for network, routes in list(known.items())[-MOST_NETWORKS:]:
            if isinstance(routes, dict):
                read = {name: _read(each, now) for name, each in routes.items()}
                sane = [(name, each) for name, each in read.items() if each is not None]
                self._known[network] = dict(sane[-MOST_ROUTES:])

    def _here(self) -> dict[str, Remembered]:
        network = self._network()
        here = self._known.pop(network, {})
        self._known[network] = here  # the last one is that which was seen last
        if len(self._known) > MOST_NETWORKS:
            del self._known[next(iter(self._known))]
        return here


def _read(told: object, now: float) -> Remembered | None:
    if not isinstance(told, list):
        return None
    try:
        good, bad, ms, worked, at = map(float, told)
    except (TypeError, ValueError, OverflowError):
        return None
    if not all(0 <= each < 1e12 for each in (good, bad, ms, worked, at)):
        return None
    # a clock that was set back since makes no memory young for ever
    return Remembered(good, bad, ms, bool(worked), min(at, now))
