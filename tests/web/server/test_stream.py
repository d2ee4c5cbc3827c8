"""A picture on its way to its caller: as fast as he takes it, and with no false end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from streamr.boundaries import PictureHead
from streamr.errors import Fault
from streamr.interfaces import PictureReader
from streamr.web.access import Stream, Visit
from streamr.web.router import Answered, Row
from streamr.web.server.channel import WRITE_SECONDS
from streamr.web.server.site import LOOK_EVERY
from streamr.web.server.stream import MOST_IN_A_TURN, PIECE
from tests.web.api.test_resource import SurfaceCase


class ToldReader:
    """A reader of what the test gives it, piece by piece."""

    head = PictureHead("/t/p/w92/a.jpg", "image/jpeg", '"v1"', None, 0.0)

    def __init__(self) -> None:
        self.pieces: list[bytes | Fault | None] = []
        self.wanted: list[int] = []
        self.closed = 0
        self._told: Callable[[], object] | None = None

    def gives(self, *pieces: bytes | Fault | None) -> None:
        """These come; whoever waits is told."""
        self.pieces += pieces
        told, self._told = self._told, None
        if told is not None:
            told()

    @property
    def waits(self) -> bool:
        return self._told is not None

    def seek(self, offset: int) -> None:
        """The one who streams reads on from where it is."""

    def read(self, size: int) -> bytes | None:
        assert not self.closed
        self.wanted.append(size)
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, Fault):
            raise piece
        return piece

    def wait(self, told: Callable[[], object]) -> None:
        self._told = told

    def close(self) -> None:
        self._told = None
        self.closed += 1


_reads: type[PictureReader] = ToldReader


class StreamCase(SurfaceCase):
    """A connection on which one picture is asked for."""

    length: int | None = 10

    def setUp(self) -> None:
        self.reader = ToldReader()
        self.answering: Deferred[Answered] | None = None
        super().setUp()

    def more_rows(self) -> list[Row]:
        return [Row("/picture", self.streamed, from_tmdb=True)]

    def streamed(self, _visit: Visit) -> Deferred[Answered]:
        if self.answering is not None:
            return self.answering
        return succeed(self.stream)

    @property
    def stream(self) -> Stream:
        return Stream(200, (("X-Own", "yes"),), self.reader, self.length)

    def sent(self) -> bytes:
        return self.transport.value().partition(b"\r\n\r\n")[2]

    def is_cut(self) -> None:
        """The connection is reset, and what was sent has no end."""
        self.assertTrue(self.transport.aborted)
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.reader.closed, 1)


class Writing(StreamCase):
    """What there is goes to the caller at once."""

    def test_its_head_goes_with_the_first_bytes(self) -> None:
        self.reader.gives(b"abc")
        self.send("/picture")
        seen = self.seen()
        self.assertEqual((seen.status, seen.body), (200, b"abc"))
        self.assertEqual(seen.headers["content-length"], "10")
        self.assertEqual(seen.headers["x-own"], "yes")
        self.assertEqual(seen.headers["x-content-type-options"], "nosniff")
        self.assertNotIn("transfer-encoding", seen.headers)

    def test_it_waits_for_more_and_ends(self) -> None:
        self.send("/picture")
        self.assertTrue(self.reader.waits)
        self.reader.gives(b"abcde")
        self.reader.gives(b"fgh", b"ij")
        self.assertEqual(self.sent(), b"abcdefghij")
        self.assertEqual(self.reader.closed, 1)
        self.assertFalse(self.transport.disconnecting)

    def test_no_more_is_read_than_is_wanted(self) -> None:
        self.reader.gives(b"abc", b"defghij", b"never")
        self.send("/picture")
        self.assertEqual(self.reader.wanted, [10, 7])
        self.assertEqual(self.reader.closed, 1)

    def test_nor_more_than_one_piece_at_once(self) -> None:
        self.length = PIECE + 5
        self.reader.gives(b"a" * PIECE, b"b" * 5)
        self.send("/picture")
        self.assertEqual(self.reader.wanted, [PIECE, 5])

    def test_one_without_a_length_ends_in_its_last_chunk(self) -> None:
        self.length = None
        self.reader.gives(b"abc", None)
        self.send("/picture")
        self.assertEqual(self.seen().headers["transfer-encoding"], "chunked")
        self.assertEqual(self.sent(), b"3\r\nabc\r\n0\r\n\r\n")
        self.assertEqual(self.reader.wanted, [PIECE, PIECE])
        self.assertEqual(self.reader.closed, 1)

    def test_http_1_0_has_no_chunks_and_the_end_of_the_connection(self) -> None:
        self.length = None
        self.reader.gives(b"abc", None)
        self.channel.dataReceived(b"GET /picture HTTP/1.0\r\nHost: a\r\n\r\n")
        seen = self.seen()
        self.assertEqual((seen.status, seen.body), (200, b"abc"))
        self.assertNotIn("transfer-encoding", seen.headers)
        self.assertEqual(seen.headers["connection"], "close")
        self.assertTrue(self.transport.disconnecting)

    def test_an_empty_one_ends_at_once(self) -> None:
        self.length = 0
        self.send("/picture")
        self.assertEqual(self.seen().headers["content-length"], "0")
        self.assertEqual((self.reader.wanted, self.reader.closed), ([], 1))

    def test_the_connection_takes_the_next_request(self) -> None:
        self.send("/picture")
        self.send("/api/health")
        self.reader.gives(b"abcde")
        self.assertEqual(self.transport.value().count(b"HTTP/1.1 200"), 1)
        self.reader.gives(b"fghij")
        self.assertEqual(self.transport.value().count(b"HTTP/1.1 200"), 2)
        self.assertIn(b"abcdefghijHTTP/1.1", self.transport.value())

    def test_a_head_has_no_body_and_is_nobodys_to_read(self) -> None:
        for length in (10, None):
            self.length = length
            self.setUp()
            self.send("/picture", method="HEAD")
            seen = self.seen()
            self.assertEqual((seen.status, seen.body), (200, b""))
            self.assertEqual(seen.headers.get("content-length"), length and "10")
            self.assertEqual((self.reader.wanted, self.reader.closed), ([], 1))
            self.send("/api/health")
            self.assertEqual(self.transport.value().count(b"HTTP/1.1 200"), 2)


class Braking(StreamCase):
    """Nothing is read for a caller who does not take it."""

    def test_a_connection_that_takes_no_more_brakes_the_reader(self) -> None:
        self.send("/picture")
        self.channel.pauseProducing()
        self.reader.gives(b"abc", b"def")
        self.assertEqual((self.sent(), self.reader.wanted), (b"", [10]))
        self.channel.resumeProducing()
        self.assertEqual(self.sent(), b"abcdef")

    def test_between_two_pieces_too(self) -> None:
        write = self.transport.write

        def full(data: bytes) -> None:
            write(data)
            if data == b"abc":
                self.channel.pauseProducing()

        self.transport.write = full  # type: ignore[method-assign]
        self.reader.gives(b"abc", b"defghij")
        self.send("/picture")
        self.assertEqual((self.sent(), len(self.reader.pieces)), (b"abc", 1))
        self.channel.resumeProducing()
        self.assertEqual((self.sent(), self.reader.closed), (b"abcdefghij", 1))

    def test_one_that_brakes_and_releases_at_once_keeps_the_order(self) -> None:
        write = self.transport.write

        def full(data: bytes) -> None:
            write(data)
            # as a connection does that the kernel takes all of
            self.channel.pauseProducing()
            self.channel.resumeProducing()

        self.transport.write = full  # type: ignore[method-assign]
        # so many that they cannot be written from within each other
        self.length = sys.getrecursionlimit()
        pieces = [b"%d" % (each % 10) for each in range(self.length)]
        self.reader.gives(*pieces)
        self.send("/picture")
        self.clock.pump([0.0] * len(pieces))
        self.assertEqual(self.sent(), b"".join(pieces))

    def test_a_fast_reader_lets_others_have_their_turn(self) -> None:
        self.reader.gives(*[b"a"] * 10)
        self.send("/picture")
        self.assertEqual(self.sent(), b"a" * MOST_IN_A_TURN)
        self.clock.advance(0)
        self.assertEqual(self.sent(), b"a" * 10)

    def test_who_leaves_before_his_next_turn_gets_none(self) -> None:
        self.reader.gives(*[b"a"] * 10)
        self.send("/picture")
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.clock.advance(0)
        self.assertEqual(len(self.reader.pieces), 10 - MOST_IN_A_TURN)

    def test_who_takes_nothing_for_too_long_is_given_up(self) -> None:
        self.send("/picture")
        self.channel.pauseProducing()
        self.clock.advance(WRITE_SECONDS - LOOK_EVERY)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(2 * LOOK_EVERY)
        self.is_cut()

    def test_one_that_does_not_come_is_not_his_fault(self) -> None:
        self.send("/picture")
        self.clock.pump([LOOK_EVERY] * 200)
        self.assertFalse(self.transport.aborted or self.transport.disconnecting)


class Cutting(StreamCase):
    """Half a picture has no clean end."""

    def test_one_that_breaks_resets_the_connection(self) -> None:
        for before in ((), (b"abc",)):
            self.setUp()
            self.reader.gives(*before, Fault("connection_terminated"))
            self.send("/picture")
            self.assertEqual(self.sent(), b"".join(before))
            self.is_cut()

    def test_one_that_breaks_later_does_too(self) -> None:
        self.send("/picture")
        self.reader.gives(b"abc")
        self.reader.gives(Fault("connection_terminated"))
        self.is_cut()

    def test_in_chunks_there_is_no_last_one(self) -> None:
        self.length = None
        self.reader.gives(b"abc")
        self.send("/picture")
        self.reader.gives(Fault("connection_terminated"))
        self.is_cut()
        self.assertEqual(self.sent(), b"3\r\nabc\r\n")

    def test_one_that_ends_sooner_than_announced_is_broken(self) -> None:
        self.reader.gives(b"abc", None)
        self.send("/picture")
        self.assertEqual(self.sent(), b"abc")
        self.is_cut()

    def test_nothing_is_written_behind_a_cut(self) -> None:
        self.reader.gives(b"abc", Fault("connection_terminated"), b"more")
        self.send("/picture")
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.channel.resumeProducing()
        self.assertEqual(self.sent(), b"abc")


class Leaving(StreamCase):
    """Nobody reads for a caller who is gone."""

    def test_who_leaves_in_the_middle_closes_the_reader(self) -> None:
        for ended in (ConnectionDone(), ConnectionLost()):
            self.setUp()
            self.reader.gives(b"abc")
            self.send("/picture")
            self.channel.connectionLost(Failure(ended))
            self.assertEqual(self.reader.closed, 1)
            self.assertFalse(self.reader.waits)

    def test_who_leaves_while_he_takes_nothing_does_too(self) -> None:
        self.send("/picture")
        self.channel.pauseProducing()
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.reader.closed, 1)

    def test_who_left_before_the_answer_was_there_closes_it_unread(self) -> None:
        # it comes all the same: too late to be cancelled
        self.answering = Deferred(lambda waiting: waiting.callback(self.stream))
        self.send("/picture")
        self.channel.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.reader.wanted, self.reader.closed), ([], 1))

    def test_who_says_no_more_ends_it(self) -> None:
        self.reader.gives(b"abc")
        self.send("/picture")
        self.channel.readConnectionLost()
        self.assertTrue(self.transport.disconnecting)
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.reader.closed, 1)


class Draining(StreamCase):
    """A server that stops."""

    def test_a_picture_under_way_is_finished_and_is_the_last(self) -> None:
        self.send("/picture")
        self.reader.gives(b"abc")
        drained = self.site.drain(9.0)
        self.reader.gives(b"defghij")
        self.assertEqual(self.sent(), b"abcdefghij")
        self.assertTrue(self.transport.disconnecting)
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(drained)
        self.assertEqual(self.reader.closed, 1)

    def test_one_that_does_not_end_in_time_is_cut(self) -> None:
        self.send("/picture")
        drained = self.site.drain(9.0)
        self.clock.advance(9.0)
        self.successResultOf(drained)
        self.is_cut()
