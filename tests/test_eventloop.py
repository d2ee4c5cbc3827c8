"""Work in turns, with nobody forgotten; what was written goes out at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from streamr.eventloop import Turns, flush
from tests.support import turn

WORK = 0.5


class TurnsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.turns = Turns(self.clock, WORK)
        self.done: list[int] = []

    def job(self, number: int, seconds: float = WORK) -> Callable[[], None]:
        def work() -> None:
            self.clock.rightNow += seconds
            self.done.append(number)

        return work

    def turn(self) -> list[int]:
        """What is done in the reactor's next turn."""
        before = len(self.done)
        turn(self.clock)
        return self.done[before:]


class Run(TurnsCase):
    def test_one_job_runs_at_once(self) -> None:
        self.turns.run(self.job(1))
        self.assertEqual(self.done, [1])

    def test_jobs_run_at_once_while_there_is_time(self) -> None:
        for number in range(6):
            self.turns.run(self.job(number, WORK / 3))
        self.assertEqual(self.done, [0, 1, 2])
        self.assertEqual(self.turn(), [3, 4, 5])

    def test_without_time_each_turn_does_one_and_the_order_is_kept(self) -> None:
        for number in range(4):
            self.turns.run(self.job(number))
        self.assertEqual(self.done, [0])
        self.assertEqual([self.turn() for _ in range(4)], [[1], [2], [3], []])

    def test_who_comes_while_others_wait_waits_behind_them(self) -> None:
        for number in range(3):
            self.turns.run(self.job(number))
        self.turn()
        self.turns.run(self.job(9, 0.0))
        self.assertEqual(self.turn(), [2])
        self.assertEqual(self.turn(), [9])

    def test_a_new_turn_has_its_own_time(self) -> None:
        self.turns.run(self.job(1))
        self.turn()
        self.turns.run(self.job(2))
        self.assertEqual(self.done, [1, 2])


class RunAll(TurnsCase):
    def test_what_came_together_begins_now_and_ends_in_turns(self) -> None:
        self.turns.run_all([self.job(number) for number in range(3)])
        self.assertEqual(self.done, [0])
        self.assertEqual([self.turn(), self.turn()], [[1], [2]])

    def test_nothing_is_left_behind_when_all_was_done_at_once(self) -> None:
        self.turns.run_all([self.job(1, 0.0), self.job(2, 0.0)])
        self.assertEqual(self.done, [1, 2])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Later(TurnsCase):
    def test_it_waits_for_the_next_turn_though_there_is_time(self) -> None:
        self.turns.later(self.job(1, 0.0))
        self.assertEqual(self.done, [])
        self.assertEqual(self.turn(), [1])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Breaking(TurnsCase):
    def test_a_job_that_raises_keeps_nobody_from_his_turn(self) -> None:
        def broken() -> None:
            raise KeyError("bug")

        self.turns.later(broken)
        self.turns.later(self.job(2))
        self.assertRaises(KeyError, turn, self.clock)
        self.assertEqual(self.turn(), [2])


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
