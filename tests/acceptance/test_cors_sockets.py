"""Pages of other origins in a real browser: what they may read, and what not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser import Browser, chromium
from tests.processes import Daemon, Simulator

READ = """
const answer = await fetch(given[0] + given[1], given[2] ?? {});
return [answer.status, answer.headers.get("X-Request-Id") !== null,
  answer.headers.get("Date"), (await answer.text()).length > 0];
"""
REFUSED = "failed: TypeError"


class _Empty(BaseHTTPRequestHandler):
    """A page without anything: a front end of somebody's."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,>")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def origins() -> Iterator[tuple[str, str]]:
    """Two origins with an empty page each: one to be allowed, one to be refused."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Empty) for _ in range(2)]
    for each in servers:
        threading.Thread(target=each.serve_forever, daemon=True).start()
    one, other = (f"http://127.0.0.1:{each.server_port}" for each in servers)
    yield one, other
    for each in servers:
        each.shutdown()
        each.server_close()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("simulator"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def named(simulator: Simulator, origins: tuple[str, str]) -> Iterator[str]:
    """A main server that names the first origin, and one label below localhost."""
    star = f"http://*.localhost:{origins[0].rpartition(':')[2]}"
    more = {"CORS_ORIGINS": f"{origins[0]},{star}"}
    made = Daemon({**simulator.environment, **more}, servers=("proxy", "main"))
    yield made.main
    made.stop()


@pytest.fixture
def open_to_all(simulator: Simulator, tmp_path: Path) -> Iterator[str]:
    """A main server as it is on loopback, when nothing is set."""
    made = Daemon(simulator.environment, servers=("proxy", "main"))
    yield made.main
    made.stop()


def test_a_named_origin_reads_answers_and_the_headers_that_are_exposed(
    browser: Browser, named: str, origins: tuple[str, str]
) -> None:
    browser.open(origins[0])
    for path in ("/3/movie/550", "/api/tmdb/trending", "/api/health"):
        assert browser.run(READ, named, path) == [200, True, None, True], path
    assert browser.run(READ, named, "/3/nothing")[0] == 404


def test_another_origin_reads_nothing(
    browser: Browser, named: str, origins: tuple[str, str]
) -> None:
    browser.open(origins[1])
    for path in ("/3/movie/550", "/api/health", "/status.json", "/"):
        assert browser.run(READ, named, path) == REFUSED, path


# What analytics, tracing and HTTP libraries put on every call of a page.
LIBRARIES = {
    "Expires": "0",
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "sentry-trace": "1-1-1",
    "baggage": "a=b",
    "traceparent": "00-1-1-00",
    "x-api-key": "x",
    "X-Request-Id": "mine-1",
    "Authorization": "Bearer x",
    "X-My-App": "1",
    "apikey": "x",
    "ngrok-skip-browser-warning": "1",
}


def test_a_preflight_grants_what_pages_send_but_for_words_of_our_own(
    browser: Browser, named: str, open_to_all: str, origins: tuple[str, str]
) -> None:
    browser.open(origins[0])
    for url in (named, open_to_all):
        usual = {"headers": LIBRARIES}
        assert browser.run(READ, url, "/3/movie/550", usual)[0] == 200
        for name in ("Streamr-Fresh", "Streamr-Silent"):
            ours = {"headers": {**LIBRARIES, name: "1"}}
            assert browser.run(READ, url, "/3/movie/550", ours) == REFUSED
        assert browser.run(READ, url, "/3/movie/550", {"method": "PUT"}) == REFUSED
    browser.open(origins[1])
    assert browser.run(READ, named, "/3/movie/550", {"headers": LIBRARIES}) == REFUSED


def test_only_a_named_origin_reads_with_credentials(
    browser: Browser, named: str, open_to_all: str, origins: tuple[str, str]
) -> None:
    asked = {"credentials": "include", "headers": LIBRARIES}
    browser.open(origins[0])
    assert browser.run(READ, named, "/3/movie/550", asked)[0] == 200
    assert browser.run(READ, open_to_all, "/3/movie/550", asked) == REFUSED
    assert browser.run(READ, open_to_all, "/3/movie/550")[0] == 200
    browser.open(origins[1])
    assert browser.run(READ, named, "/3/movie/550", asked) == REFUSED


def test_a_star_stands_for_one_label_and_gives_no_credentials(
    browser: Browser, named: str, origins: tuple[str, str]
) -> None:
    """Browsers take every name below localhost for this machine."""
    port = origins[0].rpartition(":")[2]
    browser.open(f"http://shop.localhost:{port}")
    assert browser.run(READ, named, "/3/movie/550", {"headers": LIBRARIES})[0] == 200
    asked = {"credentials": "include"}
    assert browser.run(READ, named, "/3/movie/550", asked) == REFUSED
    browser.open(f"http://a.shop.localhost:{port}")
    assert browser.run(READ, named, "/3/movie/550") == REFUSED


def test_on_loopback_every_origin_reads_answers_but_no_settings(
    browser: Browser, open_to_all: str, origins: tuple[str, str]
) -> None:
    browser.open(origins[1])
    assert browser.run(READ, open_to_all, "/3/movie/550")[0] == 200
    page = browser.run(
        "const headers = { Accept: 'text/html' };"
        "return await (await fetch(given[0], { headers })).text();",
        open_to_all,
    )
    assert page.startswith("<!doctype html>")
    assert "STREAMR_DEADLINE" not in page
