"""A DNS server of choice, asked over UDP, or over TCP where that does not pass."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.names import client, dns
from twisted.python.failure import Failure

from streamr.interfaces import Reactor
from streamr.upstream.resolve.cache import Find

# A resolver that has not answered by then makes every page late.
DNS_SECONDS = 3.0


_FAMILIES = {dns.A: socket.AF_INET, dns.AAAA: socket.AF_INET6}


def server(
    reactor: Reactor, address: str, port: int, seconds: float = DNS_SECONDS
) -> Find:
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


def server_over_tcp(
    reactor: Reactor, address: str, port: int, seconds: float = DNS_SECONDS
) -> Find:
    """The same over TCP (RFC 7766)."""

    def ask(name: str, kind: int) -> Deferred[Any]:
        # each has a connection of its own: who shares a resolver opens one each anyway
        resolver = client.Resolver(servers=[(address, port)], reactor=reactor)

        def close(result: Any) -> Any:
            for each in resolver.connections:
                each.transport.loseConnection()
            return result

        asked: Deferred[Any] = resolver.queryTCP(
            [dns.Query(name, kind, dns.IN)], seconds
        )
        return asked.addBoth(close).addCallback(resolver.filterAnswers)

    def find(name: str) -> Deferred[list[tuple[int, str]]]:
        asked = [ask(name, kind) for kind in _FAMILIES]
        return DeferredList(asked, consumeErrors=True).addCallback(_merged)

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
    raise ValueError(
        f"{text!r} is not the address of a DNS server; allowed: an IP "
        "address with or without a port, such as 9.9.9.9 or 9.9.9.9:53"
    )


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
