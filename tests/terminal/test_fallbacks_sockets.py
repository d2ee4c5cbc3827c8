"""Each of main's fallbacks, tried while the direct route answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from streamr.config.load import load
from streamr.config.settings import Settings
from streamr.terminal.fallbacks import PROBED, fallbacks, is_fallback
from streamr.terminal.findings import Finding, Mark
from tests.stack import closed_port

Start = Callable[[object], Settings]


@pytest.fixture
def main() -> Iterator[Start]:
    """A main whose health page says what the test wants."""
    servers: list[HTTPServer] = []

    def start(told: object) -> Settings:
        class Played(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == PROBED else 404)
                self.end_headers()
                self.wfile.write(json.dumps(told).encode())

            def log_message(self, format: str, *args: object) -> None:
                """The tests' output is enough."""

        server = HTTPServer(("127.0.0.1", 0), Played)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        servers.append(server)
        return load({"PORT": str(server.server_port)}, {}, needs_key=False)

    yield start
    for each in servers:
        each.shutdown()
        each.server_close()


def route(
    name: str, state: str, cause: str | None = None, detail: str = ""
) -> dict[str, object]:
    return {"route": name, "state": state, "ms": 12, "cause": cause, "detail": detail}


def test_each_route_but_the_direct_one_has_its_row(main: Start) -> None:
    routes = [
        route("direct", "ok"),
        route("proxy@p:1", "ok"),
        route("proxy@p:2", "failing", "tls_reset"),
        route("proxy@p:3", "untried"),
        route("proxy@p:4", "failing", "proxy_configuration_error"),
        route("proxy@p:5", "failing", "tls_certificate_error", "another key"),
    ]
    found = list(fallbacks(main({"status": "ok", "routes": routes})))
    assert found == [
        Finding("fallback proxy@p:1", Mark.OK, "answers", "proxy@p:1", 12),
        Finding(
            *("fallback proxy@p:2", Mark.WARNING, "does not answer"),
            *(None, 12, "tls_reset"),
        ),
        Finding(
            "fallback proxy@p:3", Mark.OK, "has not been tried yet", "proxy@p:3", 12
        ),
        Finding(
            *("fallback proxy@p:4", Mark.WARNING),
            "is not a streamr proxy, or does not accept this one",
            *(None, 12, "proxy_configuration_error"),
        ),
        Finding(
            *("fallback proxy@p:5", Mark.WARNING, "does not answer: another key"),
            *(None, 12, "tls_certificate_error"),
        ),
    ]
    assert all(map(is_fallback, found))


def test_a_main_that_tells_nothing_is_a_warning(main: Start) -> None:
    for told in ([], {"routes": 7}, {}, "x"):
        (found,) = fallbacks(main(told))
        assert (found.mark, found.told) == (Mark.WARNING, f"{PROBED} lists no routes")
    nobody = load({"PORT": str(closed_port())}, {}, needs_key=False)
    (found,) = fallbacks(nobody)
    assert (found.mark, found.told) == (Mark.WARNING, "no answer: Connection refused")
