"""Which route is worth trying next, by what the last faults say. Pure.

A fallback must differ from what has failed in a dimension that the fault points at, or
it shares its fate. A reset after the hello points at the name in it, at how it looks,
at the path; a certificate for another host at an address that a resolver has made up;
a portal at the way out of this network. So after each fault the candidates are ranked:
what has worked on this network before all others, what cannot heal a fault that was
seen behind what can, and, when small changes have not helped, the one that differs in
most respects from all that was tried. No candidate is ever lost: what is unlikely to
help stands last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from streamr.boundaries import Dimensions
from streamr.errors import CAUSES, Phase

# What may heal a fault of the connection to an address.
_ADDRESS = frozenset({"host", "family", "resolver", "egress"})
# What may heal one that a box on the path has made: by the name, by the look of the
# hello, by the path (docs/facts/field.md, "The name is filtered").
_PATH = frozenset({"host", "profile", "family", "egress"})
# What may heal an answer that is not TMDB's.
_IMPOSTOR = frozenset({"resolver", "egress", "host", "family"})
_EGRESS = frozenset({"egress"})
_BY_PHASE = {
    Phase.RESOLVE: frozenset({"resolver", "egress"}),
    Phase.CONNECT: _ADDRESS,
    Phase.TLS: _PATH,
    Phase.REQUEST: _PATH,
    Phase.BODY: _PATH,
    Phase.ANSWER: frozenset({"host", "egress", "resolver"}),
    Phase.GATEWAY: frozenset({"host", "egress"}),
}
_BY_CAUSE = {
    # silence may be anybody's: the resolver's, an address', the path's
    "overtaken": _PATH | _ADDRESS,
    "tls_protocol_error": frozenset({"profile", "host", "egress"}),
    "tls_certificate_error": _IMPOSTOR,
    "tls_not_tls": _IMPOSTOR,
}
# While nothing is known, so many routes are tried side by side, each after this share
# of the time that silence usually takes.
MOST_EXPLORED = 3
EXPLORING = 0.4
# Time is shared among so many routes at most: what helps is found among the first, and
# each needs enough for a handshake.
MOST_SHARED = 4
# Of two routes that work, the later one has to be quicker by this (ms): near-equal
# routes do not take turns (sing-box's urltest tolerates as much).
TOLERANCE_MS = 50


def heals(cause: str) -> frozenset[str]:
    """The dimensions in which a route has to differ to heal a fault."""
    if cause.startswith("egress_"):
        return _EGRESS
    return _BY_CAUSE.get(cause, _BY_PHASE[CAUSES[cause].phase])


@dataclass(frozen=True, slots=True)
class Tried:
    """A route that has failed, or is silent ("overtaken"), and why."""

    dimensions: Dimensions
    cause: str

    def may_heal(self, other: Dimensions) -> bool:
        """True when another route differs where this one's fault points."""
        return any(
            getattr(other, each) != getattr(self.dimensions, each)
            for each in heals(self.cause)
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """A route that has worked on this network; `ms` is how long it takes."""

    ms: float


def ranked(
    candidates: Sequence[Dimensions],
    tried: Sequence[Tried],
    proven: Callable[[Dimensions], Proven | None],
    silent: Collection[str] = (),
) -> list[Dimensions]:
    """The candidates in the order to try them; they are given in that of preference.

    `tried` is what has failed for this request; `silent` are hosts that were found
    silent, over this machine's own way out.
    """
    places = {each: place for place, each in enumerate(candidates)}
    known = {each: found for each in candidates if (found := proven(each)) is not None}
    best = min((each.ms for each in known.values()), default=0.0)
    spread = _spread(tried)
    own = candidates[0].egress if candidates else ""

    def rank(each: Dimensions) -> tuple[bool, int, bool, bool, int, int]:
        works = known.get(each)
        late = 0 if works is None else int((works.ms - best) // TOLERANCE_MS)
        return (
            works is None,
            late,
            not all(failed.may_heal(each) for failed in tried),
            each.host in silent and each.egress == own,
            -_novelty(each, spread),
            places[each],
        )

    return sorted(candidates, key=rank)


def worth(candidates: Sequence[Dimensions], tried: Sequence[Tried]) -> int:
    """Among how many routes the time is shared: those that may heal what was seen."""
    able = sum(
        all(failed.may_heal(each) for failed in tried)
        for each in candidates[:MOST_SHARED]
    )
    return max(1, able)


def _spread(tried: Sequence[Tried]) -> dict[str, frozenset[str]]:
    """Of each dimension that the faults point at, the values that have failed; {} as
    long as the cheapest change may be enough."""
    if len(tried) < 2:
        return {}
    pointed = frozenset[str]().union(*(heals(each.cause) for each in tried))
    return {
        name: frozenset(getattr(each.dimensions, name) for each in tried)
        for name in pointed
    }


def _novelty(candidate: Dimensions, spread: dict[str, frozenset[str]]) -> int:
    """In how many respects it differs from everything that was tried."""
    return sum(getattr(candidate, name) not in seen for name, seen in spread.items())
