"""Callers' connections: what is written is sent at once, the rest is the reactor's."""

from __future__ import annotations

import socket
from typing import Any, cast

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SynchronousTestCase

from streamr.web.server.transport import (
    PromptServer,
    flush,
    gather,
    is_secure,
    use_prompt_connections,
)
from tests.web.api.test_resource import Transport


class Reactor:
    """Remembers who wants to be told when he can write."""

    def __init__(self) -> None:
        self.writers: list[object] = []
        self.asked = 0

    def addReader(self, reader: object) -> None:
        pass

    def removeReader(self, reader: object) -> None:
        pass

    def addWriter(self, writer: object) -> None:
        self.asked += 1
        self.writers.append(writer)

    def removeWriter(self, writer: object) -> None:
        if writer in self.writers:
            self.writers.remove(writer)


class Sending(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        ours, self.theirs = socket.socketpair()
        for each in (ours, self.theirs):
            each.setblocking(False)
            self.addCleanup(each.close)
        made = PromptServer(
            ours, Protocol(), ("", 0), cast(Any, None), 1, cast(Any, self.reactor)
        )
        made.protocol.makeConnection(made)
        self.transport = made

    def read(self) -> bytes:
        found = b""
        try:
            while piece := self.theirs.recv(1_000_000):
                found += piece
        except BlockingIOError:
            pass
        return found

    def test_what_is_gathered_is_sent_in_its_order_without_the_reactor(self) -> None:
        gather(self.transport)
        for piece in (b"a", b"b" * 9000, b"c"):
            self.transport.write(piece)
        self.assertEqual(self.read(), b"")
        flush(self.transport)
        self.assertEqual(self.read(), b"a" + b"b" * 9000 + b"c")
        self.assertEqual(self.reactor.asked, 0)

    def test_so_is_what_goes_through_tls(self) -> None:
        wrapper = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
        wrapper.makeConnection(self.transport)
        gather(wrapper)
        wrapper.write(b"a")
        flush(wrapper)
        self.assertEqual((self.read(), self.reactor.asked), (b"a", 0))
        self.assertTrue(is_secure(wrapper))
        self.assertFalse(is_secure(self.transport))

    def test_what_is_not_gathered_is_the_reactors(self) -> None:
        gather(self.transport)
        flush(self.transport)
        self.transport.write(b"a")
        self.assertEqual(self.reactor.writers, [self.transport])

    def test_what_the_kernel_does_not_take_is_the_reactors(self) -> None:
        data = bytes(range(256)) * 20_000
        gather(self.transport)
        self.transport.write(data)
        flush(self.transport)
        self.assertEqual(self.reactor.writers, [self.transport])
        found = self.read()
        while self.reactor.writers:
            self.transport.doWrite()
            found += self.read()
        self.assertEqual(found, data)

    def test_the_end_of_a_closing_connection_is_the_reactors(self) -> None:
        gather(self.transport)
        self.transport.write(b"a")
        self.transport.loseConnection()
        flush(self.transport)
        self.assertEqual(self.reactor.writers, [self.transport])

    def test_its_last_word_is_said_behind_what_was_written(self) -> None:
        gather(self.transport)
        self.transport.write(b"a")
        self.transport.loseWriteConnection()
        flush(self.transport)
        self.assertEqual(self.theirs.recv(10), b"a")
        self.assertEqual(self.theirs.recv(10), b"")

    def test_an_error_is_met_again_by_the_reactor(self) -> None:
        self.theirs.close()
        gather(self.transport)
        self.transport.write(b"a")
        flush(self.transport)
        self.assertEqual(self.reactor.writers, [self.transport])
        self.assertIsNotNone(self.transport.doWrite())

    def test_one_that_has_ended_is_left_alone(self) -> None:
        gather(self.transport)
        self.transport.write(b"a")
        self.transport.connected = 0
        flush(self.transport)
        self.assertEqual(self.reactor.asked, 0)


class Ports(SynchronousTestCase):
    def test_other_transports_and_ports_stay_what_they_are(self) -> None:
        transport = Transport()
        gather(transport)
        transport.write(b"a")
        flush(transport)
        self.assertEqual(transport.value(), b"a")
        port: Any = MemoryReactorClock().listenTCP(0, cast(Any, None))
        use_prompt_connections(port)
        self.assertFalse(hasattr(port, "transport"))
