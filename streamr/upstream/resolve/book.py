"""What is known of addresses: who named them, and whether TMDB answered there.

A resolver's word is a claim. A verified handshake is a fact: whoever holds the
certificate for the name was at that address. So an address where one has succeeded is
tried before all that is only named, also when a resolver names others now; and one
that failed stands behind those of which nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from streamr.errors import Fault
from streamr.net.networks import is_private

_log = Logger()

# TMDB's CDN answers on its addresses for days.
KEPT_SECONDS = 24 * 3600.0
# A failure says little about an address later: networks heal.
FAILED_SECONDS = 600.0
# What one attempt tries at most: all of a name's usual answer, and what is verified.
MOST_TRIED = 8
# Of one name. A resolver that names new addresses each time fills no memory.
MOST_KNOWN = 64
# With these somebody else than TMDB was there.
_IMPOSTORS = frozenset({"tls_certificate_error", "tls_not_tls", "proxy_loop_detected"})
# Whether a failure at an address, by its cause, says that whoever named it lied.
Lie = Callable[[str, str], bool]


def tmdb_is_not_there(address: str, cause: str) -> bool:
    """True where somebody else answers, or TMDB cannot be."""
    return is_private(address) or cause in _IMPOSTORS


def no_lie(_address: str, _cause: str) -> bool:
    """Of names in private networks, any address may be true."""
    return False


@dataclass(slots=True)
class Fact:
    """What is known of one address of one name; times are of the monotonic clock.

    `sources` are the resolvers that have named it; `cause` is why the last try failed;
    `poisoned` says that this was a lie.
    """

    address: str
    sources: set[str] = field(default_factory=set)
    verified_at: float | None = None
    failed_at: float | None = None
    cause: str | None = None
    poisoned: bool = False


class AddressBook:
    """The addresses of all names, whoever named them."""

    def __init__(self, clock: IReactorTime, lie: Lie = tmdb_is_not_there) -> None:
        self._clock = clock
        self._lie = lie
        self._names: dict[str, dict[str, Fact]] = {}

    def facts(self, host: str) -> tuple[Fact, ...]:
        """All that is known of a name's addresses."""
        return tuple(self._names.get(host.lower(), {}).values())

    def named(self, host: str, source: str, addresses: Sequence[str]) -> None:
        """A resolver has named these addresses."""
        for address in addresses:
            self._fact(host, address).sources.add(source)

    def verified(self, host: str, address: str) -> None:
        """A handshake in which the certificate was good has ended well there."""
        fact = self._fact(host, address)
        fact.verified_at, fact.failed_at, fact.cause = self._clock.seconds(), None, None
        fact.poisoned = False

    def failed(self, host: str, address: str, fault: Fault) -> None:
        """A try has failed there."""
        fact = self._fact(host, address)
        cause, new = fault.cause.name, fact.cause != fault.cause.name
        fact.failed_at, fact.cause = self._clock.seconds(), cause
        fact.poisoned = fact.verified_at is None and self._lie(address, cause)
        if new and fact.poisoned:
            _log.warn(
                "A wrong address for {host}: {address}, named by {sources} ({cause})",
                host=host,
                address=address,
                sources=", ".join(sorted(fact.sources)) or "no resolver",
                cause=fault,
                code="poisoned-answer",
            )

    def order(self, host: str, named: Sequence[str], family: str) -> list[str]:
        """The addresses to try, in their order: `named`, and what is verified.

        Verified ones first, the last one to answer at the front; then those of which
        nothing is known, with the families in turn (RFC 8305, 4) as the resolver has
        ordered them; then those that failed lately.
        """
        now = self._clock.seconds()
        known = self._names.get(host.lower(), {})
        verified = [
            each
            for each in known.values()
            if _is_verified(each, now) and _is_of(each.address, family)
        ]
        verified.sort(key=_verified_at, reverse=True)
        first = [each.address for each in verified]
        others = [each for each in dict.fromkeys(named) if each not in first]
        bad = [each for each in others if _has_failed(known.get(each), now)]
        unknown = [each for each in others if each not in bad]
        bad.sort(key=lambda each: known[each].failed_at or 0.0)
        return [*first, *interleaved(unknown), *bad][:MOST_TRIED]

    def known(self) -> dict[str, dict[str, float]]:
        """What outlives a restart: seconds since each address was verified."""
        now = self._clock.seconds()
        return {
            host: {
                fact.address: now - (fact.verified_at or 0.0)
                for fact in facts.values()
                if _is_verified(fact, now)
            }
            for host, facts in self._names.items()
        }

    def learn(self, known: Mapping[str, Mapping[str, float]]) -> None:
        """Begin with what was known before."""
        now = self._clock.seconds()
        for host, ages in known.items():
            for address, age in ages.items():
                self._fact(host, address).verified_at = now - age

    def _fact(self, host: str, address: str) -> Fact:
        facts = self._names.setdefault(host.lower(), {})
        fact = facts.get(address)
        if fact is None:
            if len(facts) >= MOST_KNOWN:
                oldest = min(facts.values(), key=_verified_at)
                del facts[oldest.address]
            fact = facts[address] = Fact(address)
        return fact


def interleaved(addresses: Sequence[str]) -> list[str]:
    """The families in turn, that of the first address first."""
    six = [each for each in addresses if ":" in each]
    four = [each for each in addresses if ":" not in each]
    first, second = (six, four) if addresses and ":" in addresses[0] else (four, six)
    mixed: list[str] = []
    for place in range(max(len(first), len(second))):
        mixed += first[place : place + 1] + second[place : place + 1]
    return mixed


def _verified_at(fact: Fact) -> float:
    """When it was verified; of one that never was, before all others. Also a time
    before this machine's start, which its clock counts below zero, is one."""
    return -math.inf if fact.verified_at is None else fact.verified_at


def _is_verified(fact: Fact, now: float) -> bool:
    """True while the last that is known of it is that TMDB answered there."""
    at = fact.verified_at
    return at is not None and fact.failed_at is None and now - at < KEPT_SECONDS


def _has_failed(fact: Fact | None, now: float) -> bool:
    failed_at = fact.failed_at if fact is not None else None
    return failed_at is not None and now - failed_at < FAILED_SECONDS


def _is_of(address: str, family: str) -> bool:
    return family == "auto" or (":" in address) is (family == "ipv6")
