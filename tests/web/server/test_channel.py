"""One connection: one request at a time, and no more memory than one answer."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from streamr.web.page import Page
from streamr.web.router import Row
from streamr.web.server.channel import (
    BODY_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    LINGER_SECONDS,
    MOST_AHEAD,
    PIECE,
    WRITE_SECONDS,
)
from streamr.web.server.site import LOOK_EVERY
from tests.properties import examples
from tests.web.api.test_resource import ANSWER, SurfaceCase

steady = examples(60)
BIG = b"x" * 100_000
HUGE = b"y" * (3 * PIECE)
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
WAITS = b"GET /3/movie/550 HTTP/1.1\r\nHost: a\r\n\r\n"


class ChannelCase(SurfaceCase):
    def more_rows(self) -> list[Row]:
        return [
            Row("/big", lambda _visit: Page(200, BIG, ())),
            Row("/huge", lambda _visit: Page(200, HUGE, ())),
        ]

    def say(self, data: bytes) -> None:
        self.channel.dataReceived(data)
        self.clock.advance(0)

    @property
    def statuses(self) -> list[int]:
        found = re.findall(rb"HTTP/1\.1 (\d+) ", self.transport.value())
        return [int(each) for each in found]

    def full_at_once(self) -> None:
        """From now on the transport has enough after each write."""
        write = self.transport.write

        def full(data: bytes) -> None:
            write(data)
            self.channel.pauseProducing()

        self.transport.write = full  # type: ignore[method-assign]


class OneAtATime(ChannelCase):
    def test_what_comes_behind_a_request_waits_for_its_answer(self) -> None:
        self.say(WAITS + HEALTH + HEALTH)
        self.assertEqual(self.statuses, [])
        self.route.succeeds(ANSWER)
        self.clock.advance(0)
        self.assertEqual(self.statuses, [200, 200, 200])

    def test_many_are_answered_in_their_order(self) -> None:
        self.say((HEALTH + b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n") * 100)
        self.clock.pump([0.0] * 400)
        self.assertEqual(self.statuses, [200, 404] * 100)

    def test_who_does_not_read_is_sent_one_answer_and_no_more(self) -> None:
        self.say(LARGE)
        self.channel.pauseProducing()  # so the transport says above 64 kB
        for _ in range(50):
            self.say(LARGE * 10)
        self.assertEqual(self.statuses, [200])
        self.assertLess(len(self.transport.value()), 2 * len(BIG))

    def test_who_reads_again_is_answered_on(self) -> None:
        self.say(LARGE)
        self.channel.pauseProducing()
        self.say(HEALTH * 3)
        self.channel.resumeProducing()
        self.clock.pump([0.0] * 5)
        self.assertEqual(self.statuses, [200] * 4)

    def test_so_much_is_read_ahead_and_no_more(self) -> None:
        self.say(WAITS)
        self.say(b"x" * MOST_AHEAD)
        self.assertEqual(self.transport.producerState, "producing")
        self.say(b"x")
        self.assertEqual(self.transport.producerState, "paused")

    def test_reading_goes_on_when_the_answer_is_written(self) -> None:
        self.say(WAITS)
        self.say(HEALTH * (MOST_AHEAD // len(HEALTH) + 1))
        self.assertEqual(self.transport.producerState, "paused")
        self.route.succeeds(ANSWER)
        self.clock.pump([0.0] * 600)
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(set(self.statuses), {200})

    @steady
    @given(st.lists(st.integers(0, 400), max_size=6))
    def test_wherever_it_is_cut_the_answers_are_the_same(self, cuts: list[int]) -> None:
        self.setUp()
        data = (
            b"\r\n"
            + HEALTH
            + b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        )
        data += HEALTH.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        data += b"0\r\n\r\n" + HEALTH
        last = 0
        for cut in [*sorted(cuts), len(data)]:
            self.say(data[last:cut])
            last = max(last, min(cut, len(data)))
        self.clock.pump([0.0] * 8)
        self.assertEqual(self.statuses, [200, 404, 200, 200])


class Refusing(ChannelCase):
    def test_nothing_behind_a_refused_head_is_interpreted(self) -> None:
        self.say(b"GET / HTTP/1.1\r\nX A: b\r\n\r\n" + WAITS + HEALTH)
        self.say(WAITS)
        self.assertEqual((self.statuses, self.route.sent), ([400], []))
        self.assertTrue(self.transport.disconnecting)

    def test_what_was_answered_before_it_stays(self) -> None:
        self.say(HEALTH + b"GET / HTTP/2.0\r\n\r\n")
        self.clock.advance(0)
        self.assertEqual(self.statuses, [200, 505])

    def test_a_body_beyond_what_was_declared_is_the_next_request(self) -> None:
        self.say(
            b"GET /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}" + HEALTH
        )
        self.clock.advance(0)
        self.assertEqual(self.statuses, [404, 200])

    def test_the_answer_is_json_with_the_last_word(self) -> None:
        self.say(b"GET * HTTP/1.1\r\nHost: a\r\n\r\n")
        seen = self.seen()
        self.assertEqual((seen.status, seen.json["status_code"]), (400, 47))
        self.assertEqual(seen.headers["connection"], "close")

    def test_what_changes_something_is_not_done_behind_a_refused_head(self) -> None:
        act = b"POST /act?what=1 HTTP/1.1\r\nHost: a\r\n"
        for data in (
            act + b"X A: b\r\n\r\n",
            act + b"Content-Length: 70000\r\n\r\n",
            act + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            act + b"Transfer-Encoding: chunked\r\n\r\n0;x\r\n\r\n",
            act + b"Transfer-Encoding: gzip\r\n\r\n" + act + b"\r\n",
            act + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + act + b"\r\n",
            act + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
            b"GET / HTTP/1.1\r\n\r\n" + act + b"\r\n",
            b"PUT /act HTTP/1.1\r\nHost: a\r\n\r\n" + act + b"\r\n",
        ):
            self.connect("127.0.0.1")
            self.say(data)
            self.clock.pump([0.0] * 3)
            self.assertEqual((len(self.statuses), self.acts), (1, []), data)
            self.assertTrue(self.transport.disconnecting, data)

    def test_nor_is_it_before_its_body_is_whole(self) -> None:
        for size, part in ((b"Content-Length: 9", b"{"), (b"Content-Length: 9", b"")):
            self.connect("127.0.0.1")
            self.say(b"POST /act HTTP/1.1\r\nHost: a\r\n" + size + b"\r\n\r\n" + part)
            self.channel.connectionLost(Failure(ConnectionLost()))
            self.assertEqual((self.statuses, self.acts), ([], []))


class Readable(ChannelCase):
    """A page of an origin that may read the answers may read the refusals, too."""

    origins = ("https://a.invalid",)

    def test_whether_the_head_is_refused_or_its_body_or_it_is_late(self) -> None:
        line, rest = b"GET / HTTP/1.1\r\n", b"Host: a\r\n\r\n"
        ours, other = b"Origin: https://a.invalid\r\n", b"Origin: https://b.invalid\r\n"
        chunked = b"Transfer-Encoding: chunked\r\n"
        for data, readable in (
            (line + ours + b"X A: b\r\n" + rest, True),
            (line + b"X A: b\r\n" + rest, False),
            (line + other + b"X A: b\r\n" + rest, False),
            # what comes behind a head is not read for it
            (line + b"X A: b\r\n" + rest + line + ours + rest, False),
            (line + ours + chunked + rest + b"5\r\n", True),
            (line + chunked + rest + b"x\r\n" + ours + b"\r\n", False),
            (line + ours + b"Content-Length: 5\r\n" + rest, True),
            (line + ours, True),
        ):
            self.connect()
            self.say(data)
            self.clock.advance(HEAD_SECONDS + LOOK_EVERY)
            allowed = self.seen().headers.get("access-control-allow-origin")
            self.assertEqual(allowed == "https://a.invalid", readable, data)


class Ends(ChannelCase):
    def test_whoever_says_close_in_any_place_is_closed_behind_the_answer(self) -> None:
        self.say(
            HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close, x\r\n\r\n") + HEALTH
        )
        self.assertEqual(self.statuses, [200])
        self.assertTrue(self.transport.disconnecting)

    def test_nothing_behind_the_last_request_is_read(self) -> None:
        last = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        for behind in (b"GET / HTTP/2.0\r\n\r\n", b"\x00\n", LARGE):
            self.setUp()
            self.say(last + behind)
            self.say(behind)
            self.clock.advance(HEAD_SECONDS + 1)
            self.assertEqual(self.statuses, [200], behind)

    def test_empty_lines_behind_a_request_are_no_head_that_is_late(self) -> None:
        self.say(HEALTH + b"\r\n")
        self.clock.advance(HEAD_SECONDS + 1)
        self.say(HEALTH)
        self.assertEqual(self.statuses, [200, 200])

    def test_a_head_that_begins_behind_another_request_has_its_deadline(self) -> None:
        self.say(HEALTH + b"GET / HT")
        self.clock.advance(0)
        self.assertEqual(self.statuses, [200])
        self.clock.advance(HEAD_SECONDS)
        self.assertEqual(self.statuses, [200, 408])
        self.assertTrue(self.transport.disconnecting)

    def test_one_that_waited_behind_an_answer_has_it_from_then_on(self) -> None:
        self.say(WAITS + b"GET / HT")
        self.clock.advance(5.0)
        self.route.succeeds(ANSWER)
        self.clock.advance(HEAD_SECONDS - 0.1)
        self.assertEqual(self.statuses, [200])
        self.clock.advance(0.1 + LOOK_EVERY)
        self.assertEqual(self.statuses, [200, 408])

    def test_a_caller_who_leaves_leaves_no_timer(self) -> None:
        self.say(HEALTH + b"GET / HT")
        self.clock.advance(0)
        self.channel.connectionLost(Failure(ConnectionLost()))
        # the site's own, which keeps the time of its log
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)


class Stalls(ChannelCase):
    """A reader who takes nothing, or hardly anything."""

    def is_cut_after(self, seconds: float) -> None:
        self.clock.advance(seconds - 0.1)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(0.1 + LOOK_EVERY)
        self.assertTrue(self.transport.aborted)

    def test_who_takes_nothing_for_30_seconds_is_cut(self) -> None:
        self.say(LARGE)
        self.channel.pauseProducing()
        self.is_cut_after(WRITE_SECONDS)

    def test_whatever_he_sends_meanwhile(self) -> None:
        self.say(LARGE)
        self.channel.pauseProducing()
        for _ in range(20):
            self.clock.advance((WRITE_SECONDS - 1) / 20)
            self.say(LARGE)
        self.is_cut_after(1.0)

    def test_a_large_answer_is_written_piece_by_piece(self) -> None:
        self.full_at_once()
        self.say(LARGE.replace(b"/big", b"/huge"))
        for pieces in range(1, 4):
            self.assertEqual(len(self.transport.value()), pieces * PIECE)
            self.clock.advance(WRITE_SECONDS - 1)
            self.channel.resumeProducing()
        self.assertTrue(self.transport.value().endswith(HUGE[-100:]))
        self.assertFalse(self.transport.aborted)
        self.say(HEALTH)
        self.channel.resumeProducing()
        self.assertEqual(self.statuses, [200, 200])

    def test_who_takes_less_than_a_piece_in_30_seconds_is_cut(self) -> None:
        self.say(LARGE.replace(b"/big", b"/huge"))
        self.channel.pauseProducing()
        self.clock.advance(WRITE_SECONDS / 2)
        self.channel.resumeProducing()
        self.channel.pauseProducing()
        self.is_cut_after(WRITE_SECONDS)

    def test_a_closed_connection_whose_rest_is_not_taken_is_cut(self) -> None:
        self.say(LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.assertTrue(self.transport.disconnecting)
        self.is_cut_after(WRITE_SECONDS)

    def test_after_a_refusal_it_is_cut_soon(self) -> None:
        self.say(b"GET / HTTP/2.0\r\n\r\n")
        self.is_cut_after(LINGER_SECONDS)

    def test_an_idle_one_that_does_not_close_is_cut(self) -> None:
        self.say(HEALTH)
        self.clock.advance(IDLE_SECONDS + LOOK_EVERY)
        self.assertTrue(self.transport.disconnecting)
        self.is_cut_after(WRITE_SECONDS)

    def test_empty_lines_keep_no_connection_open(self) -> None:
        for before in (b"", HEALTH):
            self.setUp()
            self.say(before)
            for _ in range(40):
                self.clock.advance(IDLE_SECONDS / 40)
                self.say(b"\r\n")
            self.clock.advance(LOOK_EVERY)
            self.assertTrue(self.transport.disconnecting)

    def test_a_body_has_its_own_time_from_the_end_of_its_head(self) -> None:
        self.say(b"GET / HTTP/1.1\r\nHost: a\r\n")
        self.clock.advance(HEAD_SECONDS - 1)
        self.say(b"Content-Length: 5\r\n\r\n")
        self.clock.advance(BODY_SECONDS - 0.1)
        self.assertEqual(self.statuses, [])
        self.clock.advance(0.1 + LOOK_EVERY)
        self.assertEqual(self.statuses, [408])


class Crowded(ChannelCase):
    """Many requests at once on one connection."""

    def test_a_request_that_waits_for_its_turn_is_not_late(self) -> None:
        self.site.turns.later(lambda: None)  # there is a line: who comes waits
        self.channel.dataReceived(HEALTH)
        self.assertEqual(self.channel.due, float("inf"))
        self.clock.advance(0)
        self.assertEqual(self.statuses, [200])

    def test_no_more_waits_to_be_read_however_many_are_answered(self) -> None:
        chunk = WAITS * (2 * MOST_AHEAD // len(WAITS))
        self.say(chunk)
        most = 0
        for _ in range(20):
            if self.transport.producerState == "producing":
                self.say(chunk)
            most = max(most, len(self.channel._came))
            self.route.succeeds(ANSWER)
            self.clock.advance(0)
        self.assertLess(most, 2 * len(chunk) + MOST_AHEAD)

    def test_what_is_asked_behind_a_choked_answer_is_answered_after_a_fin(self) -> None:
        self.full_at_once()
        self.say(LARGE + HEALTH + HEALTH)
        self.channel.readConnectionLost()
        while not self.transport.disconnecting:
            self.channel.resumeProducing()
            self.clock.advance(0)
        self.assertEqual(self.statuses, [200] * 3)

    def test_a_live_page_that_begins_behind_a_fin_ends_at_once(self) -> None:
        self.say(WAITS + HEALTH.replace(b"/api/health", b"/feed"))
        self.channel.readConnectionLost()
        self.route.succeeds(ANSWER)
        self.clock.advance(0)
        self.assertTrue(self.transport.disconnecting)

    def test_a_closing_connection_keeps_its_time_when_the_server_stops(self) -> None:
        self.say(LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.site.drain(60.0)
        self.clock.advance(WRITE_SECONDS - 1)
        self.assertFalse(self.transport.aborted)

    def test_halves_of_empty_lines_are_no_late_head(self) -> None:
        self.say(HEALTH)
        self.say(b"\r")
        self.say(b"\n")
        self.clock.advance(HEAD_SECONDS + LOOK_EVERY)
        self.assertEqual(self.statuses, [200])

    def test_a_target_that_grows_when_it_is_encoded_is_refused(self) -> None:
        self.say(b"GET /" + "é".encode() * 2800 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.statuses, [414])

    def test_a_target_that_grows_a_little_is_taken_beside_a_long_field(self) -> None:
        self.say(
            b"GET /"
            + "é".encode() * 1300
            + b" HTTP/1.1\r\nHost: a\r\nX: "
            + b"x" * 13_000
            + b"\r\n\r\n"
        )
        self.assertEqual(self.statuses, [404])


class HalfClosed(ChannelCase):
    """The caller has said that no more comes."""

    def test_what_is_in_flight_is_still_answered_cold_too(self) -> None:
        self.say(WAITS + HEALTH)
        self.channel.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)
        self.route.succeeds(ANSWER)
        self.clock.advance(0)
        self.assertEqual(self.statuses, [200, 200])
        self.assertTrue(self.transport.disconnecting)

    def test_an_idle_connection_ends(self) -> None:
        self.say(HEALTH)
        self.channel.readConnectionLost()
        self.assertTrue(self.transport.disconnecting)

    def test_half_a_request_ends(self) -> None:
        self.say(b"GET / HT")
        self.channel.readConnectionLost()
        self.assertEqual(self.statuses, [])
        self.assertTrue(self.transport.disconnecting)

    def test_half_a_request_behind_an_answer_ends_with_it(self) -> None:
        self.say(WAITS + b"GET / HT")
        self.channel.readConnectionLost()
        self.route.succeeds(ANSWER)
        self.clock.advance(0)
        self.assertEqual(self.statuses, [200])
        self.assertTrue(self.transport.disconnecting)

    def test_a_large_answer_is_written_to_its_end(self) -> None:
        self.full_at_once()
        self.say(LARGE.replace(b"/big", b"/huge"))
        self.channel.readConnectionLost()
        self.assertFalse(self.transport.disconnecting)
        for _ in range(3):
            self.channel.resumeProducing()
        self.assertTrue(self.transport.value().endswith(HUGE[-100:]))

    def test_a_live_page_ends(self) -> None:
        self.say(HEALTH.replace(b"/api/health", b"/feed"))
        self.channel.readConnectionLost()
        self.assertTrue(self.transport.disconnecting)
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.stopped, 1)

    def test_a_reset_is_a_leave(self) -> None:
        self.say(WAITS)
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.clock.advance(0)
        self.assertTrue(self.route.sent[-1].cancelled)
