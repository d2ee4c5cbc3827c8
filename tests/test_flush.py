"""What was written goes out at once; ending a connection stays the reactor's."""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from streamr.flush import flush


class Socket(FileDescriptor):
    """A transport whose kernel takes `room` bytes."""

    def __init__(self, room: int) -> None:
        super().__init__(reactor=MemoryReactor())
        self.connected = 1
        self.room = room
        self.sent = b""

    def writeSomeData(self, data: bytes) -> Any:
        taken = data[: self.room]
        self.room -= len(taken)
        self.sent += bytes(taken)
        return len(taken)


class Flush(SynchronousTestCase):
    def test_what_was_written_is_sent(self) -> None:
        transport = Socket(100)
        transport.write(b"one ")
        transport.write(b"two")
        self.assertEqual(transport.sent, b"")
        flush(transport)
        self.assertEqual(transport.sent, b"one two")

    def test_what_does_not_fit_is_sent_later_and_in_order(self) -> None:
        transport = Socket(4)
        transport.write(b"one two")
        flush(transport)
        self.assertEqual(transport.sent, b"one ")
        transport.room = 100
        transport.write(b" three")
        flush(transport)
        self.assertEqual(transport.sent, b"one two three")

    def test_a_connection_that_is_closing_is_left_to_the_reactor(self) -> None:
        transport = Socket(100)
        transport.write(b"bye")
        transport.loseConnection()
        flush(transport)
        self.assertEqual(transport.sent, b"")

    def test_one_that_is_lost_is_left_alone(self) -> None:
        transport = Socket(100)
        transport.write(b"bye")
        transport.connected = 0
        flush(transport)
        self.assertEqual(transport.sent, b"")

    def test_what_is_no_socket_is_left_alone(self) -> None:
        transport = StringTransport()
        transport.write(b"kept")
        flush(transport)
        self.assertEqual(transport.value(), b"kept")
