"""Which route is worth trying next, by what the last faults say. Pure.

A fallback must differ from what has failed in a dimension that the fault points at, or
it shares its fate. A reset after the hello points at the name in it, at how it looks,
at the path; a certificate for another host at an address that a resolver has made up;
a portal at the way out of this network. So after each fault the candidates are ranked:

- what cannot heal a fault that was seen stands behind what can;
- what has worked on this network stands before what has not, until such a route fails:
  then this network is not as it was, and memory only decides between equals;
- then by the likeliest remedy in which a candidate has a value that has not failed yet.
  Those that came furthest say what is to change, the others what not to go back to;
- then by the order of preference: of two that may help, the cheaper one is first.

No candidate is ever lost: what is unlikely to help stands last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from streamr.boundaries import Dimensions
from streamr.errors import CAUSES, Phase
from streamr.policy.standing import AS_LISTED, SILENT, in_words, works

# In which dimensions a route has to differ to heal a fault, and how likely each of them
# is to do so: 0 is the likeliest (docs/facts/field.md, "The name is filtered").
# Of combinations of values that have all failed, and of TLS 1.2, which heals the rarest
# fault and is the oldest protocol.
_COMBINED, _RARE_PROFILE = 3, "tls12"
# The connection to an address failed, or somebody else was there.
_ADDRESS: Mapping[str, int] = {"host": 0, "resolver": 0, "egress": 0, "family": 1}
# Made by a box on the path: by the name, by the look of the hello, by the path. An
# address that a resolver has made up may be silent, or reset connections, as well.
_PATH: Mapping[str, int] = {
    "host": 0,
    "profile": 0,
    "egress": 1,
    "resolver": 2,
    "family": 4,
}
_NAME: Mapping[str, int] = {"host": 0, "resolver": 0, "egress": 0}
# What stands between us and an outbound proxy is the same for every host.
_EGRESS: Mapping[str, int] = {"egress": 0}
_EGRESS_TO_HOST: Mapping[str, int] = {"host": 0, "egress": 0}
# A base URL points back to us, or a resolver names the address of a door of ours.
_LOOP: Mapping[str, int] = {"host": 0, "egress": 0, "resolver": 0}
# These say nothing of why: a breaker was open, or something here is broken.
_ANY: Mapping[str, int] = {
    "host": 0,
    "profile": 0,
    "egress": 0,
    "resolver": 0,
    "family": 0,
}
_BY_PHASE = {
    Phase.RESOLVE: _NAME,
    Phase.CONNECT: _ADDRESS,
    Phase.TLS: _PATH,
    Phase.REQUEST: _PATH,
    Phase.BODY: _PATH,
    Phase.ANSWER: _NAME,
    Phase.GATEWAY: _ANY,
}
_BY_CAUSE = {
    "sockets_exhausted": _ANY,
    "egress_unreachable": _EGRESS,
    "egress_timeout": _EGRESS,
    "egress_closed": _EGRESS,
    "egress_authentication": _EGRESS,
    "egress_protocol_error": _EGRESS,
    "egress_denied": _EGRESS_TO_HOST,
    "egress_failed": _EGRESS_TO_HOST,
    "tls_certificate_error": _ADDRESS,
    "tls_not_tls": _ADDRESS,
    "proxy_loop_detected": _LOOP,
}
# How far an attempt came is not known where these heal it.
_TELL_NOTHING = (_ANY, _EGRESS, _EGRESS_TO_HOST, _LOOP)
# What a route differs in, as people call it; the others have their own names.
_CALLED = {"profile": "TLS profile", "family": "address family"}
# How far an attempt came, by what may heal it.
_PROGRESS = {phase: place for place, phase in enumerate(Phase, 1)}
# While nothing is known, so many routes are tried side by side, each after this share
# of the time that silence usually takes.
MOST_EXPLORED = 3
EXPLORING = 0.4
# Those after them come further and further apart: when several have heard nothing it
# may be the line that is slow, and each route is a burden to it.
MOST_APART = 4.0
# Time is shared among so many routes at most: what helps is found among the first, and
# each needs enough for a handshake.
MOST_SHARED = 4
# Of two routes that work, the later one has to be quicker by this: near-equal routes do
# not take turns (docs/facts/routes.md, "Routes that are nearly equal"). Milliseconds,
# and a share of the quickest, because on a slow line all times vary by more.
TOLERANCE_MS = 50.0
TOLERANCE_SHARE = 0.5


def heals(cause: str) -> Mapping[str, int]:
    """The dimensions in which a route has to differ to heal a fault."""
    return _BY_CAUSE.get(cause) or _BY_PHASE[CAUSES[cause].phase]


def tells(cause: str) -> bool:
    """False of a fault that says nothing of why: a breaker had opened, or something
    here is broken."""
    return heals(cause) is not _ANY


@dataclass(frozen=True, slots=True)
class TriedRoute:
    """A route that has failed, or is silent ("overtaken"), and why; `proven` says that
    it had been expected to work."""

    dimensions: Dimensions
    cause: str
    proven: bool = False

    @property
    def progress(self) -> int:
        """How far it came; 0 where the fault does not tell, as a silence anywhere, and
        those of the outbound proxy's own."""
        remedies = heals(self.cause)
        if self.cause == "overtaken" or any(remedies is each for each in _TELL_NOTHING):
            return 0
        # somebody else than TMDB was there: the address is wrong
        phase = Phase.CONNECT if remedies is _ADDRESS else CAUSES[self.cause].phase
        return _PROGRESS[phase]

    @property
    def ends_egress(self) -> bool:
        """True when no other route over the same outbound proxy can do better."""
        return heals(self.cause) is _EGRESS

    def may_heal(self, other: Dimensions) -> bool:
        """True when another route differs where this one's fault points."""
        return any(self.differs(other, name) for name in heals(self.cause))

    def differs(self, other: Dimensions, name: str) -> bool:
        """True when another route differs in one dimension."""
        return bool(getattr(other, name) != getattr(self.dimensions, name))


