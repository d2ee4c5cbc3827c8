"""Each rule of a head, with a member of every kind that it is about."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from streamr.web.server.head import find_end, read_head
from streamr.web.server.rules import (
    FIELDS,
    MOST_BODY,
    MOST_FIELDS,
    MOST_HEAD,
    MOST_PARAMETERS,
    MOST_TARGET,
    REQUEST_LINE,
    UNFINISHED,
    HeadRefused,
)

BARE = "there is a CR without its LF, or an LF without its CR"
LINE = "the request line is not METHOD TARGET HTTP/1.1"
FORM = "the request target has to begin with /"
RAW = "there are control characters in the request target"
PATH = "there are control characters in the path"
SLASH = "there is an encoded slash or a backslash in the path"
DOTS = "there are dot segments in the path"
LONG = f"the request target is longer than {MOST_TARGET} bytes"
FIELD = "a header line is not NAME: VALUE"
NO_HOST = "the Host is not a name or an address, with or without a port"
LAST = "the last transfer coding has to be chunked, and only the last"
LENGTH = "the Content-Length is not one number"
EXPECTED = "no expectation is met here"


def head(*fields: str, line: str = "GET /3/movie/550 HTTP/1.1") -> bytes:
    """A head of these fields; with Host unless one of them is."""
    hosts = (
        [] if any(each.lower().startswith("host") for each in fields) else ["Host: a"]
    )
    return "\r\n".join([line, *hosts, *fields, "", ""]).encode("utf-8")


def at(*targets: str, method: str = "GET") -> list[bytes]:
    """Heads of requests for these."""
    return [head(line=f"{method} {target} HTTP/1.1") for target in targets]


def lines(*given: str) -> list[bytes]:
    """Heads with these request lines."""
    return [head(line=each) for each in given]


def fields(*given: str) -> list[bytes]:
    """Heads with one of these fields each."""
    return [head(each) for each in given]


def told(data: bytes) -> tuple[int, str]:
    """The status and the problem with which a head is refused; 0 for one that is taken
    or may yet become one."""
    try:
        end = find_end(data)
        if end > 0:
            read_head(data[:end])
    except HeadRefused as refused:
        return refused.status, refused.problem
    return 0, ""


def refused(data: bytes) -> int:
    """The status with which a head is refused; 0 for one that is taken."""
    return told(data)[0]


# status, problem → heads that are refused with both
CASES: dict[tuple[int, str], Sequence[bytes]] = {
    # 9112, 2.2
    (400, BARE): (
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n",
        b"GET / HTTP/1.1\rHost",
        b"GET / HTTP/1.1\r\nX: a\rb\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\r",
        b"\n",
        b"\rx",
    ),
    # what no head begins with need not be waited for
    (400, "there are control characters in the head"): (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS ClientHello
        b"GET /\x00",
        b"GET / HTTP/1.1\r\nX: \x7f",
    ),
    (400, LINE): (
        *lines(
            "GET  / HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET\t/ HTTP/1.1"
        ),
        *lines(
            "GET /",
            "GET / http/1.1",
            "GET / HTTP/11",
            "GET / HTTP/1.10",
            "GET / HTTP/1",
        ),
        *lines(
            "G@T / HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET / HTTP/1.\u0661",
            "GET ? HTTP/1.1",
        ),
        *lines("", "GET", "/ HTTP/1.1", "GET / HTTPS/1.1", "HTTP/1.1 200 OK"),
    ),
    (505, "only HTTP/1.1 and HTTP/1.0 are known here"): lines(
        *("GET / HTTP/2.0", "PRI * HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/3.0"),
        "FOO / HTTP/2.0",
    ),
    (414, LONG): (
        *at("/" + "x" * MOST_TARGET, "/?" + "x" * MOST_TARGET),
        *at("/" + "x" * (MOST_TARGET + 50), "/" + "x" * MOST_HEAD),
        b"GET /" + b"x" * MOST_HEAD,
        b"x" * (MOST_TARGET + 100),
    ),
    (400, FORM): (
        # absolute, authority and asterisk form
        *at(
            "http://a/",
            "http://a",
            "HTTP://a/3/movie/550",
            "https://a:443/",
            "a/",
        ),
        *at("a:80", "a", "*", "[::1]:80", "*/", "x?y"),
        *at("**", "a:80", method="OPTIONS"),
        *at("/", "http://a/", "a@b:443", "a/b", method="CONNECT"),
    ),
    (400, RAW): at("/a\x00", "/a\x7f", "/a\tb", "/?a=\x01", "/\x0b", "/\x1b[0m"),
    (400, "there is a # in the request target"): at("/a#b", "/?a#b", "/#"),
    (400, "the request target is neither ASCII nor UTF-8"): (
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /?q=am\xe9lie HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xc0\xaf HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xed\xa0\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (400, PATH): at("/a%00", "/a%1F", "/a%7f?x=1", "/%0d%0aX:b", "/%0A/", "/%7F"),
    (400, "there are control characters in the parameter q"): at(
        *("/?q=%00", "/a?b=1&q=x%7f", "/?q%00=1", "/?q=1%0d%0aX-A:b&r=%00", "/?q=%1f&"),
        "/?q=" + "x" * 5000 + "%0a",
    ),
    (400, SLASH): at(
        *("/a%2fb", "/a%2Fb", "/%2f", "/a\\b", "/a%5cb", "/a%5C", "/..%2f", "/\\"),
        "/%2e%2e%2f?x=1",
    ),
    (400, DOTS): at(
        *("/.", "/..", "/./", "/../", "/a/./b", "/a/../b", "/a/..", "/a/.?x=1"),
        *("/%2e", "/%2E%2E/a", "/.%2e/a", "/%2e./a", "/a/%2e/b", "//../a", "/a/./."),
    ),
    (400, f"there are more than {MOST_PARAMETERS} parameters"): at(
        "/?" + "&".join(["a=1"] * (MOST_PARAMETERS + 1)),
        "/?" + "&" * MOST_PARAMETERS,
    ),
    # 9112, 5.1 and 5.2
    (400, FIELD): (
        *fields(
            "X-A : b",
            "X-A\t: b",
            "X A: b",
            ": b",
            "no colon",
            " X: b",
            "\tX: b",
            "é: b",
        ),
        *fields(
            "X-A: a\x00b", "X-A: a\x0bb", "X-A: a\x7fb", "X-A: a\x1bb", "X-A: \x0c"
        ),
        *(head("X-A: b", " folded"), head("X-A: b", "\tfolded"), head("X-A: b", " ")),
        head("X-A: b").replace(b"X-A", b"X-A: a\rX-B"),
        head("X-A: b").replace(b"X-A", b"X-A: a\nX-B"),
        *fields("Content-Length : 5", "Transfer-Encoding : chunked", "Host : b"),
    ),
    (431, f"there are more than {MOST_FIELDS} header fields"): (
        head(*(f"X-{number}: 1" for number in range(MOST_FIELDS))),
        head(*["X: 1"] * 500),
    ),
    (431, f"the head is longer than {MOST_HEAD} bytes"): (
        head("X-A: " + "b" * MOST_HEAD),
        head(*["X-A: " + "b" * 1000] * 20),
        b"GET / HTTP/1.1\r\nX: " + b"x" * MOST_HEAD,
    ),
    (400, "there has to be one Host"): (
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n",
        head("Host: a", "Host: a"),
        head("Host: a", "host: b"),
        head("Host: a", "Host: a", line="GET / HTTP/1.0"),
    ),
    (400, NO_HOST): (
        *fields(
            "Host:", "Host: a b", "Host: a/b", "Host: a@b", "Host: [::1", "Host: é"
        ),
        *fields(
            "Host: a:80:80", "Host: a, b", "Host: http://a", "Host: a:port", "Host: :80"
        ),
        *fields("Host: a:123456", "Host: a#b", "Host: a?b", "Host: a\\b", "Host: ::1"),
        head("Host: a b", line="GET / HTTP/1.0"),
    ),
    # two ways to tell the length of a body
    (400, "HTTP/1.0 has no Transfer-Encoding"): (
        head("Transfer-Encoding: chunked", line="GET / HTTP/1.0"),
        head("Transfer-Encoding: chunked", "Content-Length: 1", line="GET / HTTP/1.0"),
    ),
    (400, "there are both Content-Length and Transfer-Encoding"): (
        head("Content-Length: 1", "Transfer-Encoding: chunked"),
        head("Transfer-Encoding: chunked", "Content-Length: 0"),
        head("Transfer-Encoding: gzip", "Content-Length: x"),
        head("Transfer-Encoding:", "Content-Length: 5"),
    ),
    (400, LAST): fields(
        *(
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: identity",
            "Transfer-Encoding:",
        ),
        *("Transfer-Encoding: xchunked", "Transfer-Encoding: chunkedx"),
        *("Transfer-Encoding: chunked, gzip", "Transfer-Encoding: chunked, chunked"),
        *("Transfer-Encoding: chunked;q=1", 'Transfer-Encoding: "chunked"'),
        *("Transfer-Encoding: chunked,", "Transfer-Encoding: ,chunked"),
        *(
            "Transfer-Encoding: chunk ed",
            "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked",
        ),
        *(
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: identity",
            "Transfer-Encoding: \xa0chunked",
        ),
    ),
    (501, "no transfer coding but chunked is known here"): fields(
        *(
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: gzip,deflate, chunked",
        ),
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    ),
    (400, LENGTH): (
        *fields("Content-Length: 1\r\nContent-Length: 1", "Content-Length: 1, 1"),
        *fields("Content-Length: 1\r\ncontent-length: 2", "Content-Length: 5,5"),
        *fields("Content-Length: +5", "Content-Length: -1", "Content-Length: 0x1"),
        *fields("Content-Length: 1.0", "Content-Length:", "Content-Length: 5 5"),
        *fields("Content-Length: 1e1", "Content-Length: 1_0", 'Content-Length: "5"'),
        *fields("Content-Length: " + "9" * 5000, "Content-Length: " + "0" * 20),
        *fields("Content-Length: \N{ARABIC-INDIC DIGIT ONE}", "Content-Length: 5;"),
    ),
    (413, f"the body is longer than {MOST_BODY} bytes"): fields(
        *(f"Content-Length: {MOST_BODY + 1}", "Content-Length: 300000000"),
        "Content-Length: " + "9" * 19,
        f"Content-Length: {MOST_BODY + 1}\r\nExpect: 100-continue",
    ),
    (417, EXPECTED): (
        *fields(
            "Expect: something", "Expect:", "Expect: 100-continue, x", "Expect: 100"
        ),
        head("Expect: 100-continue", "Expect: 100-continue"),
        head("Expect: 100-continue", "Content-Length: 2"),
        head("Expect: 100-continue", "Transfer-Encoding: chunked"),
    ),
}


class Refused(SynchronousTestCase):
    def test_each_with_its_status_and_its_problem(self) -> None:
        for expected, heads in CASES.items():
            for data in heads:
                self.assertEqual(told(data), expected, data[:120])

    def test_each_rule_has_heads_that_break_it(self) -> None:
        for rule in (*UNFINISHED, *REQUEST_LINE, *FIELDS):
            self.assertIn((rule.status, rule.problem.format("q")), CASES, rule)
