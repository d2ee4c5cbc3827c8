"""DNS messages (RFC 1035, 4), and the two questions that find a name's addresses."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.names import dns
from twisted.python.failure import Failure

from streamr.upstream.resolve.cache import Find
from streamr.upstream.resolve.failures import (
    NoSuchName,
    Refused,
    ServerFailed,
    lookup_failure,
)

T = TypeVar("T")
# (family, address) pairs.
Pairs = list[tuple[int, str]]
# Asks a resolver one question; fires with its answer, which is to that question.
Ask = Callable[[dns.Query], "Deferred[dns.Message]"]

# When one family's addresses are there, the other's are waited for this long (seconds):
# some boxes drop each AAAA question. RFC 8305, 3 waits for 50 ms; what comes too late
# is asked for again after a minute only.
RESOLUTION_DELAY = 0.3

_FAMILIES = {dns.A: socket.AF_INET, dns.AAAA: socket.AF_INET6}


def question(query: dns.Query, number: int) -> bytes:
    """The message that asks it, with recursion desired."""
    message = dns.Message(number, recDes=1)
    message.queries = [query]
    return message.toStr()


def read(data: bytes) -> dns.Message | None:
    """The message in these bytes; None when they are none."""
    message = dns.Message()
    try:
        message.fromStr(data)
    except (EOFError, ValueError):
        return None
    return message


def answers(message: dns.Message, query: dns.Query, number: int) -> bool:
    """True when the message is an answer to that question (RFC 5452, 9.1). Some servers
    leave the question out when they report an error."""
    asked = message.queries == [query] or not (message.queries or not message.rCode)
    return bool(message.answer) and message.id == number and asked


def find_by(ask: Ask, clock: IReactorTime, seconds: float) -> Find:
    """Finds addresses with a question for each family, both at once; each is given up
    after so many seconds. Fails with LookupFailed."""

    def find(name: str) -> Deferred[list[tuple[int, str]]]:
        try:
            queries = [dns.Query(name, kind, dns.IN) for kind in _FAMILIES]
        except UnicodeError:
            return fail(NoSuchName("it is not a valid host name"))
        asked = [one(query) for query in queries]
        patience = _Patience(asked, clock)
        for each in asked:
            each.addCallback(patience.found)
        both = DeferredList(asked, consumeErrors=True)
        both.addBoth(patience.over)
        return both.addCallback(_merged)

    def one(query: dns.Query) -> Deferred[list[tuple[int, str]]]:
        asking: Deferred[Any] = ask(query).addTimeout(seconds, clock)
        return asking.addCallback(_addresses).addErrback(as_lookup_failure)

    return find


class _Patience:
    """Gives up what is still asked, soon after the first addresses are there."""

    def __init__(self, asked: Sequence[Deferred[Any]], clock: IReactorTime) -> None:
        self._asked = asked
        self._clock = clock
        self._timer: IDelayedCall | None = None

    def found(self, addresses: Pairs) -> Pairs:
        """A question is answered."""
        if addresses and self._timer is None:
            self._timer = self._clock.callLater(RESOLUTION_DELAY, self._give_up)
        return addresses

    def over(self, result: T) -> T:
        """All have ended."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        return result

    def _give_up(self) -> None:
        for each in self._asked:
            each.cancel()


def as_lookup_failure(failure: Failure) -> NoReturn:
    """An errback: raises the LookupFailed that the failure stands for, or the failure
    itself when it is none: somebody has cancelled, or something is broken."""
    assert failure.value is not None
    known = lookup_failure(failure.value)
    if known is None:
        failure.raiseException()
    raise known from failure.value


def _merged(results: Sequence[tuple[bool, Any]]) -> list[tuple[int, str]]:
    """The addresses of both questions; one of them may fail."""
    found = [pair for good, result in results if good for pair in result]
    failures = [result for good, result in results if not good]
    if not found and failures:
        failures[0].raiseException()
    return list(dict.fromkeys(found))


def _addresses(message: dns.Message) -> list[tuple[int, str]]:
    """The addresses in an answer. Raises LookupFailed."""
    if message.rCode == dns.ENAME:
        raise NoSuchName("there is no such name (NXDOMAIN)")
    if message.rCode == dns.EREFUSED:
        raise Refused("the resolver refuses to answer (REFUSED)")
    if message.rCode == dns.ESERVER:
        raise ServerFailed("the resolver reports a failure (SERVFAIL)")
    if message.rCode != dns.OK:
        raise ServerFailed(f"the resolver reports error {message.rCode}")
    found: list[tuple[int, str]] = []
    for record in message.answers:
        payload = record.payload
        if isinstance(payload, dns.Record_A | dns.Record_AAAA):
            family = _FAMILIES[payload.TYPE]
            found.append((family, socket.inet_ntop(family, payload.address)))
    return found