@dataclass(frozen=True, slots=True)
class Proven:
    """A route that has worked on this network; `ms` is how long it takes. `told` says
    that it has for another node."""

    ms: float
    told: bool = False

    def lateness(self, best: float) -> int:
        """By how many tolerances it is slower than one that takes `best` ms."""
        return int((self.ms - best) // max(TOLERANCE_MS, TOLERANCE_SHARE * best))


_Rank = tuple[bool, bool, int, bool, tuple[int, int, int], bool, int]
_Found = Callable[[Dimensions], Proven | None]


def _never(_candidate: Dimensions) -> bool:
    return False


def ranked(
    candidates: Sequence[Dimensions],
    tried: Sequence[TriedRoute],
    proven: _Found,
    silent: Callable[[Dimensions], bool] = _never,
) -> list[Dimensions]:
    """The candidates in the order to try them; they are given in that of preference.

    `tried` is what has failed for this request; of those that are `silent`, the host
    was found so.
    """
    return sorted(candidates, key=_Ranking(candidates, tried, proven, silent).rank)


def reasons(
    candidates: Sequence[Dimensions],
    tried: Sequence[TriedRoute],
    proven: _Found,
    silent: Callable[[Dimensions], bool] = _never,
) -> dict[Dimensions, str]:
    """Why each candidate stands where `ranked` puts it, in words."""
    ranking = _Ranking(candidates, tried, proven, silent)
    return {each: ranking.why(each) for each in candidates}


class _Ranking:
    """What speaks for and against each candidate."""

    def __init__(
        self,
        candidates: Sequence[Dimensions],
        tried: Sequence[TriedRoute],
        proven: _Found,
        silent: Callable[[Dimensions], bool],
    ) -> None:
        self._tried = tried
        self._known = {
            each: found for each in candidates if (found := proven(each)) is not None
        }
        self._best = min((each.ms for each in self._known.values()), default=0.0)
        self._contradicted = any(each.proven for each in tried)
        self._silent = silent
        self._evidence = _Evidence(tried)

    def rank(self, each: Dimensions) -> _Rank:
        works = self._known.get(each)
        late = 0 if works is None else works.lateness(self._best)
        trusted = self._is_trusted(each)
        return (
            not able(each, self._tried),
            not trusted,
            late if trusted else 0,
            self._silent(each),
            self._evidence.rank(each),
            works is None,
            late,
        )

    def why(self, each: Dimensions) -> str:
        """What decides its rank, in the order of the rank's parts."""
        against = next((one for one in self._tried if not one.may_heal(each)), None)
        if against is not None:
            told = in_words(against.cause)
            failed = against.dimensions == each
            return f"failed lately ({told})" if failed else f"cannot help ({told})"
        if self._is_trusted(each):
            found = self._known[each]
            return works(found.ms, found.lateness(self._best) > 0, found.told)
        return SILENT if self._silent(each) else self._evidence.why(each)

    def _is_trusted(self, each: Dimensions) -> bool:
        return each in self._known and not self._contradicted


def able(candidate: Dimensions, tried: Sequence[TriedRoute]) -> bool:
    """True when a candidate may heal every fault that was seen."""
    return all(failed.may_heal(candidate) for failed in tried)


def haste(taken: int) -> float:
    """By which share of its patience the last of so many routes is waited for, of which
    none is known to work."""
    if taken < MOST_EXPLORED:
        return EXPLORING
    return float(min(MOST_APART, 2 ** (taken - MOST_EXPLORED)))


def worth(candidates: Sequence[Dimensions], tried: Sequence[TriedRoute]) -> int:
    """Among how many routes the time is shared: those that may heal what was seen."""
    return max(1, sum(able(each, tried) for each in candidates[:MOST_SHARED]))


class _Evidence:
    """What the faults say of values."""

    def __init__(self, tried: Sequence[TriedRoute]) -> None:
        furthest = max((each.progress for each in tried), default=0)
        self._last = [each for each in tried if each.progress == furthest]
        self._before = [each for each in tried if 0 < each.progress < furthest]
        self._remedies: dict[str, int] = {}
        for each in self._last:
            for name, likely in heals(each.cause).items():
                self._remedies[name] = min(likely, self._remedies.get(name, likely))

    def rank(self, candidate: Dimensions) -> tuple[int, int, int]:
        """The likeliest remedy that this candidate brings; then in how much it differs
        from what failed before; of combinations, in how much from all others."""
        likely, _ = self._remedy(candidate)
        new = _differences(candidate, self._last) if likely == _COMBINED else 0
        return likely, -_differences(candidate, self._before), -new

    def why(self, candidate: Dimensions) -> str:
        """The remedy that it brings, and the fault which that may heal."""
        if not self._last:
            return AS_LISTED
        likely, name = self._remedy(candidate)
        said = [
            each.cause for each in self._last if not name or name in heals(each.cause)
        ]
        if not name:
            return f"another combination ({in_words(said[-1])})"
        rarely = ", which rarely helps" * (likely >= _COMBINED)
        return f"another {_CALLED.get(name, name)}{rarely} ({in_words(said[-1])})"

    def _remedy(self, candidate: Dimensions) -> tuple[int, str]:
        """How likely the likeliest remedy is, and which dimension that is; "" when it
        only combines values that have all failed."""
        return min(
            (
                (self._likelihood(name, candidate), name)
                for name in self._remedies
                if all(each.differs(candidate, name) for each in self._last)
            ),
            key=lambda found: found[0],
            default=(_COMBINED, ""),
        )

    def _likelihood(self, name: str, candidate: Dimensions) -> int:
        rare = name == "profile" and candidate.profile == _RARE_PROFILE
        return _COMBINED if rare else self._remedies[name]


def _differences(candidate: Dimensions, tried: Sequence[TriedRoute]) -> int:
    """In how many respects it differs where the faults point. One family instead of
    both is none: what is given up may be what works."""
    return sum(
        each.differs(candidate, name)
        for each in tried
        for name in heals(each.cause)
        if name != "family"
    )
