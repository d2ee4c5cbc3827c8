"""One request head: what is taken, what is refused, and that nothing else is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.web.server.head import (
    LAST_CHUNK,
    MOST_BODY,
    MOST_FIELDS,
    MOST_HEAD,
    MOST_TARGET,
    Body,
    HeadRefused,
    RequestHead,
    find_end,
    origin_in,
    read_head,
)

steady = settings(deadline=None, database=None, derandomize=True, max_examples=300)


def head(*fields: str, line: str = "GET /3/movie/550 HTTP/1.1") -> bytes:
    """A head of these fields; with Host unless one of them is."""
    hosts = (
        [] if any(each.lower().startswith("host") for each in fields) else ["Host: a"]
    )
    return "\r\n".join([line, *hosts, *fields, "", ""]).encode("utf-8")


def refused(data: bytes) -> int:
    """The status with which a whole head is refused; 0 for one that is taken."""
    try:
        end = find_end(data)
        assert end == len(data), (end, data)
        read_head(data)
    except HeadRefused as problem:
        return problem.status
    return 0


class Taken(SynchronousTestCase):
    def test_what_clients_send_is(self) -> None:
        for data in (
            head(),
            head("Host: localhost:3001"),
            head("Host: [::1]:3001"),
            head("Host: a_b.example", "X-Empty:", "X-Tab:\ta\t", 'X: a, b;c="d e"'),
            head("Accept-Encoding: gzip", "Accept-Encoding: br"),
            head("Content-Length: 0"),
            head(f"Content-Length: {MOST_BODY}"),
            head("Transfer-Encoding: chunked"),
            head("Expect: 100-continue"),
            head("Upgrade: websocket", "Connection: Upgrade"),
            head(line="OPTIONS /3/movie/550 HTTP/1.1"),
            head(line="FOO /3/movie/550 HTTP/1.1"),
            head(line="GET /3/search/movie?query=a%00b&x=%7f HTTP/1.1"),
            head("Host: a", line="GET / HTTP/1.0"),
            b"GET / HTTP/1.0\r\n\r\n",
            head(*(f"X-{number}: 1" for number in range(MOST_FIELDS - 1))),
        ):
            self.assertEqual(refused(data), 0, data[:80])

    def test_it_is_handed_on_as_it_came_without_what_frames_a_body(self) -> None:
        data = head(
            "Accept: */*",
            "Content-Length: 2",
            "Expect: ",
            "upgrade: h2c",
            "CONNECTION: keep-alive",
            "X-A:  b ",
        ).replace(b"Expect: \r\n", b"")
        found = read_head(data)
        self.assertEqual(
            found.handed_on,
            b"GET /3/movie/550 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX-A: b\r\n\r\n",
        )
        self.assertEqual((found.body, found.closes), (2, False))

    def test_raw_utf_8_in_a_target_is_its_encoded_form(self) -> None:
        found = read_head(head(line="GET /3/search/movie?query=amélie HTTP/1.1"))
        self.assertIn(b"?query=am%C3%A9lie HTTP/1.1\r\n", found.handed_on)

    def test_the_connection_ends_where_somebody_says_so(self) -> None:
        for data, closes in (
            (head("Connection: close"), True),
            (head("Connection: close, x"), True),
            (head("Connection: keep-alive, CLOSE"), True),
            (head("Connection: a", "Connection: close"), True),
            (head("Connection: closed"), False),
            (head("Connection: keep-alive"), False),
            (head(line="GET / HTTP/1.0"), True),
            (head("Connection: keep-alive", line="GET / HTTP/1.0"), True),
        ):
            self.assertEqual(read_head(data).closes, closes, data)

    def test_a_later_minor_version_is_read_as_1_1(self) -> None:
        found = read_head(head(line="GET / HTTP/1.9"))
        self.assertTrue(found.handed_on.startswith(b"GET / HTTP/1.1\r\n"))


class Refused(SynchronousTestCase):
    """Each rule, with a member of every kind that it is about."""

    def test_with_its_status(self) -> None:
        for status, datas in {
            400: (
                # the request line (RFC 9112, 3)
                head(line="GET  / HTTP/1.1"),
                head(line="GET / HTTP/1.1 "),
                head(line=" GET / HTTP/1.1"),
                head(line="GET\t/ HTTP/1.1"),
                head(line="GET /"),
                head(line="GET / http/1.1"),
                head(line="GET / HTTP/11"),
                head(line="GET / HTTP/1.10"),
                head(line="G@T / HTTP/1.1"),
                head(line="GET /a b HTTP/1.1"),
                head(line="GET /a\x00 HTTP/1.1"),
                head(line="GET /a\x7f HTTP/1.1"),
                head(line="GET /a%00 HTTP/1.1"),
                head(line="GET /a%1F HTTP/1.1"),
                head(line="GET /a%7f?x=1 HTTP/1.1"),
                # other forms of a target (3.2)
                head(line="GET http://a/ HTTP/1.1"),
                head(line="GET a:80 HTTP/1.1"),
                head(line="OPTIONS * HTTP/1.1"),
                head(line="CONNECT a:443 HTTP/1.1"),
                # Host (3.2)
                b"GET / HTTP/1.1\r\n\r\n",
                head("Host: a", "Host: a"),
                head("Host: a", "host: b"),
                head("Host:"),
                head("Host: a b"),
                head("Host: a/b"),
                head("Host: a@b"),
                head("Host: [::1"),
                head("Host: a:80:80"),
                head("Host: é"),
                # fields (5.1, 5.2)
                head("X-A : b"),
                head("X A: b"),
                head(": b"),
                head("no colon"),
                head("X-A: b", " folded"),
                head("X-A: b", "\tfolded"),
                head("X-A: a\x00b"),
                head("X-A: a\x0bb"),
                head("X-A: a\x7fb"),
                # two ways to tell the length of a body (6.1 to 6.3)
                head("Content-Length: 1", "Transfer-Encoding: chunked"),
                head("Content-Length: 1", "Content-Length: 1"),
                head("Content-Length: 1", "content-length: 2"),
                head("Content-Length: 1, 1"),
                head("Content-Length: +1"),
                head("Content-Length: -1"),
                head("Content-Length: 0x1"),
                head("Content-Length: 1.0"),
                head("Content-Length:"),
                head("Content-Length: " + "9" * 5000),
                head("Content-Length: \N{ARABIC-INDIC DIGIT ONE}"),
                head("Transfer-Encoding: chunked", line="GET / HTTP/1.0"),
            ),
            413: (
                head(f"Content-Length: {MOST_BODY + 1}"),
                head("Content-Length: 300000000"),
            ),
            414: (
                head(line=f"GET /{'x' * MOST_TARGET} HTTP/1.1"),
                head(line=f"GET /{'x' * (MOST_TARGET + 50)} HTTP/1.1"),
            ),
            417: (
                head("Expect: something"),
                head("Expect: 100-continue", "Content-Length: 2"),
                head("Expect: 100-continue", "Transfer-Encoding: chunked"),
            ),
            431: (
                head(*(f"X-{number}: 1" for number in range(MOST_FIELDS))),
                head("X-A: " + "b" * MOST_HEAD),
            ),
            501: (
                head("Transfer-Encoding: gzip"),
                head("Transfer-Encoding: gzip, chunked"),
                head("Transfer-Encoding: chunked, chunked"),
                head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
                head("Transfer-Encoding: identity"),
                head("Transfer-Encoding: xchunked"),
                head("Transfer-Encoding:"),
            ),
            505: (
                head(line="GET / HTTP/2.0"),
                head(line="PRI * HTTP/2.0"),
                head(line="GET / HTTP/0.9"),
            ),
        }.items():
            for data in datas:
                self.assertEqual(refused(data), status, data[:120])

    def test_no_number_of_blanks_takes_long(self) -> None:
        # with three ways to share them out this would not end within an hour
        blanks = " " * (MOST_HEAD - 100)
        self.assertEqual(refused(head(f"X-A:{blanks}\x00")), 400)
        self.assertEqual(refused(head(f"X-A: a{blanks}b{blanks[:9]}")), 0)

    def test_a_cr_or_lf_that_stands_alone_is_before_the_end_is_there(self) -> None:
        for data in (
            b"GET / HTTP/1.1\nHost: a\n\n",
            b"GET / HTTP/1.1\r\nHost: a\n",
            b"GET / HTTP/1.1\rHost",
            b"GET / HTTP/1.1\r\nX: a\rb\r\n",
            b"\n",
            b"\rx",
        ):
            self.assertRaises(HeadRefused, find_end, data)

    def test_what_is_too_long_is_before_the_end_is_there(self) -> None:
        for data, status in (
            (b"GET /" + b"x" * MOST_HEAD, 414),
            (b"GET / HTTP/1.1\r\nX: " + b"x" * MOST_HEAD, 431),
            (b"x" * (MOST_TARGET + 100), 414),
        ):
            with self.assertRaises(HeadRefused) as caught:
                find_end(data)
            self.assertEqual(caught.exception.status, status)

    def test_what_may_yet_become_a_head_is_waited_for(self) -> None:
        whole = head("X-A: b")
        for length in range(len(whole)):
            self.assertEqual(find_end(whole[:length]), -1, whole[:length])
        self.assertEqual(find_end(whole), len(whole))
        self.assertEqual(find_end(whole + b"GET "), len(whole))

    @steady
    @given(st.binary(max_size=200))
    def test_any_bytes_are_a_head_or_refused_or_waited_for(self, data: bytes) -> None:
        try:
            end = find_end(data)
            if end > 0:
                read_head(data[:end])
        except HeadRefused as problem:
            self.assertIn(problem.status, (400, 413, 414, 417, 431, 501, 505))

    @steady
    @given(
        st.lists(
            st.tuples(
                st.from_regex(r"\A[A-Za-z-]{1,12}\Z"),
                st.text(
                    st.characters(min_codepoint=32, max_codepoint=126), max_size=20
                ),
            ),
            max_size=8,
        )
    )
    def test_what_is_handed_on_is_a_head_that_is_taken_again(
        self, fields: list[tuple[str, str]]
    ) -> None:
        data = head(*(f"{name}: {value}" for name, value in fields))
        if refused(data):
            return
        found = read_head(data)
        again = read_head(found.handed_on)
        self.assertEqual(again, RequestHead(found.handed_on, 0, False))


class Bodies(SynchronousTestCase):
    """They are thrown away."""

    def test_so_many_bytes_belong_to_it_however_they_come(self) -> None:
        body = Body(5)
        self.assertEqual([body.read(b"ab"), body.over], [2, False])
        self.assertEqual([body.read(b"cdeGET"), body.over], [3, True])
        self.assertEqual(body.read(b"GET"), 0)

    def test_without_one_it_is_over(self) -> None:
        self.assertTrue(Body(0).over)

    def test_of_chunks_only_the_last_is_taken(self) -> None:
        for cut in range(len(LAST_CHUNK)):
            body = Body(-1)
            self.assertEqual((body.read(LAST_CHUNK[:cut]), body.over), (0, False), cut)
        body = Body(-1)
        self.assertEqual((body.read(LAST_CHUNK + b"GET"), body.over), (5, True))
        for odd in (b"1\r\na\r\n", b"00\r\n", b"0;x\r\n", b"0\n", b"x"):
            with self.assertRaises(HeadRefused) as caught:
                Body(-1).read(odd)
            self.assertEqual(caught.exception.status, 413, odd)


class Origins(SynchronousTestCase):
    def test_the_origin_is_found_in_a_head_that_is_refused(self) -> None:
        for data, origin in (
            (head("Origin: https://a.example"), "https://a.example"),
            (head("ORIGIN:null", "X A: b"), "null"),
            (head("X-Origin: https://a.example"), None),
            (head("Origin: " + "x" * 300), None),
            (b"GET / HTTP/1.1\r\nOrigin: a", None),
        ):
            self.assertEqual(origin_in(data), origin, data[:60])
