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
# What each server answers from itself.
HEALTH = {"main": "/api/health", "proxy": "/health"}
LARGE = {"main": "/openapi.json", "proxy": "/metrics"}
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
@pytest.mark.parametrize(
    ("connections", "size"), [(1, 65_000), (1, 234_000), (5, 234_000)]
)
def test_who_reads_nothing_costs_no_more_than_an_answer(
    daemon: Daemon, server: str, connections: int, size: int
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
                each.sendall(request * (size // len(request)))
        # others are served meanwhile; in each turn of the daemon's one more of the
        # unread answers could be written: of main's, 76 MB
        for _ in range(200):
            assert ask(daemon.urls[server], HEALTH[server]).status == 200
            assert memory(daemon) - before <= MOST_GROWN_KB
    finally:
        for each in opened:
            each.close()


@pytest.mark.parametrize("server", SERVERS)
def test_a_large_page_asked_for_1666_times_at_once_is_answered_as_it_is_read(
    daemon: Daemon, server: str
) -> None:
    one = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    size = len(ask(daemon.urls[server], "/openapi.json").body)
    before, grown, read = memory(daemon), 0, 0
    with closing(connected(daemon, server)) as caller:
        caller.sendall(one * 1665 + last)
        for count, data in enumerate(iter(lambda: caller.recv(1 << 20), b"")):
            read += len(data)
            if count % 100 == 0:
                grown = max(grown, memory(daemon) - before)
    assert 1666 * size < read < 1666 * (size + 2000)
    assert grown <= MOST_GROWN_KB


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
