"""`streamr check` against servers of every kind: who answered, and was it a list?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from streamr.config.load import load
from streamr.config.settings import Settings
from streamr.terminal.client import ask_list, check
from streamr.terminal.findings import Finding, Mark
from streamr.terminal.health import healths

DIRECT = 'streamr-main;received-status=200;route="direct";ms=30'
AROUND = (
    'streamr-main;received-status=200;route="proxy@p:1/modern@api.tmdb.org";ms=9, '
    'streamr-main;error=tls_reset;route="direct";ms=12, '
    'streamr-main;received-status=200;route="proxy@p:1";ms=11'
)
LIST = b'{"results":[{"id":1},{"id":2}]}'


class Played(BaseHTTPRequestHandler):
    """Answers every path with what the test has put here."""

    status, proxy_status, body = 200, DIRECT, LIST

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Proxy-Status", self.proxy_status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        """The tests' output is enough."""


@pytest.fixture
def main() -> Iterator[Settings]:
    server = HTTPServer(("127.0.0.1", 0), Played)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    flags = {"PORT": str(server.server_port), "STREAMR_ONLY": "main"}
    yield load(flags, {}, needs_key=False)
    server.shutdown()
    thread.join()
    server.server_close()


def found(
    main: Settings,
    monkeypatch: pytest.MonkeyPatch,
    status: int = 200,
    proxy_status: str = DIRECT,
    body: bytes = LIST,
) -> Finding:
    monkeypatch.setattr(Played, "status", status)
    monkeypatch.setattr(Played, "proxy_status", proxy_status)
    monkeypatch.setattr(Played, "body", body)
    return ask_list(main, "/api/tmdb/popular")


def test_a_direct_list_is_ok(main: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    one = found(main, monkeypatch)
    assert (one.mark, one.told, one.by, one.cause) == (
        Mark.OK,
        "2 results",
        "direct",
        None,
    )


def test_a_list_by_a_fallback_is_a_warning_that_names_the_route_and_the_cause(
    main: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = found(main, monkeypatch, proxy_status=AROUND)
    assert one.mark is Mark.WARNING
    assert (one.by, one.cause) == ("proxy@p:1/modern@api.tmdb.org", "tls_reset")


def test_what_is_no_list_is_failed_whatever_its_status(
    main: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status, body in (
        (200, b'{"results":[]}'),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"results":7}'),
        (502, b'{"status_message":"No answer from TMDB"}'),
        (404, b"<html>"),
    ):
        one = found(main, monkeypatch, status, body=body)
        assert (one.mark, one.by) == (Mark.FAILED, None), body


def test_an_error_is_told_in_its_own_words(
    main: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b'{"status_message":"No answer from TMDB"}'
    assert found(main, monkeypatch, 502, body=body).told == "502 No answer from TMDB"


def test_something_else_on_the_port_is_not_taken_for_streamr(
    main: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Played, "body", b"<html>")
    (one,) = healths(main)
    assert one.mark is Mark.FAILED
    assert "something other than streamr answers" in one.told
    # nor is it asked for lists
    assert list(check(main)) == [one]
