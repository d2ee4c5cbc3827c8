"""Heads that nobody has thought of, and what h11, another reader of HTTP, reads."""

from __future__ import annotations

from random import Random

import h11
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from streamr.web.server.head import LAST_CHUNK, Body, RequestHead, find_end, read_head
from streamr.web.server.rules import HeadRefused
from tests.properties import examples
from tests.web.server.test_rules import head, told

steady = examples(1000)
STATUSES = (400, 413, 414, 417, 431, 501, 505)
FRAMING = (
    *(b"content-length", b"transfer-encoding"),
    *(b"expect", b"upgrade", b"connection"),
)
# What is put into a head, anywhere; the first ones need not do any harm.
ODD = (
    *(b"0", b";", b"&", b",", b"?", b":", b"\xc3\xa9", b" ", b"\t", b"/../", b"%00"),
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b"\x7f", b"\xff", b"%2f", b"\\"),
    *(b"#", b"Host: b", b"\r\nHost: b\r\n"),
)
# What is refused for its method or version alone is left to test_rules.py.
METHODS = ("GET", "HEAD", "POST", "OPTIONS")
TARGETS = ("/", "/", "/3/movie/550?a=b", "/é?q=%25", "/a?b=%2F", "/a/.b?c", "*")
VERSIONS = ("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.7")
VALUES = {
    "Host": ("a", "a:80", "[::1]", "", "a b"),
    "Content-Length": ("0", "2", "007", " 3\t", "19", "+5", "5,5", "70000"),
    "Transfer-Encoding": ("chunked", "Chunked", "gzip", "gzip, chunked", "chunked,"),
    "Expect": ("100-continue", "x"),
    "Connection": ("close", "keep-alive, Close", "upgrade"),
    "upgrade": ("h2c", "websocket"),
    "X-A": ("", "b", "  b c\t", "é", "b:c", '"'),
    "Accept": ("*/*", "a,b", "a;q=1", "text/html"),
}


def made(seed: int) -> bytes:
    """A head of likely parts, half of the time with an odd one somewhere in it."""
    chance = Random(seed)
    line = " ".join(map(chance.choice, (METHODS, TARGETS, VERSIONS)))
    names = chance.choices(list(VALUES), k=chance.randrange(4))
    fields = [f"{each}:{chance.choice(VALUES[each])}" for each in names]
    data = head(*fields, line=line)
    if chance.random() < 0.5:
        place = chance.randrange(len(data))
        data = data[:place] + chance.choice(ODD) + data[place:]
    return data


HEADS = st.integers(0, 2**64).map(made)


def taken(data: bytes) -> tuple[bytes, RequestHead] | None:
    """The head at the beginning, and what is read of it; None for one that is not
    taken."""
    try:
        end = find_end(data)
        return (data[:end], read_head(data[:end])) if end > 0 else None
    except HeadRefused:
        return None


def by_h11(data: bytes) -> tuple[h11.Request, int, bytes]:
    """What h11 reads: the request, the length of its body, and what is left behind."""
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(data)
    request, length = reader.next_event(), 0
    assert isinstance(request, h11.Request), request
    while isinstance(event := reader.next_event(), h11.Data):
        length += len(event.data)
    assert isinstance(event, h11.EndOfMessage), event
    return request, length, reader.trailing_data[0]


class Heads(SynchronousTestCase):
    @steady
    @given(HEADS | st.binary(max_size=200))
    def test_any_bytes_are_a_head_or_refused_or_waited_for(self, data: bytes) -> None:
        status, _problem = told(data)
        self.assertIn(status, (0, *STATUSES))

    @steady
    @given(HEADS, st.floats(0, 1))
    def test_what_is_refused_early_would_be_refused_whole(
        self, data: bytes, part: float
    ) -> None:
        try:
            find_end(data[: round(part * len(data))])
        except HeadRefused:
            self.assertNotEqual(told(data)[0], 0)

    @steady
    @given(HEADS)
    def test_what_is_handed_on_is_a_head_that_is_taken_again(self, data: bytes) -> None:
        found = taken(data)
        if found is not None:
            again, closes = found[1].handed_on, b" HTTP/1.0\r\n" in found[1].handed_on
            self.assertEqual(read_head(again), RequestHead(again, 0, closes))

    def test_what_is_taken_h11_reads_alike(self) -> None:
        seen, shared = [], []

        @steady
        @given(HEADS)
        def compare(data: bytes) -> None:
            seen.append(data)
            found = taken(data)
            if found is not None:
                shared.append(data)
                self.alike(*found)

        compare()
        # else the comparison would say little
        self.assertGreater(len(shared), len(seen) / 5)

    def alike(self, data: bytes, ours: RequestHead) -> None:
        first, *lines = ours.handed_on.split(b"\r\n")[:-2]
        method, target, version = first.split(b" ")
        # h11 takes no UTF-8 in a target
        line, rest = data.split(b"\r\n", 1)
        line = line if line.isascii() else first
        body = LAST_CHUNK if ours.body < 0 else b"x" * ours.body
        theirs, length, left = by_h11(line + b"\r\n" + rest + body + b"behind")
        self.assertEqual((theirs.method, theirs.target), (method, target), data)
        self.assertEqual(theirs.http_version[:2], version[5:7], data)
        fields = [tuple(each.split(b": ", 1)) for each in lines]
        self.assertEqual(
            [each for each in theirs.headers if each[0] not in FRAMING],
            [(name.lower(), value) for name, value in fields],
            data,
        )
        self.assertEqual((length, left), (max(ours.body, 0), b"behind"), data)


class Bodies(SynchronousTestCase):
    @steady
    @given(st.integers(0, 40), st.lists(st.binary(max_size=20)))
    def test_however_it_comes_the_same_bytes_are_its(
        self, size: int, pieces: list[bytes]
    ) -> None:
        body, read = Body(size), 0
        for piece in pieces:
            read += body.read(piece)
        self.assertEqual(read, min(size, sum(map(len, pieces))))
        self.assertEqual(body.over, read == size)

    @steady
    @given(st.lists(st.sampled_from([b"0", b"\r", b"\n", b"\r\n", b"5", b";x", b" "])))
    def test_chunks_are_the_last_or_refused_or_waited_for(
        self, pieces: list[bytes]
    ) -> None:
        data, body = b"".join(pieces), Body(-1)
        try:
            read = body.read(data)
        except HeadRefused as refused:
            self.assertIn(refused.status, (400, 413))
            self.assertFalse(LAST_CHUNK.startswith(data[:5]))
        else:
            self.assertEqual(body.over, data.startswith(LAST_CHUNK))
            self.assertEqual(read, 5 if body.over else 0)
