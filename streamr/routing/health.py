"""The health of routes: their breakers, what they last did, and the probes behind.

Users never pay for finding out: a route that is open is probed in the background, also
when nobody asks, and judged by the hedge time, because a route that is slower than that
would be hedged anyway.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from random import random
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import DIRECT
from streamr.errors import CAUSES, KEY_CAUSES, PEER_REFUSES, Fault, RouteKind
from streamr.interfaces import Route
from streamr.policy import breaker
from streamr.policy.breaker import Breaker, BreakerState, Failed
from streamr.policy.budgets import TokenBucket
from streamr.policy.routing import plan, standings
from streamr.policy.search import Proven
from streamr.policy.standing import Standing, aside
from streamr.routing.history import NetworkMemory
from streamr.routing.probe import LOOK_SECONDS, PROBE_SECONDS, Probed, probe

_log = Logger()

# How often the breakers are looked at.
LOOK_EVERY = 0.5
# When nothing works at all, this many requests a second still find out for themselves:
# a TMDB that is back is noticed by the next caller, and a storm stays a trickle.
TRICKLE = 1.0
# Open routes are tried, too, while a fifth of the last attempts of these seconds was
# good.
HOPE_SECONDS = 10.0
HOPE_OVER = 40
HOPE_SHARE = 0.2
# What cannot help by what is known is not tried any more when so many of the last
# attempts have failed, of so many resources, and none was good: one title on which TMDB
# fails closes nothing to the others.
VAIN_OVER = 20
VAIN_RESOURCES = 5
# When nobody has asked for so long (seconds), nobody needs to know.
IDLE_SECONDS = 1800.0
# Probes under way at once: routes to a network that is blocked all fail alike. The
# first route, whose rhythm is promised, waits for no place.
MOST_PROBES = 4
# As many routes as there can be (app/candidates.py).
MOST_BEFORE = 64


@dataclass(slots=True)
class RouteState:
    """What a route last did, for a caller or a probe; `at` is wall-clock seconds since
    the epoch, `detail` what more is known of the cause. Probes are not counted."""

    at: float | None = None
    cause: str | None = None
    ms: int = 0
    served: int = 0
    failed: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt to get a resource, and whether it was good."""

    at: float
    good: bool
    resource: str


class RouteMemory(Protocol):
    """What is known of the routes on this network."""

    def noted(self, route: str, ms: float | None) -> None:
        """An attempt over a route took so long, or speaks against it: None."""

    def proven(self, route: str) -> Proven | None:
        """How a route does that has worked here; None of any other."""


class NoMemory:
    """The memory of one that keeps nothing."""

    def noted(self, route: str, ms: float | None) -> None:
        """It is not kept."""

    def proven(self, route: str) -> Proven | None:
        """Nothing is known."""
        return None


_memories: tuple[type[RouteMemory], ...] = (NoMemory, NetworkMemory)


