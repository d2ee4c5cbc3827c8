"""Name lookups: in threads of their own, one per name at a time, remembered.

Twelve silent lookups fill the reactor's ten threads, and then neither the disk store
nor the end of the process gets one (docs/facts/twisted.md, "Threads"). The system's
resolver tells no TTL, so an answer counts as fresh for a minute; when the resolver
fails, an old answer is used, because TMDB's CDN answers on its addresses for days. An
answer that has led nowhere is asked for again soon, and not handed out meanwhile: that
is how a resolver that tells the truth again is noticed.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

Address = IPv4Address | IPv6Address
# Finds the addresses of a name, off the reactor: (family, address) pairs.
Find = Callable[[str], "Deferred[list[tuple[int, str]]]"]

_log = Logger()

FRESH_SECONDS = 60.0
# An old answer is used this long while the resolver fails.
KEPT_SECONDS = 24 * 3600.0
# A name that was not found is not asked for again within this time.
FAILED_SECONDS = 5.0
# One that has led nowhere is asked for again after this: a caller who waits notices
# within 5 s, with a lookup between.
DOUBTED_SECONDS = 2.0
# TMDB's names, the proxies' names: a handful.
MOST_NAMES = 100


@dataclass(slots=True)
class _Known:
    found: list[tuple[int, str]]
    at: float
    failed_at: float | None = None
    doubted_at: float | None = None


@implementer(IHostResolution)
class Resolution:
    """The resolution of one name, which nobody can stop."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """A pinned name is resolved already; a lookup in a thread cannot be stopped,
        and its answer is remembered."""


@implementer(IHostnameResolver)
class RememberingResolver:
    """Answers from memory where it can, and asks `find` where it must."""

    def __init__(self, find: Find, clock: IReactorTime) -> None:
        self._find = find
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._waiting: dict[str, list[Callable[[], None]]] = {}

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[Any]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)

        def answer() -> None:
            known = self._known.get(hostName)
            for _, text in known.found if known is not None else ():
                address = address_of(text, portNumber)
                if addressTypes is None or type(address) in addressTypes:
                    resolutionReceiver.addressResolved(address)
            resolutionReceiver.resolutionComplete()

        literal = _literal(hostName)
        if literal is not None:
            self._known[hostName] = _Known([literal], self._clock.seconds())
            answer()
        elif self._settled(hostName):
            answer()
        elif self._kept(hostName):
            # an old answer at once; a resolver that is silent holds nobody up
            self._ask(hostName, lambda: None)
            answer()
        else:
            self._ask(hostName, answer)
        return resolution

    def doubt(self, host: str) -> None:
        """The last answer has led nowhere: ask again soon, and wait for it."""
        known = self._known.get(host)
        if known is not None and known.doubted_at is None:
            known.doubted_at = self._clock.seconds()

    def _settled(self, name: str) -> bool:
        """True when what is known is good enough, a recent failure too."""
        known, now = self._known.get(name), self._clock.seconds()
        if known is None:
            return False
        if known.doubted_at is not None:
            return now - max(known.doubted_at, known.at) < DOUBTED_SECONDS
        if known.failed_at is not None:
            return now - known.failed_at < FAILED_SECONDS
        return now - known.at < FRESH_SECONDS

    def _kept(self, name: str) -> bool:
        """True when there is an old answer to go on with."""
        known = self._known.get(name)
        return (
            known is not None
            and bool(known.found)
            and known.doubted_at is None
            and self._clock.seconds() - known.at < KEPT_SECONDS
        )

    def _ask(self, name: str, answer: Callable[[], None]) -> None:
        """Ask once for all who wait for this name."""
        waiting = self._waiting.get(name)
        if waiting is not None:
            waiting.append(answer)
            return
        self._waiting[name] = [answer]
        finding = maybeDeferred(self._find, name)
        finding.addCallbacks(
            self._found, self._failed, callbackArgs=(name,), errbackArgs=(name,)
        )
        finding.addCallback(lambda _: self._tell(name))

    def _found(self, found: list[tuple[int, str]], name: str) -> None:
        self._known.pop(name, None)
        self._known[name] = _Known(found, self._clock.seconds())
        if len(self._known) > MOST_NAMES:
            del self._known[next(iter(self._known))]

    def _failed(self, failure: Failure, name: str) -> None:
        if not failure.check(OSError, UnicodeError):
            _log.failure(
                "The lookup of {name} broke",
                failure=failure,
                name=name,
                code="lookup-broke",
            )
        now = self._clock.seconds()
        known = self._known.get(name)
        if known is None or now - known.at > KEPT_SECONDS:
            known = self._known[name] = _Known([], now)
        known.failed_at = now

    def _tell(self, name: str) -> None:
        for answer in self._waiting.pop(name, []):
            answer()


def address_of(text: str, port: int) -> Address:
    """A TCP address from its text: the family follows from that."""
    kind = IPv6Address if ":" in text else IPv4Address
    return kind("TCP", text, port)


def _literal(name: str) -> tuple[int, str] | None:
    """An address that needs no lookup."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return (socket.AF_INET6 if address.version == 6 else socket.AF_INET), str(address)
