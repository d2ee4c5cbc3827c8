"""A body that is handed on while it comes: its limits, its ends, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from streamr.errors import Fault
from streamr.policy.congestion import LATE, SEGMENT
from streamr.upstream.line import HostLine
from streamr.upstream.stream import LONGEST, MOST_BYTES, MOST_DROPPED, StreamedBody
from tests.properties import examples

IDLE = 2.0
# Nothing is late on a clock that stands.
MOMENT = 1 / 64


class StreamCase(SynchronousTestCase):
    """A body over a transport that notes what it was told."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1024.0)
        self.line = HostLine(self.clock, 15)
        self.transport = StringTransport()
        self.aborted = 0
        self.came: list[bytes] = []
        self.ends: list[str | None] = []
        self.body = self.made()

    def made(self, enough: int = 4) -> StreamedBody:
        body = StreamedBody(
            self.clock,
            IDLE,
            self.line,
            self.abort,
            lambda first: len(first) >= enough,
            lambda _failure: Fault("connection_terminated"),
        )
        body.makeConnection(self.transport)
        return body

    def abort(self) -> None:
        """Its connection is closed in the reactor's next turn."""
        self.aborted += 1

    def lose(self, why: Exception) -> None:
        self.body.connectionLost(Failure(why))

    def deliver(self) -> None:
        self.body.deliver(self.came.append, self.ended)

    def ended(self, fault: Fault | None) -> None:
        self.ends.append(None if fault is None else fault.cause.name)

    @property
    def paused(self) -> bool:
        return self.transport.producerState == "paused"

    def assert_over(self) -> None:
        """It is over, and nothing of it is left, nor when its connection closes."""
        told = len(self.ends)
        self.lose(ConnectionLost())
        self.assertEqual(len(self.ends), told)
        self.assertTrue(self.body.over)
        self.assertIsNone(self.successResultOf(self.body.finished))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Beginning(StreamCase):
    """What it is can be told from its first bytes."""

    def test_it_has_begun_as_soon_as_its_first_bytes_are_enough(self) -> None:
        self.body.dataReceived(b"ab")
        self.assertNoResult(self.body.begun)
        self.body.dataReceived(b"cd")
        self.assertEqual(self.successResultOf(self.body.begun), b"abcd")

    def test_one_that_ends_sooner_has_begun_with_all_of_it(self) -> None:
        self.body.dataReceived(b"ab")
        self.lose(ResponseDone())
        self.assertEqual(self.successResultOf(self.body.begun), b"ab")
        self.assertEqual(self.body.first, b"ab")

    def test_one_that_is_cut_sooner_fails_with_what_cut_it(self) -> None:
        self.body.dataReceived(b"ab")
        self.lose(ConnectionLost())
        fault = self.failureResultOf(self.body.begun, Fault).value
        self.assertEqual(fault.cause.name, "connection_terminated")
        self.assert_over()

    def test_a_cut_is_told_to_who_takes_it_and_to_nobody_else(self) -> None:
        self.deliver()
        self.lose(ConnectionLost())
        # an error that nobody waits for is logged
        self.assertNoResult(self.body.begun)
        self.assertEqual(self.ends, [CUT])

    def test_who_no_longer_waits_for_it_closes_it(self) -> None:
        self.body.begun.cancel()
        self.failureResultOf(self.body.begun, CancelledError)
        self.assertEqual(self.aborted, 1)
        self.assert_over()

    def test_what_comes_before_anybody_takes_it_is_kept_in_its_order(self) -> None:
        for piece in (b"abcd", b"e", b"fg"):
            self.body.dataReceived(piece)
        self.deliver()
        self.body.dataReceived(b"h")
        self.assertEqual(b"".join(self.came), b"abcdefgh")
        self.assertEqual(self.body.first, b"")

    def test_one_that_was_over_before_is_told_with_its_end(self) -> None:
        for why, told in ((ResponseDone(), None), (ConnectionLost(), CUT)):
            self.setUp()
            self.body.dataReceived(b"abcd")
            self.lose(why)
            self.deliver()
            self.assertEqual((self.came, self.ends), ([b"abcd"], [told]))


