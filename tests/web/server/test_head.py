"""One request head: what is taken, what is refused, and that nothing else is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from streamr.web.server.head import (
    LAST_CHUNK,
    Body,
    find_end,
    origin_in,
    read_head,
)
from streamr.web.server.rules import (
    MOST_BODY,
    MOST_FIELDS,
    MOST_HEAD,
    MOST_PARAMETERS,
    MOST_TARGET,
    HeadRefused,
)
from tests.web.server.test_rules import head, refused


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
            head(line="OPTIONS * HTTP/1.1"),
            head(line="CONNECT a:443 HTTP/1.1"),
            head(line="TRACE /3/movie/550 HTTP/1.1"),
            head(line="GET //3//movie/550/ HTTP/1.1"),
            head(line="GET /.a/..b/c./.../%2e%2ea HTTP/1.1"),
            head(line="GET /a?b=%2F%5c\\&c=/../.&d=100% HTTP/1.1"),
            head(line="GET /a?" + "&" * (MOST_PARAMETERS - 1) + " HTTP/1.1"),
            head(line="GET /a?q={}|^<> HTTP/1.1"),
            head("Content-Length:  5 "),
            head("Content-Length: 0000000000000000005"),
            head("Transfer-Encoding: CHUNKED"),
            head("Expect: 100-Continue", "Content-Length: 0"),
            head("Expect: x", "Content-Length: 2", line="GET / HTTP/1.0"),
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
        found = read_head(head(line="GET /ü/?query=amélie HTTP/1.1"))
        line = b"GET /%C3%BC/?query=am%C3%A9lie HTTP/1.1\r\n"
        self.assertTrue(found.handed_on.startswith(line), found)

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
    """What no table can say; the rules themselves are in test_rules.py."""

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

    def test_a_chunk_with_content_is_too_much_and_an_odd_one_is_no_chunk(self) -> None:
        odd = (b"x", b"\r\n", b" 0\r\n", b"-0", b"+0", b"0x0", b"00\r\n", b"0 \r\n")
        more = (b"0;x\r\n", b"0\n", b"0\r\r\n", b"0\r\nX: y\r\n", b"0\r\n\n", b"\x00")
        for status, chunks in (
            (413, (b"1\r\na\r\n", b"5", b"a;x=y\r\n", b"F" * 5000, b"10\r\n")),
            (400, (*odd, *more)),
        ):
            for chunk in chunks:
                with self.assertRaises(HeadRefused, msg=chunk[:20]) as caught:
                    Body(-1).read(chunk)
                self.assertEqual(caught.exception.status, status, chunk[:20])


class Origins(SynchronousTestCase):
    def test_the_origin_is_found_in_a_head_that_is_refused(self) -> None:
        for data, origin in (
            (head("Origin: https://a.example"), "https://a.example"),
            (head("ORIGIN:null", "X A: b"), "null"),
            (head("X-Origin: https://a.example"), None),
            (head("Origin: " + "x" * 300), None),
            (b"GET / HTTP/1.1\r\nOrigin: a", None),
            (head("X A: b") + head("Origin: https://a.example"), None),
            (head("Origin: https://a.example", "X A: b") + head(), "https://a.example"),
        ):
            self.assertEqual(origin_in(data), origin, data[:60])
