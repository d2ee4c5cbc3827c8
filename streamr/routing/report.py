"""What is told of a route: its breaker, what it last did, what sets it apart."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TypedDict

from streamr.boundaries import Dimensions
from streamr.interfaces import Route
from streamr.policy.standing import Standing
from streamr.routing.failover import Failover
from streamr.routing.health import Health


class ToldRoute(TypedDict):
    """A route as it is told, key for key, to whoever asks for JSON.

    `dimensions` has each by its name. `state` is untried, failing or ok; `at` is when
    its last attempt ended, `ms` how long that took, `cause` why it failed, and `detail`
    what more is known of that.
    `usual_ms` is how long an answer usually takes; None while the route is not known
    to work on this network. `place` is 1 for the route that the next request tries
    first, None for one that it does not try; `why` says why it stands there.
    """

    route: str
    place: int | None
    why: str
    next_hop: str
    dimensions: dict[str, str]
    breaker: str
    state: str
    cause: str | None
    detail: str
    at: str | None
    ms: int
    usual_ms: int | None
    served: int
    failed: int
    differs_in: list[str]


def iso(seconds: float) -> str:
    """Wall-clock seconds as ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def differs_in(first: Dimensions, other: Dimensions) -> list[str]:
    """The names of the dimensions in which two routes differ."""
    return [
        each.name
        for each in fields(Dimensions)
        if getattr(first, each.name) != getattr(other, each.name)
    ]


def told_routes(failover: Failover) -> list[ToldRoute]:
    """All routes that there are so far, the first one first."""
    standings = failover.standings()
    return [
        told_route(each, failover.health, standings[each.name])
        for each in failover.routes
    ]


def told_route(route: Route, health: Health, standing: Standing) -> ToldRoute:
    """A route, its place, its breaker, what it last did, and in what it differs from
    the first."""
    state, known = health.states[route.name], health.breakers[route.name]
    first = health.routes[0].dimensions
    untried, works = state.at is None, health.proven(route)
    return {
        "route": route.name,
        "place": standing.place,
        "why": standing.why,
        "next_hop": route.next_hop,
        "dimensions": asdict(route.dimensions),
        "breaker": known.state.value,
        "state": "untried" if untried else "failing" if state.cause else "ok",
        "cause": state.cause,
        "detail": state.detail,
        "at": None if state.at is None else iso(state.at),
        "ms": state.ms,
        "usual_ms": None if works is None else round(works.ms),
        "served": state.served,
        "failed": state.failed,
        "differs_in": differs_in(first, route.dimensions),
    }
