"""A DNS server over TCP, over real sockets: Twisted's client makes the connections."""

from __future__ import annotations

import socket

import pytest
import pytest_twisted
from twisted.internet.task import deferLater

from streamr.interfaces import Reactor
from streamr.simulator.surroundings.dns import Factory, Said
from streamr.upstream.resolve.dns import server_over_tcp
from streamr.upstream.resolve.failures import NoSuchName, Unreachable

NAME = "api.test.invalid"
# A connection that is let go of is gone after some; one that stays never is.
MOST_TURNS = 10_000


@pytest_twisted.ensureDeferred
async def test_both_families_are_asked_for_and_the_connections_are_closed(
    reactor: Reactor,
) -> None:
    factory = Factory(clients=[Said({NAME: ["192.0.2.1", "2001:db8::1"]})])
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    before = len(reactor.getReaders())
    try:
        find = server_over_tcp(reactor, "127.0.0.1", port.getHost().port)
        found = await find(NAME)
        assert sorted(found) == [
            (socket.AF_INET, "192.0.2.1"),
            (socket.AF_INET6, "2001:db8::1"),
        ]
        with pytest.raises(NoSuchName):
            await find("other.invalid")
        for _ in range(MOST_TURNS):
            if len(reactor.getReaders()) <= before:
                break
            await deferLater(reactor, 0)
        assert len(reactor.getReaders()) <= before
    finally:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_refused_connection_is_told_as_such(reactor: Reactor) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        find = server_over_tcp(reactor, *held.getsockname())
        with pytest.raises(Unreachable):
            await find(NAME)