class Health:
    """What is known of a list of routes."""

    def __init__(
        self,
        routes: Sequence[Route],
        clock: IReactorTime,
        wall: Callable[[], float],
        *,
        memory: RouteMemory | None = None,
        most: int = 0,
        chance: Callable[[], float] = random,
    ) -> None:
        """`memory` is what is known of this network; None when nothing is kept. `most`
        is how many routes there can be, when more are made as they are needed."""
        self.routes: list[Route] = list(routes)
        self._most = most
        self.states = {route.name: RouteState() for route in routes}
        self.breakers = {route.name: Breaker() for route in routes}
        self._listeners: list[Callable[[], None]] = []
        self._clock = clock
        self._wall = wall
        self._chance = chance
        self._memory = memory or NoMemory()
        self._recent: deque[_Ended] = deque(maxlen=HOPE_OVER)
        # when a probe was good last (monotonic seconds)
        self._proved_at = -math.inf
        self._trickle = TokenBucket(TRICKLE, 1.0, 1.0, clock.seconds())
        self._turn = -1
        # of routes that are not made again yet
        self._before: dict[str, Breaker] = {}
        self._silent_before: set[str] = set()
        self._asked_at = clock.seconds()
        self._timer: IDelayedCall | None = None
        self._probes: dict[str, Deferred[None]] = {}
        self._greetings: dict[str, Deferred[Probed]] = {}

    def adopt(self, route: Route) -> None:
        """One more route is there, of which nothing is known yet."""
        self.routes.append(route)
        self.states[route.name] = RouteState()
        self.breakers[route.name] = self._before.pop(route.name, Breaker())

    @property
    def unused(self) -> int:
        """How many further routes there can be that nobody has needed so far."""
        return max(0, self._most - len(self.routes))

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Tell a listener whenever a breaker changes its state."""
        self._listeners.append(listener)

    @property
    def sound(self) -> bool:
        """True when callers can be sent over some route."""
        return any(each.closed for each in self.breakers.values())

    def silent_hosts(self) -> frozenset[str]:
        """Hosts to which a route is open because of silence: a proxy of ours need not
        find that out again."""
        opened = [each for each in self.routes if not self.is_closed(each)]
        return frozenset(
            route.dimensions.host for route in opened if self._is_silent(route.name)
        )

    def asked(self) -> None:
        """A caller asks: while callers do, routes that are open are probed."""
        self._asked_at = self._clock.seconds()

    def plan(self, silent: Collection[str] = ()) -> tuple[Route, ...]:
        """The routes to try now, in their order; () when nothing works and the trickle
        is used up. Those to `silent` hosts stand behind the others."""
        proven = self._memory.proven
        routes = plan(self.routes, self.breakers, self.hopeful, silent, proven)
        return routes or self.trickle()

    def trickle(self) -> tuple[Route, ...]:
        """One route, in turn, for the caller who finds out that TMDB is back: a trickle
        must not fan out. () when it is used up."""
        now = self._clock.seconds()
        if self._trickle.wait(now) > 0:
            return ()
        self._trickle = self._trickle.taken(now)
        self._turn += 1
        return (self.routes[self._turn % len(self.routes)],)

    def standings(self) -> dict[str, Standing]:
        """Where each route stands for a request that begins now, and why, by name."""
        proven = self._memory.proven
        return standings(self.routes, self.breakers, self.hopeful, proven, self.aside)

    def aside(self, route: Route) -> str:
        """Why a route stands behind those that are in order, "" for one of those."""
        known, now = self.breakers[route.name], self._clock.seconds()
        wait = None if self._is_idle() else known.until - now
        return aside(known, self.states[route.name].cause, wait)

    def _is_idle(self) -> bool:
        """True when nobody has asked for so long that nothing is probed."""
        return self._clock.seconds() - self._asked_at > IDLE_SECONDS

    def is_closed(self, route: Route) -> bool:
        """True when callers are sent over this route."""
        return self.breakers[route.name].closed

    def is_sure(self, route: Route) -> bool:
        """True when callers are sent over this route before all that is in doubt."""
        return self.breakers[route.name].sure

    def proven(self, route: Route) -> Proven | None:
        """How a route does that has worked on this network; None of any other."""
        return self._memory.proven(route.name)

    def worth(self, route: Route) -> bool:
        """True when a caller's request should still go over this route."""
        return self.is_closed(route) or self.hopeful

    def tried(
        self, route: Route, fault: Fault | None, ms: int, resource: str = ""
    ) -> None:
        """An attempt to get a resource has ended."""
        self._saw(route, fault, ms)
        state, now = self.states[route.name], self._clock.seconds()
        if fault is None:
            state.served += 1
            self._memory.noted(route.name, ms)
            self._recent.append(_Ended(now, True, resource))
            self._now_known(route, breaker.succeeded(self.breakers[route.name], now))
            return
        state.failed += 1
        if fault.counts:
            self._recent.append(_Ended(now, False, resource))
            self._memory.noted(route.name, None)
            why = Failed(fault.cause.blame, resource)
            before, chance = self.breakers[route.name], self._chance()
            self._now_known(route, breaker.failed(before, why, now, chance))
            if self._timer is not None:
                self._look_at(route)  # what is in doubt is probed at once

    def start(self) -> None:
        """Begin to probe."""
        self._timer = self._clock.callLater(LOOK_EVERY, self._look)

    def probe_first(self) -> None:
        """Try the first route now, so that a wrong key shows before anybody asks, and
        see whether the peers elsewhere take this streamr's requests at all."""
        self._probe(self.routes[0])
        for route in self.routes[1:]:
            elsewhere = route.dimensions.egress != DIRECT.name
            if route.kind is RouteKind.PEER and elsewhere:
                self._greet(route)

    def look_again(self) -> Deferred[list[None]]:
        """Probe all routes now, and not for long: somebody has changed something.

        Fires when that is over.
        """
        now = self._clock.seconds()
        for each in list(self._probes.values()):
            each.cancel()
        for name, known in self.breakers.items():
            self.breakers[name] = breaker.probing(breaker.hurried(known, now))
        looks = [self._probe(route, LOOK_SECONDS) for route in self.routes]
        return gatherResults(looks)

    def stop(self) -> None:
        """End all probes."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        for each in list(self._probes.values()):
            each.cancel()
        for greeting in list(self._greetings.values()):
            greeting.cancel()

    def known(self) -> dict[str, dict[str, float]]:
        """What outlives a restart: the open breakers, with pauses instead of times, and
        which of them were silent."""
        now = self._clock.seconds()
        return {
            name: {"pause": each.pause, "left": max(0.0, each.until - now)}
            | ({"silent": True} if self._is_silent(name) else {})
            for name, each in self.breakers.items()
            if not each.closed
        }

    def learn(self, known: Mapping[str, object]) -> None:
        """Begin with what was known before. What makes no sense is left out."""
        now = self._clock.seconds()
        for name, told in known.items():
            if not isinstance(told, dict):
                continue
            try:
                pause, left = float(told["pause"]), float(told["left"])
            except (KeyError, TypeError, ValueError, OverflowError):
                continue
            sane = 0 < pause <= breaker.LONGEST_PAUSE and 0 <= left <= 2 * pause
            if not sane:
                continue
            opened = Breaker(BreakerState.OPEN, pause=pause, until=now + left)
            if told.get("silent") is True:
                self._silent_before.add(name)
            if name in self.breakers:
                self.breakers[name] = opened
            elif len(self._before) < MOST_BEFORE:
                self._before[name] = opened

    def _is_silent(self, name: str) -> bool:
        """True when the last attempt over a route ended in silence, also one before a
        restart."""
        state = self.states[name]
        return _was_silent(state) or (state.at is None and name in self._silent_before)

    @property
    def hopeful(self) -> bool:
        """With random resets every breaker opens, and every third try is good: then all
        routes are tried all the same (Envoy calls this the panic threshold)."""
        lately = self._lately()
        good = sum(each.good for each in lately)
        return good > 0 and good >= HOPE_SHARE * len(lately)

    @property
    def in_vain(self) -> bool:
        """The last attempts have failed, whatever was asked for, and no probe was good
        lately: a storm at a TMDB that is down helps nobody."""
        lately = self._lately()
        if len(lately) < VAIN_OVER or any(each.good for each in lately):
            return False
        if self._clock.seconds() - self._proved_at < HOPE_SECONDS:
            return False
        return len({each.resource for each in lately}) >= VAIN_RESOURCES

    def _lately(self) -> list[_Ended]:
        since = self._clock.seconds() - HOPE_SECONDS
        return [each for each in self._recent if each.at > since]

    @property
    def key_trouble(self) -> str | None:
        """Why TMDB does not take our key, by the last attempts; None when it does, or
        has not been asked."""
        causes = (state.cause for state in self.states.values())
        return next((cause for cause in causes if cause in KEY_CAUSES), None)

    def _saw(self, route: Route, fault: Fault | None, ms: int) -> None:
        state = self.states[route.name]
        if fault is not None and fault.cause.name in KEY_CAUSES - {self.key_trouble}:
            _log.warn(
                "The key does not work: {meaning} ({detail}). Set a valid "
                "TMDB_ACCESS_TOKEN or TMDB_API_KEY, and restart.",
                meaning=fault.cause.meaning,
                detail=fault.detail,
                code="key-refused",
            )
        if fault is not None and fault.cause.name == PEER_REFUSES != state.cause:
            _log.warn(
                "The proxy {route} cannot be used: {detail}",
                route=route.name,
                detail=fault.detail,
                code="proxy-refuses",
            )
        state.at, state.ms = self._wall(), ms
        state.cause = None if fault is None else fault.cause.name
        state.detail = "" if fault is None else fault.detail

    def _now_known(self, route: Route, now_known: Breaker) -> None:
        before = self.breakers[route.name]
        self.breakers[route.name] = now_known
        if now_known.state is not before.state:
            _log.warn(
                "Breaker of {route}: {before} → {after}",
                route=route.name,
                before=before.state.value,
                after=now_known.state.value,
                code="breaker",
            )
            for listener in self._listeners:
                listener()

    def _look(self) -> None:
        """Begin the probes that are due."""
        self._timer = self._clock.callLater(LOOK_EVERY, self._look)
        if self._is_idle():
            return
        # with more than can be under way, each has its turn
        waiting = sorted(self.routes, key=lambda each: self.breakers[each.name].until)
        for route in waiting:
            self._look_at(route)

    def _look_at(self, route: Route) -> None:
        """Begin the probe of a route, if one is due."""
        known = self.breakers[route.name]
        full = len(self._probes) >= MOST_PROBES and route is not self.routes[0]
        under_way = route.name in self._probes or full
        if breaker.due(known, self._clock.seconds()) and not under_way:
            self.breakers[route.name] = breaker.probing(known)
            self._probe(route)

    def _probe(self, route: Route, seconds: float = PROBE_SECONDS) -> Deferred[None]:
        """Ask over one route; fires when it is judged, and never fails."""
        probing = probe(route, self._clock, seconds)
        judging = probing.addCallback(self._judge, route)
        judging.addErrback(_given_up)
        self._probes[route.name] = judging
        return judging.addCallback(self._probed, route)

    def _greet(self, route: Route) -> None:
        """Ask a peer once. Only that it refuses counts: one that is not there yet may
        have been started together with this machine."""
        greeting = probe(route, self._clock, PROBE_SECONDS)
        self._greetings[route.name] = greeting
        greeting.addCallback(self._greeted, route)
        greeting.addErrback(_given_up)

    def _greeted(self, probed: Probed, route: Route) -> None:
        self._greetings.pop(route.name, None)
        fault = probed.fault
        if fault is not None and fault.cause.name == PEER_REFUSES:
            self._saw(route, fault, round(probed.took * 1000))

    def _probed(self, _result: object, route: Route) -> None:
        """Over. One that was given up for another has no place any more."""
        self._probes.pop(route.name, None)

    def _judge(self, probed: Probed, route: Route) -> None:
        """What a probe says of its route."""
        fault, known = probed.fault, self.breakers[route.name]
        now, chance = self._clock.seconds(), self._chance()
        # one in doubt has failed by its answers, not by being slow
        good = fault is None and (known.doubted or probed.took <= route.patience)
        if good or fault is not None:
            self._saw(route, fault, round(probed.took * 1000))
        if good:
            self._proved_at = now
        if good or (fault is not None and fault.refused):
            self._now_known(route, breaker.probed_good(known, now))
        elif fault is None or fault.counts or probed.broke:
            self._now_known(route, breaker.probed_bad(known, now, chance))
        else:
            # a limit says nothing of the route: asked again after the same pause
            self.breakers[route.name] = breaker.postponed(known, now, chance)


def _was_silent(state: RouteState) -> bool:
    """True when the last attempt ended in silence."""
    cause = state.cause
    return cause is not None and (cause == "overtaken" or CAUSES[cause].silent_host)


def _given_up(failure: Failure) -> None:
    """A probe that was cancelled says nothing."""
    failure.trap(CancelledError)
