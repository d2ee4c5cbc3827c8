"""The pool: which connection is next, and how long one may wait."""

from __future__ import annotations

from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from streamr.upstream.connection import Connection
from streamr.upstream.pool import CLOSE_SECONDS, LONGEST_IDLE, Pool

HERE, THERE = b"http://a.test", b"http://b.test"


class Idle(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.pool = Pool(self.clock, 3)

    def connection(self, origin: bytes = HERE) -> Connection:
        made = Connection(origin, self.pool.put, self.pool.forget)
        made.makeConnection(StringTransport())
        return made

    def put(self, origin: bytes = HERE) -> Connection:
        made = self.connection(origin)
        self.pool.put(made)
        return made

    def closed(self, connection: Connection) -> bool:
        return bool(connection.transport.disconnecting)

    def test_the_one_that_has_waited_longest_is_next(self) -> None:
        first, second = self.put(), self.put()
        self.assertIs(self.pool.take(HERE), first)
        self.pool.put(first)
        self.assertIs(self.pool.take(HERE), second)
        self.assertIs(self.pool.take(HERE), first)
        self.assertIsNone(self.pool.take(HERE))

    def test_one_that_becomes_idle_is_offered_to_who_wants_one(self) -> None:
        offered: list[Connection] = []

        def take(connection: Connection) -> bool:
            offered.append(connection)
            return len(offered) > 1

        self.pool.want(HERE, take)
        self.put(THERE)
        refused = self.put()
        self.assertIs(self.pool.take(HERE), refused)
        taken = self.put()
        self.assertEqual(offered, [refused, taken])
        self.assertIsNone(self.pool.take(HERE))
        self.pool.forgo(take)
        kept = self.put()
        self.assertIs(self.pool.take(HERE), kept)

    def test_one_to_another_origin_is_none(self) -> None:
        there = self.put(THERE)
        self.assertIsNone(self.pool.take(HERE))
        here = self.put()
        self.assertIs(self.pool.take(HERE), here)
        self.assertIs(self.pool.take(THERE), there)

    def test_one_too_many_closes_the_oldest(self) -> None:
        kept = [self.put() for _ in range(4)]
        self.assertEqual([self.closed(each) for each in kept], [True] + [False] * 3)
        self.assertEqual([self.pool.take(HERE) for _ in range(4)], [*kept[1:], None])

    def test_each_is_closed_when_it_has_been_idle_for_long(self) -> None:
        early = self.put()
        self.clock.advance(10)
        late = self.put()
        self.clock.advance(LONGEST_IDLE - 10 - 1 / 64)
        self.assertFalse(self.closed(early))
        self.clock.advance(1 / 64)
        self.assertEqual((self.closed(early), self.closed(late)), (True, False))
        self.clock.advance(10 - 1 / 64)
        self.assertFalse(self.closed(late))
        self.clock.advance(1 / 64)
        self.assertTrue(self.closed(late))
        late.connectionLost(Failure(ConnectionDone()))
        self.assertIsNone(self.pool.take(HERE))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_was_used_meanwhile_is_not(self) -> None:
        used = self.put()
        self.clock.advance(30)
        self.pool.take(HERE)
        self.pool.put(used)
        self.clock.advance(30)
        self.assertFalse(self.closed(used))
        self.clock.advance(15)
        self.assertTrue(self.closed(used))

    def test_all_share_one_timer(self) -> None:
        for _ in range(3):
            self.put()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_closing_waits_for_all_of_them(self) -> None:
        idle = [self.put(), self.put(THERE)]
        closing = self.pool.close()
        for each in idle:
            self.assertNoResult(closing)
            self.assertTrue(self.closed(each))
            each.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(closing)
        self.assertIsNone(self.pool.take(HERE))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_does_not_agree_to_the_end_is_left_without(self) -> None:
        # with TLS the other side has to say so, too
        idle, other = self.put(), self.put()
        closing = self.pool.close()
        other.connectionLost(Failure(ConnectionDone()))
        self.clock.advance(CLOSE_SECONDS - 1 / 64)
        self.assertFalse(idle.transport.disconnected)
        self.clock.advance(1 / 64)
        self.assertTrue(idle.transport.disconnected)
        self.assertFalse(other.transport.disconnected)
        idle.connectionLost(Failure(ConnectionAborted()))
        self.successResultOf(closing)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_same_holds_for_one_that_was_idle_for_long(self) -> None:
        idle = self.put()
        self.clock.advance(LONGEST_IDLE)
        self.assertFalse(idle.transport.disconnected)
        self.clock.advance(CLOSE_SECONDS)
        self.assertTrue(idle.transport.disconnected)

    def test_the_same_holds_for_one_too_many(self) -> None:
        oldest, *_ = [self.put() for _ in range(4)]
        self.clock.advance(CLOSE_SECONDS)
        self.assertTrue(oldest.transport.disconnected)

    def test_closing_an_empty_pool_is_no_work(self) -> None:
        self.successResultOf(self.pool.close())

    def test_one_that_the_other_side_closes_is_none_any_more(self) -> None:
        gone, left = self.put(), self.put()
        gone.connectionLost(Failure(ConnectionDone()))
        self.assertIs(self.pool.take(HERE), left)
        self.assertIsNone(self.pool.take(HERE))
        self.successResultOf(gone.close())
