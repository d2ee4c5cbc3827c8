"""The head of a response: what is read, and what is none."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.errors import Fault
from streamr.upstream.head import END, ResponseHead, read_head


def read(*lines: bytes) -> ResponseHead:
    return read_head(b"\r\n".join((*lines, b"", b"")))


OK = b"HTTP/1.1 200 OK"


class Reading(SynchronousTestCase):
    def refused(self, *lines: bytes) -> None:
        with self.assertRaises(Fault, msg=lines) as caught:
            read(*lines)
        self.assertEqual(caught.exception.cause.name, "http_protocol_error")

    def test_each_line_of_a_field_is_kept_under_its_name_in_small_letters(self) -> None:
        head = read(OK, b"Vary: Origin", b"ETag:\tx y \t", b"VARY:*")
        self.assertEqual(head.fields, {"vary": ["Origin", "*"], "etag": ["x y"]})
        self.assertEqual(head.first("vary"), "Origin")
        self.assertEqual(head.all("vary"), "Origin, *")
        self.assertIsNone(head.first("age"))
        self.assertEqual(head.all("age"), "")

    def test_a_status_needs_no_words(self) -> None:
        for line in (b"HTTP/1.1 404", b"HTTP/1.1 404 ", b"HTTP/1.0 404 Not Found"):
            self.assertEqual(read(line).status, 404, line)

    def test_a_line_may_end_without_cr(self) -> None:
        head = read_head(b"HTTP/1.1 200 OK\nA: b\r\nC: d\n\n")
        self.assertEqual(head.fields, {"a": ["b"], "c": ["d"]})

    def test_a_line_goes_on_in_the_next_one(self) -> None:
        for end in (b"\r\n ", b"\r\n\t", b"\n  ", b" \r\n "):
            self.assertEqual(read(OK, b"A: b" + end + b"c").first("a"), "b c", end)

    def test_what_is_no_utf_8_is_read_all_the_same(self) -> None:
        self.assertEqual(read(OK, b"A: b\xffc").first("a"), "b\ufffdc")
        self.assertEqual(
            read(OK, "A: b\x85\u2028c".encode()).first("a"), "b\x85\u2028c"
        )

    def test_what_is_no_head_is_a_fault(self) -> None:
        for line in (
            *(b"NONSENSE", b"HTTP/2 200 OK", b"HTTP/1.1 fine OK", b"HTTP/1.1 20 OK"),
            *(b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 OK", b"http/1.1 200 OK", b""),
            *(b"ICY 200 OK", b"HTTP/1.1  200 OK", b" HTTP/1.1 200 OK"),
        ):
            self.refused(line)
        for line in (
            *(b"A b", b"A : b", b": b", b"A\0: b", b"\xc3\xa9: b", b"A: b\0c"),
            *(b"A: b\rc", b"A: b\r"),
        ):
            self.refused(OK, b"C: d", line, b"E: f")
            self.refused(OK, line)

    def test_an_empty_line_is_the_end(self) -> None:
        for raw in (b"\r\n\r\n", b"\n\n", b"\r\n\n", b"\n\r\n"):
            found = END.search(b"A: b" + raw + b"c")
            assert found is not None
            self.assertEqual(found.end(), 4 + len(raw))
        self.assertIsNone(END.search(b"A: b\r\n \r\nC: d\r\n"))


class Keeping(SynchronousTestCase):
    """Whether a connection can be used again."""

    def test_it_can_unless_one_of_the_two_says_otherwise(self) -> None:
        for line, fields, closes in (
            (OK, (), False),
            (OK, (b"Connection: close",), True),
            (OK, (b"Connection: Keep-Alive, CLOSE",), True),
            (OK, (b"Connection: x", b"Connection: close"), True),
            (OK, (b"Connection: closed",), False),
            (b"HTTP/1.0 200 OK", (), True),
            (b"HTTP/1.0 200 OK", (b"Connection: Keep-Alive",), False),
            (OK, (b"Transfer-Encoding: chunked",), False),
            (OK, (b"Transfer-Encoding: chunked", b"Content-Length: 2"), True),
            (
                b"HTTP/1.0 200 OK",
                (b"Connection: Keep-Alive", b"Transfer-Encoding: chunked"),
                True,
            ),
        ):
            self.assertIs(read(line, *fields).closes, closes, (line, fields))


class Lengths(SynchronousTestCase):
    def test_a_length_is_a_number_however_often_it_is_said(self) -> None:
        for fields, length in (
            ((), None),
            ((b"Content-Length: 0",), 0),
            ((b"Content-Length: 12",), 12),
            ((b"Content-Length: 7, 7", b"Content-Length: 7"), 7),
            ((b"Content-Length: 999999999999999",), 999_999_999_999_999),
        ):
            self.assertEqual(read(OK, *fields).length, length, fields)

    def test_anything_else_is_a_fault(self) -> None:
        for said in (
            *(b"", b"x", b"-1", b"+1", b"1.0", b"0x1", b"7, 8", b"7,"),
            *(b"1" * 16, b"1_0", "\u0661".encode()),
        ):
            with self.assertRaises(Fault, msg=said):
                _ = read(OK, b"Content-Length: " + said).length

    def test_one_coding_is_known(self) -> None:
        self.assertFalse(read(OK).chunked)
        self.assertTrue(read(OK, b"Transfer-Encoding: Chunked").chunked)
        for said in (b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity"):
            with self.assertRaises(Fault, msg=said):
                _ = read(OK, b"Transfer-Encoding: " + said).chunked
