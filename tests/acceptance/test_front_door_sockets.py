"""What strangers send, over real sockets to a real daemon, on both ports."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.processes import PATIENCE, Daemon, Simulator, ask

SERVERS = ("proxy", "main")
# What each server answers from itself, and how often that is asked for without reading.
LARGE = {"main": "/openapi.json", "proxy": "/health"}
# Far more than an answer and the buffers of one connection.
MOST_GROWN_KB = 32 * 1024


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    made = Daemon(simulator.environment, servers=SERVERS)
    yield made
    made.stop()
    simulator.stop()


def connected(daemon: Daemon, server: str) -> socket.socket:
    where = urlsplit(daemon.urls[server])
    return socket.create_connection((where.hostname, where.port), timeout=PATIENCE)


def memory(daemon: Daemon) -> int:
    """The daemon's resident memory, in kB."""
    status = Path(f"/proc/{daemon.child.pid}/status").read_text().splitlines()
    [line] = [each for each in status if each.startswith("VmRSS")]
    return int(line.split()[1])


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("connections", [1, 5])
def test_who_reads_nothing_costs_no_more_than_an_answer(
    daemon: Daemon, server: str, connections: int
) -> None:
    request = f"GET {LARGE[server]} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    assert ask(daemon.urls[server], LARGE[server]).status == 200
    before = memory(daemon)
    opened = [connected(daemon, server) for _ in range(connections)]
    try:
        for each in opened:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            each.settimeout(0.2)
            with suppress(TimeoutError):  # it is not read on: that is the point
                each.sendall(request * (234_000 // len(request)))
        # others are served meanwhile
        assert ask(daemon.urls[server], LARGE[server]).status == 200
        assert memory(daemon) - before <= MOST_GROWN_KB
    finally:
        for each in opened:
            each.close()


@pytest.mark.parametrize("server", SERVERS)
def test_two_thousand_pipelined_are_answered_in_their_order(
    daemon: Daemon, server: str
) -> None:
    ours = "/api/health" if server == "main" else "/health"
    one = f"GET {ours} HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"
    last = "GET /y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    with closing(connected(daemon, server)) as caller:
        caller.sendall((one * 1000 + last).encode())
        came = bytearray()
        while data := caller.recv(65536):
            came += data
    statuses = [part[:3] for part in bytes(came).split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404"] * 1000 + [b"404"]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n", 413),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 17000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ],
)
def test_what_is_no_sound_head_is_refused_and_nothing_behind_it_is_read(
    daemon: Daemon, server: str, said: bytes, status: int
) -> None:
    with closing(connected(daemon, server)) as caller:
        caller.sendall(said + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        came = bytearray()
        while data := caller.recv(65536):
            came += data
    head, _, body = bytes(came).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/json" in head
    assert b'"success": false' in body
    assert bytes(came).count(b"\r\n\r\n") == 1
