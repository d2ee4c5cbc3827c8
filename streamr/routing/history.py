"""What has worked on this network, kept over restarts.

Networks are told apart by a fingerprint that never leaves the machine; in a container
it sees only the container's own bridge, so what is remembered is only where to begin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple

from streamr.policy.memory import (
    Remembered,
    is_proven,
    is_worth_telling,
    noted,
    word,
)
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
        self._found: list[Callable[[str, float | None], object]] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Tell a listener when a route has become proven, or is no more."""
        self._listeners.append(listener)

    def when_found(self, found: Callable[[str, float | None], object]) -> None:
        """Tell of each route that has just proved to work here, and how long it takes
        (ms), or that works no more: None. What others have told is no news."""
        self._found.append(found)

    def noted(self, route: str, ms: float | None) -> None:
        """An attempt over a route took so long, or failed: None."""
        here, now = self._here(), self._wall()
        before = here.get(route, Remembered())
        after = noted(before, ms, now)
        here.pop(route, None)
        here[route] = after
        if len(here) > MOST_ROUTES:
            del here[next(iter(here))]
        proven = is_proven(after, now)
        if is_proven(before, now) != proven:
            for listener in self._listeners:
                listener()
        if is_worth_telling(before, now) != is_worth_telling(after, now):
            for found in self._found:
                found(route, after.ms if proven else None)

    def told(self, routes: Mapping[str, float]) -> None:
        """These work for another node on this network, and take so long (ms). Whoever
        has tried one knows better."""
        here, now = self._here(), self._wall()
        for route, ms in routes.items():
            if len(here) < MOST_ROUTES and (route not in here or here[route].told):
                here[route] = word(ms, now)

    def worth_telling(self) -> dict[str, float]:
        """The routes that work here, and how long they take (ms): what others may begin
        with."""
        now = self._wall()
        return {
            name: each.ms
            for name, each in self._here().items()
            if is_worth_telling(each, now)
        }

    def proven(self, route: str) -> Proven | None:
        """How a route does that has worked here; None of any other."""
        known = self._here().get(route)
        if known is None or not is_proven(known, self._wall()):
            return None
        return Proven(known.ms, known.told)

    def known(self) -> dict[str, dict[str, list[float]]]:
        """What outlives a restart: what this node has found itself."""
        found = {
            network: {
                name: list(astuple(each)[:-1])
                for name, each in routes.items()
                if not each.told
            }
            for network, routes in self._known.items()
        }
        return {network: routes for network, routes in found.items() if routes}

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