CUT = "connection_terminated"


class Ending(StreamCase):
    """Each end is told once."""

    def setUp(self) -> None:
        super().setUp()
        self.body.dataReceived(b"abcd")
        self.deliver()

    def test_a_marked_end_is_good(self) -> None:
        self.lose(ResponseDone())
        self.assertEqual(self.ends, [None])
        self.assert_over()

    def test_one_that_is_not_marked_may_be_good(self) -> None:
        # whether it is, the picture's own end tells
        self.lose(PotentialDataLoss())
        self.assertEqual(self.ends, [None])
        self.assert_over()

    def test_any_other_is_a_cut(self) -> None:
        self.lose(ConnectionLost())
        self.assertEqual(self.ends, [CUT])
        self.assert_over()

    def test_nothing_is_told_behind_an_end(self) -> None:
        self.lose(ResponseDone())
        self.body.dataReceived(b"more")
        self.lose(ConnectionLost())
        self.assertEqual((self.came, self.ends), ([b"abcd"], [None]))
        self.assertEqual(self.aborted, 0)

    def test_who_closes_it_is_told_nothing_more(self) -> None:
        self.body.close()
        self.assertEqual((self.came, self.ends, self.aborted), ([b"abcd"], [], 1))
        self.assert_over()

    def test_it_can_be_closed_from_within_a_piece_and_from_within_its_end(
        self,
    ) -> None:
        for ended in (False, True):
            self.setUp()
            self.body = self.made()
            self.body.deliver(
                lambda _data: self.body.close(), lambda _fault: self.body.close()
            )
            self.body.dataReceived(b"") if not ended else self.lose(ResponseDone())
            self.assertEqual(self.aborted, 0 if ended else 1)
            self.assertTrue(self.body.over)

    def test_one_that_is_over_is_closed_without_harm(self) -> None:
        self.lose(ResponseDone())
        self.body.close()
        # its connection is somebody else's by now
        self.assertEqual(self.aborted, 0)

    def test_only_an_end_that_is_marked_tells_of_the_line(self) -> None:
        for why, late in (
            (ResponseDone(), True),
            (PotentialDataLoss(), False),
            (ConnectionLost(), False),
        ):
            self.setUp()
            self.body.dataReceived(b"x" * SEGMENT)
            self.clock.advance(IDLE - MOMENT)
            self.body.dataReceived(b"x")
            self.clock.advance(LATE.allowance(SEGMENT, 0))
            self.lose(why)
            self.assertIs(self.line.busy, late, why)

    def test_a_pause_that_was_asked_for_tells_nothing_of_the_line(self) -> None:
        self.body.dataReceived(bytes(2 * SEGMENT))
        self.body.pause()
        self.clock.advance(IDLE / 2)
        self.body.resume()
        self.lose(ResponseDone())
        self.assertFalse(self.line.busy)

    def test_what_it_takes_beside_such_a_pause_does(self) -> None:
        self.body.dataReceived(bytes(2 * SEGMENT))
        self.body.pause()
        self.clock.advance(IDLE / 2)
        self.body.resume()
        self.clock.advance(LATE.allowance(2 * SEGMENT, 0) + MOMENT)
        self.lose(ResponseDone())
        self.assertTrue(self.line.busy)


