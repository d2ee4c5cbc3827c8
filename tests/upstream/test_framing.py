"""Where a body ends, however it is cut into packets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Fault
from streamr.upstream.framing import (
    MOST_LINE,
    ChunkedBody,
    CountedBody,
    FramedBody,
    OpenEndedBody,
    body_of,
)
from streamr.upstream.head import MOST_HEAD, read_head
from tests.properties import examples


def taken(body: FramedBody, raw: bytes, *cuts: int) -> bytes:
    """What a body makes of bytes that come in pieces."""
    found, at = b"", 0
    for cut in (*sorted(cuts), len(raw)):
        found += body.take(raw[at:cut])
        at = cut
    return found


class Kinds(SynchronousTestCase):
    def kind(self, *fields: bytes, status: bytes = b"200") -> FramedBody:
        lines = (b"HTTP/1.1 " + status, *fields, b"", b"")
        return body_of(read_head(b"\r\n".join(lines)))

    def test_chunks_go_before_a_length_and_a_length_before_the_end(self) -> None:
        chunks, length = b"Transfer-Encoding: chunked", b"Content-Length: 2"
        self.assertIsInstance(self.kind(chunks), ChunkedBody)
        self.assertIsInstance(self.kind(chunks, length), ChunkedBody)
        self.assertIsInstance(self.kind(length), CountedBody)
        self.assertIsInstance(self.kind(), OpenEndedBody)

    def test_no_content_and_not_modified_have_no_body(self) -> None:
        for status in (b"204", b"304"):
            for fields in (
                (),
                (b"Content-Length: 2",),
                (b"Transfer-Encoding: chunked",),
            ):
                self.assertTrue(
                    self.kind(*fields, status=status).over, (status, fields)
                )


class Lengths(SynchronousTestCase):
    def test_a_length_is_counted_and_what_comes_behind_it_is_no_body(self) -> None:
        for cut in range(6):
            body = CountedBody(3)
            self.assertEqual(taken(body, b"abcde", cut), b"abc", cut)
            self.assertTrue(body.over)
            self.assertIn(body.rest, (b"de", b"e"))
        self.assertFalse(CountedBody(3).over)
        self.assertTrue(CountedBody(0).over)

    def test_one_without_a_length_never_ends_by_itself(self) -> None:
        body = OpenEndedBody()
        self.assertEqual(taken(body, b"abc", 1), b"abc")
        self.assertFalse(body.over)
        self.assertTrue(body.open_ended)
        self.assertFalse(CountedBody(1).open_ended or ChunkedBody().open_ended)


class Chunks(SynchronousTestCase):
    @examples(300)
    @given(
        st.lists(st.binary(min_size=1, max_size=40), max_size=6),
        st.sampled_from((b"\r\n", b"\n")),
        st.sampled_from((b"", b";a=b", b" ; a")),
        st.sampled_from((b"", b"Trailer: x\r\n", b"A: b\r\nC: d\n")),
        st.lists(st.integers(0, 400), max_size=5),
    )
    def test_chunks_are_joined_wherever_they_are_cut(
        self,
        chunks: list[bytes],
        end: bytes,
        extension: bytes,
        trailers: bytes,
        cuts: list[int],
    ) -> None:
        raw = b"".join(
            b"%x%b%b%b%b" % (len(each), extension, end, each, end) for each in chunks
        )
        raw += b"0" + end + trailers + end
        body = ChunkedBody()
        cuts = [cut for cut in cuts if cut < len(raw)]
        self.assertEqual(taken(body, raw, *cuts), b"".join(chunks))
        self.assertTrue(body.over)
        self.assertEqual(body.rest, b"")

    def test_it_is_over_with_its_last_line_and_not_before(self) -> None:
        raw = b"2\r\nab\r\n0\r\nA: b\r\n\r\n"
        for cut in range(len(raw)):
            body = ChunkedBody()
            body.take(raw[:cut])
            self.assertFalse(body.over, cut)
        body = ChunkedBody()
        body.take(raw + b"HTTP/1.1 200 OK")
        self.assertEqual((body.over, body.rest), (True, b"HTTP/1.1 200 OK"))

    def test_what_is_no_chunk_is_a_fault(self) -> None:
        for raw in (
            *(b"x\r\n", b"\r\nab", b"-1\r\n", b"0x2\r\nab\r\n", b" 2\r\nab\r\n"),
            *(b"2\r\nabc\r\n", b"1\r\nab", b"1000000000000\r\n", b"2 x\r\nab\r\n"),
            *(b"2" + b";" * MOST_LINE, b"0\r\n" + b"A: b\r\n" * (MOST_HEAD // 6 + 1)),
            b"0\r\nA: b\rC\r\n\r\n",
        ):
            body = ChunkedBody()
            with self.assertRaises(Fault, msg=raw[:40]) as caught:
                body.take(raw)
                body.take(b"\r\n" + b" " * MOST_HEAD)
            self.assertEqual(caught.exception.cause.name, "http_protocol_error")
