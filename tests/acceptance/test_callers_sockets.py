"""What the settings say about callers, at a real daemon."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from tests.processes import PATIENCE, Daemon, Simulator, ask

CONNECTIONS = 20
SETTINGS = {
    "STREAMR_ALLOWED_HOSTS": "films.lan",
    "STREAMR_PUBLIC_URL": "https://film.example/tmdb",
    "STREAMR_TRUSTED_PROXIES": "127.0.0.1",
    "STREAMR_MAX_CONNECTIONS": str(CONNECTIONS),
    "STREAMR_CALLER_RATE": "1",
    "CORS_ORIGINS": "https://app.example, https://*.star.example",
}
DATA = "/3/movie/550"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    made = Daemon({**simulator.environment, **SETTINGS}, servers=("proxy", "main"))
    yield made
    made.stop()
    simulator.stop()


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("films.lan:3001", True),
        ("film.example", True),
        ("app.example", True),
        ("a.star.example", False),
        ("rebound.test:3001", False),
    ],
)
def test_pages_and_data_are_served_under_the_names_in_the_settings(
    daemon: Daemon, host: str, served: bool
) -> None:
    named = {"Host": host}
    for url in daemon.urls.values():
        assert ask(url, DATA, named).status == (200 if served else 421)
    assert ask(daemon.main, "/status.json", named).status == (200 if served else 421)
    assert ask(daemon.main, "/api/health", named).status == 200
    # what is for this machine wants a loopback name as well
    metrics = ask(daemon.proxy, "/metrics", named)
    assert metrics.status == (403 if served else 421)


def test_the_examples_of_the_docs_have_the_public_url(daemon: Daemon) -> None:
    page = ask(daemon.main, "/docs").body.decode()
    assert "curl -s https://film.example/tmdb/3/movie/550" in page


@pytest.mark.parametrize("server", ["proxy", "main"])
def test_a_caller_behind_a_trusted_proxy_has_a_rate(
    daemon: Daemon, server: str
) -> None:
    url = daemon.urls[server]
    stranger = {"X-Forwarded-For": "10.0.0.1, 203.0.113.9"}
    answers = [ask(url, "/nowhere", stranger) for _ in range(30)]
    assert answers[0].status == 404
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert ask(url, "/nowhere").status == 404
    health = "/api/health" if server == "main" else "/health"
    for path in (health, "/livez", "/readyz"):
        assert ask(url, path, stranger).status == 200


@pytest.mark.parametrize("server", ["proxy", "main"])
def test_one_connection_beyond_the_cap_is_told_so_and_closed(
    daemon: Daemon, server: str
) -> None:
    where = urlsplit(daemon.urls[server])
    admitted = 0
    with ExitStack() as kept:
        for _ in range(CONNECTIONS + 1):
            caller = socket.create_connection(
                (where.hostname, where.port), timeout=PATIENCE
            )
            kept.enter_context(closing(caller))
            caller.sendall(b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = caller.recv(65536)
            if answer.startswith(b"HTTP/1.1 503 "):
                break
            assert answer.startswith(b"HTTP/1.1 404 ")
            admitted += 1
        # a connection of the test before may still have a place
        assert 0 < admitted <= CONNECTIONS
        while data := caller.recv(65536):
            answer += data
        assert b"\r\nRetry-After: 2\r\n" in answer
        assert b'"status_code": 9' in answer