class Limits(StreamCase):
    """One that stalls, drips or never ends is given up, and its connection closed."""

    def given_up(self) -> str | None:
        self.assertEqual(self.aborted, 1)
        self.assert_over()
        (end,) = self.ends
        return end

    def test_one_that_pauses_for_too_long_has_stalled(self) -> None:
        self.deliver()
        self.body.dataReceived(b"abcd")
        self.clock.advance(IDLE - MOMENT)
        self.assertFalse(self.body.over)
        self.clock.advance(MOMENT)
        self.assertEqual(self.given_up(), "http_response_timeout")

    def test_each_piece_gives_it_as_much_time_again(self) -> None:
        self.deliver()
        for _ in range(10):
            self.clock.advance(IDLE - MOMENT)
            self.body.dataReceived(b"a")
        self.assertFalse(self.body.over)
        self.clock.advance(IDLE)
        self.assertEqual(self.given_up(), "http_response_timeout")

    def test_one_that_stalls_before_it_has_begun_fails(self) -> None:
        self.clock.advance(IDLE)
        fault = self.failureResultOf(self.body.begun, Fault).value
        self.assertEqual(fault.cause.name, "http_response_timeout")
        self.assertEqual(fault.detail, "the body paused for 2 s")
        self.assertEqual(self.aborted, 1)
        self.assert_over()

    def test_one_that_drips_is_given_up_in_the_end(self) -> None:
        faults: list[Fault | None] = []
        self.body.deliver(self.came.append, faults.append)
        while not self.body.over:
            self.body.dataReceived(b"a")
            self.clock.advance(1.0)
        self.assertEqual(len(self.came), LONGEST)
        (fault,) = faults
        assert fault is not None
        self.assertEqual((fault.cause.name, fault.detail), (TIMEOUT, "it drips"))
        self.assertEqual(fault.received, LONGEST)
        self.assertEqual(self.aborted, 1)
        self.assert_over()

    def test_a_pause_that_our_own_load_explains_is_none(self) -> None:
        self.deliver()
        self.clock.advance(IDLE / 2)
        # something else came late meanwhile
        self.line.moved()
        self.line.access.was_late(IDLE)
        self.clock.advance(IDLE)
        self.assertFalse(self.body.over)
        self.clock.advance(IDLE)
        self.assertEqual(self.given_up(), TIMEOUT)

    def test_what_came_meanwhile_needs_no_explanation(self) -> None:
        self.deliver()
        self.clock.advance(IDLE / 2)
        self.body.dataReceived(b"a")
        self.clock.advance(IDLE / 4)
        self.line.moved()
        self.line.access.was_late(IDLE)
        # its silence began with the last byte, and is explained once
        self.clock.pump([IDLE / 4] * 6)
        self.assertFalse(self.body.over)
        self.clock.advance(IDLE / 4)
        self.assertEqual(self.given_up(), TIMEOUT)

    def test_a_pause_that_was_asked_for_is_none(self) -> None:
        self.deliver()
        self.body.pause()
        self.clock.pump([IDLE] * 5)
        self.assertFalse(self.body.over)
        self.body.resume()
        self.clock.advance(IDLE - MOMENT)
        self.assertFalse(self.body.over)
        self.clock.advance(MOMENT)
        self.assertEqual(self.given_up(), TIMEOUT)

    def test_one_does_not_drip_whose_reader_is_slow(self) -> None:
        self.deliver()
        for _ in range(2):
            self.body.pause()
            self.clock.pump([IDLE] * round(LONGEST / IDLE))
            self.body.resume()
            self.body.dataReceived(b"a")
        for _ in range(round(LONGEST) - 1):
            self.clock.advance(1.0)
            self.body.dataReceived(b"a")
        self.assertFalse(self.body.over)
        self.clock.advance(1.0)
        self.assertEqual(self.given_up(), TIMEOUT)

    def test_one_that_is_too_large_is_given_up(self) -> None:
        self.nearly_all(10)
        self.deliver()
        self.body.dataReceived(b"0123456789")
        self.assertFalse(self.body.over)
        self.body.dataReceived(b"x")
        self.assertEqual(self.came, [b"0123456789"])
        self.assertEqual(self.given_up(), "http_response_body_size")

    def nearly_all(self, left: int) -> None:
        """All but so many bytes of the most that may come have come."""
        self.body.deliver(lambda _data: None, self.ended)
        self.body.dataReceived(bytes(MOST_BYTES - left))


TIMEOUT = "http_response_timeout"


