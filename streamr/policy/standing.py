"""Where a route stands in the order in which requests try them, and why. Pure.

The order itself is made in `routing.py` and `search.py` next to this file; each says of
its routes why they stand where they do, so that nobody has to guess it from the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from streamr.errors import CAUSES
from streamr.policy.breaker import Breaker, BreakerState

# As routes are given, when nothing speaks for or against one.
AS_LISTED = "in the order of preference"
SILENT = "its host was silent"


@dataclass(frozen=True, slots=True)
class Standing:
    """`place` is 1 for the route that a request tries first; None for one that is not
    tried now. `why` says in words why it stands there."""

    place: int | None
    why: str


def in_words(cause: str) -> str:
    """What went wrong on a route. One that was overtaken had said nothing."""
    return "no answer in time" if cause == "overtaken" else CAUSES[cause].meaning


def works(ms: float, slower: bool, told: bool = False) -> str:
    """Why one that has worked on this network stands in front, or not quite; `told`
    that it has for another node."""
    where = "for another node" if told else "here"
    return f"works {where} ({ms:.0f} ms)" + ", but others are quicker" * slower


def aside(breaker: Breaker, cause: str | None, wait: float | None) -> str:
    """Why a route stands behind those that are in order, "" for one of those.

    `cause` is why its last attempt failed; `wait` is how long it is (seconds) until the
    next probe, None when there is none until somebody asks.
    """
    if breaker.sure:
        return ""
    what = "in doubt" if breaker.closed else "open"
    why = "" if cause is None else f" ({in_words(cause)})"
    return f"{what}{why}; {_probe(breaker, wait)}"


def _probe(breaker: Breaker, wait: float | None) -> str:
    if breaker.state is BreakerState.HALF_OPEN:
        return "a probe is under way"
    if wait is None:
        return "probed again when somebody asks"
    return "a probe is due" if wait <= 0 else f"next probe in {ceil(wait)} s"
