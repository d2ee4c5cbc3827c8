"""Name lookups of the doctor: by the system's resolver or by a DNS server of choice.

Nothing is remembered and nothing is smoothed over: the question is what the resolver
says right now.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.names import client, dns, error
from twisted.python.failure import Failure

from streamr.doctor.evidence import Lookup, Place
from streamr.upstream.resolve.cache import Find, Lookups

# A resolver that has not answered by then makes every page late.
DNS_SECONDS = 3.0
# Our own limit comes after the resolver's, which leaves nothing behind.
_GRACE = 0.5
_FAMILIES = {dns.A: socket.AF_INET, dns.AAAA: socket.AF_INET6}


def system(reactor: Any, lookup: Callable[[str], Any]) -> Find:
    """The system's resolver, in threads that hold nobody up."""
    return Lookups(reactor, lookup).find


def server(reactor: Any, address: str, port: int, seconds: float = DNS_SECONDS) -> Find:
    """A DNS server asked over UDP, for A and AAAA, with a limit of its own."""
    # a question is repeated once: UDP loses packets
    tries = (seconds / 3, 2 * seconds / 3)

    def find(name: str) -> Deferred[list[tuple[int, str]]]:
        # a resolver of its own for each question, so that nothing is remembered
        resolver = client.Resolver(servers=[(address, port)], reactor=reactor)
        asking = DeferredList(
            [
                resolver.lookupAddress(name, tries),
                resolver.lookupIPV6Address(name, tries),
            ],
            consumeErrors=True,
        )
        return asking.addCallback(_merged)

    return find


def read_server(text: str) -> tuple[str, int]:
    """`address[:port]` of a DNS server. Raises ValueError."""
    match = re.fullmatch(r"\[([0-9a-fA-F:]+)\](?::(\d+))?|([0-9.]+)(?::(\d+))?", text)
    bare = text if match is None else match.group(1) or match.group(3)
    number = int((match.group(2) or match.group(4) or 53) if match else 53)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, bare)
        except OSError:
            continue
        if 0 < number < 65536:
            return bare, number
    raise ValueError(f"{text!r} is no address of a DNS server; allowed: 9.9.9.9[:53]")


async def look_up(
    host: str, port: int, by: str, find: Find, reactor: Any, seconds: float
) -> Lookup:
    """One question, with its deadline."""
    try:
        found = await find(host).addTimeout(seconds + _GRACE, reactor)
    except (TimeoutError, CancelledError):
        return Lookup(host, by, (), "dns_timeout", f"silent for {seconds:g} s")
    except (OSError, UnicodeError, error.DomainError) as problem:
        return Lookup(host, by, (), "dns_error", _words(problem))
    if not found:
        return Lookup(host, by, (), "dns_error", "there is no address for the name")
    places = tuple(Place(address, port) for _, address in found)
    return Lookup(host, by, places)


def _merged(results: Sequence[tuple[bool, Any]]) -> list[tuple[int, str]]:
    """The addresses of both questions; one of them may fail."""
    found: list[tuple[int, str]] = []
    for good, result in results:
        if good:
            found += _addresses(result[0])
    failures = [result for good, result in results if not good]
    if not found and failures:
        worst = failures[0]
        if isinstance(worst, Failure):
            worst.raiseException()
    return list(dict.fromkeys(found))


def _addresses(records: Sequence[Any]) -> list[tuple[int, str]]:
    return [
        (
            _FAMILIES[record.type],
            socket.inet_ntop(_FAMILIES[record.type], record.payload.address),
        )
        for record in records
        if record.type in _FAMILIES
    ]


def _words(problem: Exception) -> str:
    names = {
        error.DNSNameError: "the name does not exist (NXDOMAIN)",
        error.DNSServerError: "the resolver failed (SERVFAIL)",
        error.DNSQueryRefusedError: "the resolver refused (REFUSED)",
    }
    for kind, words in names.items():
        if isinstance(problem, kind):
            return words
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return type(problem).__name__