class Pausing(StreamCase):
    """Back-pressure reaches the connection, and never the next one."""

    def test_its_sender_waits_while_it_is_paused(self) -> None:
        self.body.pause()
        self.assertTrue(self.paused)
        self.body.resume()
        self.assertFalse(self.paused)

    def test_it_can_be_paused_again_before_it_goes_on(self) -> None:
        # its pause began with the first of them
        self.body.dataReceived(bytes(2 * SEGMENT))
        self.body.pause()
        self.clock.pump([IDLE / 4] * 3)
        self.body.pause()
        self.body.resume()
        self.lose(ResponseDone())
        self.assertFalse(self.line.busy)

    def test_what_was_not_paused_is_not_resumed(self) -> None:
        # who reads this connection may have paused it for a reason of its own
        self.transport.pauseProducing()
        self.body.resume()
        self.assertTrue(self.paused)

    def test_a_connection_that_may_be_used_again_is_not_left_paused(self) -> None:
        self.body.pause()
        self.lose(ResponseDone())
        self.assertFalse(self.paused)

    def test_the_next_body_of_its_connection_is_not_paused(self) -> None:
        self.lose(ResponseDone())
        self.body.pause()
        self.assertFalse(self.paused)


class Dropped(StreamCase):
    """Nobody wants it: its connection is worth more than a few bytes of it."""

    def setUp(self) -> None:
        super().setUp()
        self.body.drop()

    def test_it_is_read_to_its_end_so_that_its_connection_can_be_used(self) -> None:
        self.body.dataReceived(bytes(MOST_DROPPED))
        self.assertEqual(self.body.first, b"")
        self.lose(ResponseDone())
        self.assertEqual(self.aborted, 0)
        self.assert_over()

    def test_one_with_a_far_end_is_closed(self) -> None:
        self.body.dataReceived(bytes(MOST_DROPPED))
        self.body.dataReceived(b"x")
        self.assertEqual(self.aborted, 1)
        self.assert_over()

    def test_one_that_stalls_or_is_cut_is_closed_without_a_word(self) -> None:
        for cut in (False, True):
            self.setUp()
            self.body.dataReceived(b"abcd")
            if cut:
                self.lose(ConnectionLost())
            else:
                self.clock.advance(IDLE)
            # neither begun nor failed: an error that nobody waits for is logged
            self.assertNoResult(self.body.begun)
            self.assertEqual(self.aborted, 0 if cut else 1)
            self.assert_over()

    def test_whoever_rejects_it_leaves_it_to_its_end(self) -> None:
        self.body.reject()
        self.assertEqual(self.aborted, 0)
        self.lose(ResponseDone())
        self.assert_over()

    def test_one_that_is_not_dropped_is_closed_when_it_is_rejected(self) -> None:
        self.body = self.made()
        self.body.reject()
        self.assertEqual(self.aborted, 1)
        self.assertTrue(self.body.over)

    def test_what_had_come_before_is_no_longer_kept(self) -> None:
        self.body = self.made(enough=100)
        self.body.dataReceived(b"abcd")
        self.body.drop()
        self.assertEqual(self.body.first, b"")


# `data` thrice: most of what happens to a body is that it comes.
STEPS = ("data",) * 3 + ("pause", "resume", "close", "drop", "deliver", "done", "lost")
STEPS += ("wait",)


class Always(SynchronousTestCase):
    """Whatever comes in whichever order, an end is an end."""

    @given(
        st.lists(
            st.sampled_from(STEPS),
            max_size=12,
        )
    )
    @examples(300)
    def test_it_is_over_once_and_leaves_no_timer(self, steps: list[str]) -> None:
        case = StreamCase()
        case.setUp()
        body, over = case.body, []
        body.finished.addCallback(lambda told: over.append(told))
        body.begun.addErrback(lambda _failure: None)
        acts: dict[str, Callable[[], object]] = {
            "data": lambda: body.dataReceived(b"ab"),
            "pause": body.pause,
            "resume": body.resume,
            "close": body.close,
            "drop": body.drop,
            "deliver": case.deliver,
            "done": lambda: case.lose(ResponseDone()),
            "lost": lambda: case.lose(ConnectionLost()),
            "wait": lambda: case.clock.advance(IDLE),
        }
        for step in steps:
            acts[step]()
        ended = bool({"close", "done", "lost"} & set(steps))
        self.assertTrue(body.over or not ended)
        self.assertEqual(over, [None] if body.over else [])
        self.assertEqual(bool(case.clock.getDelayedCalls()), not body.over)
        self.assertLessEqual(case.aborted, 1)
