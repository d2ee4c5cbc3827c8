"""Stops under load: whoever has asked is answered, and told that it was the last."""

from __future__ import annotations

import http.client
import socket
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.processes import PATIENCE, Daemon, Simulator, ask, wait_until

CLIENTS = 50
STOPS = 4


class Client(threading.Thread):
    """Asks at full speed: mostly for a stored page, sometimes for a new one."""

    def __init__(self, number: int, port: int, over: threading.Event) -> None:
        super().__init__()
        self.number = number
        self.port = port
        self.over = over
        self.seen: Counter[str] = Counter()

    def run(self) -> None:
        count, connection = 0, None
        while not self.over.is_set():
            if connection is None:
                connection = self.connected()
                continue
            count += 1
            new = f"/3/movie/550?language=en-AB&region={self.number * 100_000 + count}"
            try:
                connection.request("GET", new if count % 5 == 0 else "/3/movie/popular")
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.seen[f"closed under a request: {type(error).__name__}"] += 1
                connection.close()
                connection = None
                continue
            self.seen[str(response.status)] += 1
            if response.getheader("Connection") == "close":
                self.seen["told to close"] += 1
                connection.close()
                connection = None

    def connected(self) -> http.client.HTTPConnection | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, PATIENCE)
        try:
            connection.connect()
        except OSError:
            # the port is closed for a moment: nobody has been asked anything
            self.over.wait(0.02)
            return None
        return connection


def answered(clients: list[Client]) -> int:
    return sum(client.seen["200"] for client in clients)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
    return found


def test_nobody_is_closed_under_a_request(tmp_path: Path, port: int) -> None:
    simulator = Simulator(tmp_path)
    environment = {
        **simulator.environment,
        "PORT": str(port),
        "STREAMR_CACHE_MB": "64",
        "STREAMR_STATE_DIR": str(tmp_path / "state"),
    }
    over = threading.Event()
    clients = [Client(number, port, over) for number in range(CLIENTS)]
    daemon = Daemon(environment, servers=["main"])
    try:
        ask(daemon.main, "/3/movie/popular")
        for client in clients:
            client.start()
        for _ in range(STOPS):
            wanted = answered(clients) + 200
            wait_until(lambda: answered(clients) >= wanted)  # noqa: B023
            daemon.stop()
            daemon = Daemon(environment, servers=["main"])
    finally:
        over.set()
        for client in clients:
            client.join()
        daemon.stop()
        simulator.stop()
    seen: Counter[str] = sum((client.seen for client in clients), Counter())
    closed = {what: count for what, count in seen.items() if "closed" in what}
    assert closed == {}, seen
    assert seen["told to close"] >= CLIENTS
