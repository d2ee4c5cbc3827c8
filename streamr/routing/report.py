"""What is told of a route: its breaker, what it last did, what sets it apart."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import TypedDict

from streamr.boundaries import Dimensions
from streamr.interfaces import Route
from streamr.routing.health import Health


class ToldRoute(TypedDict):
    """A route as it is told, key for key, to whoever asks for JSON.

    `state` is untried, failing or ok; `at` is when its last attempt ended, `ms` how
    long that took, and `cause` why it failed.
    """

    route: str
    next_hop: str
    breaker: str
    state: str
    cause: str | None
    at: str | None
    ms: int
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


def told_route(route: Route, health: Health) -> ToldRoute:
    """A route, its breaker, what it last did, and in what it differs from the first."""
    state, known = health.states[route.name], health.breakers[route.name]
    first = health.routes[0].dimensions
    untried = state.at is None
    return {
        "route": route.name,
        "next_hop": route.next_hop,
        "breaker": known.state.value,
        "state": "untried" if untried else "failing" if state.cause else "ok",
        "cause": state.cause,
        "at": None if state.at is None else iso(state.at),
        "ms": state.ms,
        "served": state.served,
        "failed": state.failed,
        "differs_in": differs_in(first, route.dimensions),
    }
