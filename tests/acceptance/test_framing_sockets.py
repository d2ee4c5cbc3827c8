"""Heads and bodies that are framed in an odd way, over real sockets, on both ports."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.processes import PATIENCE, Daemon, Simulator, ask, wait_until
from tests.web.server.test_rules import CASES

SERVERS = ("main", "proxy")
HEALTH = {"main": "/api/health", "proxy": "/health"}
# What stands behind each refused head: it would be in the log, were it read.
BEHIND = b"GET /3/behind HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED: dict[tuple[int, str], Sequence[bytes]] = {
    **CASES,
    (413, "no body in chunks is taken here"): [
        CHUNKED + chunk
        for chunk in (
            b"5\r\nhello\r\n0\r\n\r\n",
            b"1;x=y\r\na",
            b"FFFFFFFFFFFFFFFFF\r\n",
        )
    ],
    (400, "the first chunk is neither empty nor the last"): [
        CHUNKED + chunk
        for chunk in (
            *(
                b"x\r\n",
                b"+0\r\n\r\n",
                b"-1\r\n",
                b"0x0\r\n",
                b" 0\r\n\r\n",
                b"0 \r\n\r\n",
            ),
            *(b"00\r\n\r\n", b"0;x\r\n\r\n", b"0\n\n", b"0\r\r\n", b"\r\n0\r\n\r\n"),
            *(b"0\r\nX-A: b\r\n\r\n", b"0\r\n\n"),
        )
    ],
}
METHODS = [
    *(
        f"{method} /3/movie/550"
        for method in ("PUT", "DELETE", "TRACE", "POST", "QUERY", "get", "M!")
    ),
    "CONNECT a:443",
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    made = Daemon(simulator.environment, servers=("proxy", "main"))
    yield made
    made.stop()
    simulator.stop()
    assert "Traceback" not in made.output


@dataclass(frozen=True)
class Told:
    """One answer as it came."""

    status: int
    fields: dict[str, str]
    body: bytes


def said(daemon: Daemon, server: str, data: bytes) -> bytes:
    """All that a connection answers until it is closed."""
    where = urlsplit(daemon.urls[server])
    address = (where.hostname, where.port)
    with closing(socket.create_connection(address, timeout=PATIENCE)) as caller:
        caller.sendall(data)
        came = bytearray()
        while more := caller.recv(65536):
            came += more
    return bytes(came)


def answers(came: bytes) -> list[Told]:
    """The answers in what came, which they fill."""
    found = []
    while came:
        head, end, rest = came.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert end, came
        assert re.fullmatch(r"HTTP/1\.[01] \d{3} [A-Z][A-Za-z -]+", first), first
        fields = {
            name.lower(): value for name, value in (x.split(": ", 1) for x in lines)
        }
        length = int(fields.get("content-length", 0))
        found.append(Told(int(first[9:12]), fields, rest[:length]))
        assert len(rest) >= length
        came = rest[length:]
    return found


def is_refused(daemon: Daemon, server: str, data: bytes) -> Told:
    """The one answer, with which the connection ends."""
    [told] = answers(said(daemon, server, data))
    assert told.fields["connection"] == "close"
    assert told.fields["content-type"].startswith("application/json")
    assert json.loads(told.body)["success"] is False
    return told


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("status", "problem"), REFUSED)
def test_it_is_refused_once_and_nothing_behind_it_is_read(
    daemon: Daemon, server: str, status: int, problem: str
) -> None:
    for data in REFUSED[status, problem]:
        told = is_refused(
            daemon, server, data + (BEHIND if b"\r\n\r\n" in data else b"")
        )
        assert told.status == status, data[:120]
        message = json.loads(told.body)["status_message"]
        assert message == f"Invalid request: {problem}.", data[:120]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("asked", METHODS)
def test_a_method_that_no_page_takes_is_405_with_what_is_allowed(
    daemon: Daemon, server: str, asked: str
) -> None:
    for more in ("", "Content-Length: 2\r\n"):
        head = f"{asked} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode()
        told = is_refused(daemon, server, head + b"{}"[: len(more)] + BEHIND)
        assert (told.status, told.fields["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("server", SERVERS)
def test_nothing_behind_a_refused_head_was_asked_for(
    daemon: Daemon, server: str
) -> None:
    said(
        daemon,
        server,
        CASES[505, "only HTTP/1.1 and HTTP/1.0 are known here"][0] + BEHIND,
    )
    ask(daemon.urls[server], f"/3/last-{server}")
    wait_until(lambda: f"/3/last-{server}" in daemon.output)
    assert "/3/behind" not in daemon.output


def get(server: str, *fields: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {HEALTH[server]} HTTP/{version}", "Host: a", *fields, "", ""]
    return "\r\n".join(lines).encode()


# fields and body of a request → how many answers come, with another one behind it
TAKEN: dict[str, tuple[tuple[str, ...], bytes, int]] = {
    "close in a list": (("Connection: close, x",), b"", 1),
    "close in the second of two": (("Connection: x", "Connection: Close"), b"", 1),
    "keep-alive": (("Connection: keep-alive",), b"", 2),
    "an expectation without a body": (("Expect: 100-continue",), b"", 2),
    "h2c": (("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"), b"", 2),
    "a web socket": (("Upgrade: websocket", "Connection: Upgrade"), b"", 2),
    "an empty body": (("Content-Length: 0",), b"", 2),
    "an object": (("Content-Length: 2", "Content-Type: application/json"), b"{}", 2),
    "blanks around a length": (("Content-Length: \t 2 ",), b"{}", 2),
    "a head as a body": ((f"Content-Length: {len(BEHIND)}",), BEHIND, 2),
    "64 kB": (("Content-Length: 65536",), b"x" * 65536, 2),
    "chunks without any": (("Transfer-Encoding: chunked",), b"0\r\n\r\n", 2),
    "an empty line behind it": ((), b"\r\n", 2),
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("case", TAKEN)
def test_what_clients_do_works(daemon: Daemon, server: str, case: str) -> None:
    fields, body, count = TAKEN[case]
    for method in ("GET", "HEAD"):
        last = get(server, "Connection: close", method=method)
        came = said(daemon, server, get(server, *fields, method=method) + body + last)
        if method == "HEAD":
            assert came.count(b"HTTP/1.1 200 OK\r\n") == came.count(b"HTTP/") == count
        else:
            assert [told.status for told in answers(came)] == [200] * count


@pytest.mark.parametrize("server", SERVERS)
def test_http_1_0_is_answered_and_closed(daemon: Daemon, server: str) -> None:
    for fields in ((), ("Connection: keep-alive",), ("Expect: 100-continue",)):
        asked = get(server, *fields, version="1.0")
        [told] = answers(said(daemon, server, asked + get(server)))
        assert (told.status, told.fields["connection"]) == (200, "close")


@pytest.mark.parametrize("server", SERVERS)
def test_raw_utf_8_is_its_encoded_form(daemon: Daemon, server: str) -> None:
    bodies = set()
    for query in ("amélie", "am%C3%A9lie", "am%c3%a9lie"):
        head = f"GET /3/search/movie?query={query} HTTP/1.0\r\n\r\n".encode()
        [told] = answers(said(daemon, server, head))
        assert told.status == 200
        bodies.add(told.body)
    assert len(bodies) == 1
