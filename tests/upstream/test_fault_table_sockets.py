"""Every row of the fault table that a server can cause, over real TLS sockets.

The simulator misbehaves on the direct name; the caller gets the right answer by the
proxy, and Proxy-Status names the right cause. Then it misbehaves on both names, and the
caller gets the honest error. A canary key is looked for in all that could be seen.
"""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_twisted

from streamr.errors import CAUSES, Phase
from tests.stack import DIRECT, KEY, OTHER, Got, Stack, closed_port

# The fault, the cause that it is, and how often the direct route is tried.
ROWS = [
    ("refuse", "connection_refused"),
    ("reset-at-accept", "tls_reset"),
    ("fin-at-accept", "tls_closed"),
    ("silence-at-accept", "tls_timeout"),
    ("reset-after-hello", "tls_reset"),
    ("reset-after-hello:when=big", "tls_reset"),
    ("reset-after-hello:when=tls13", "tls_reset"),
    ("fin-after-hello", "tls_closed"),
    ("silence-after-hello", "tls_timeout"),
    ("alert-handshake-failure", "tls_alert_received"),
    ("alert-protocol-version", "tls_protocol_error"),
    ("cert-wrong-host", "tls_certificate_error"),
    ("cert-expired", "tls_certificate_error"),
    ("cert-self-signed", "tls_certificate_error"),
    ("cert-untrusted", "tls_certificate_error"),
    ("plain-http", "tls_not_tls"),
    ("garbage", "tls_not_tls"),
    ("silence-after-request", "http_response_timeout"),
    ("reset-after-request", "connection_terminated"),
    ("fin-after-request", "connection_terminated"),
    ("stall-headers", "http_response_timeout"),
    ("reset-in-headers", "connection_terminated"),
    ("malformed-head", "http_protocol_error"),
    ("long-header", "http_protocol_error"),
    ("short-body", "http_response_incomplete"),
    ("reset-in-body", "http_response_incomplete"),
    ("cut-chunks", "http_response_incomplete"),
    ("no-length-fin", "http_response_incomplete"),
    ("no-length-rst", "http_response_incomplete"),
    ("stall-body", "http_response_timeout"),
    ("drip:interval=0.3,size=32", "http_response_timeout"),
    ("corrupt-gzip", "http_response_content_coding"),
    ("cut-gzip", "http_response_content_coding"),
    ("gzip-bomb", "http_response_body_size"),
    ("oversize", "http_response_body_size"),
    ("html", "http_response_invalid"),
    ("cut-json", "http_response_invalid"),
    ("empty", "http_response_invalid"),
    ("redirect", "http_response_redirect"),
    ("status:code=500", "upstream_error"),
    ("status:code=500,body=html", "upstream_error"),
    ("status:code=502,body=html", "upstream_unavailable"),
    ("status:code=503", "upstream_unavailable"),
    ("status:code=504", "upstream_unavailable"),
]
# Silence before the first byte: the hedge answers before its time is up.
SILENT = (
    "silence-at-accept",
    "silence-after-hello",
    "silence-after-request",
    "stall-headers",
)
# Faults that no other route can heal: the fault, the status, and TMDB's code.
FINAL = [
    ("status:code=403,body=html", 403, 38),
    ("status:code=429,body=html", 429, 25),
    ("rate-limit:retry-after=7", 429, 25),
    ("status:code=404", 404, 34),
    ("status:code=422", 422, None),
]
PATH = "/api/tmdb/movie/550"


@pytest_twisted.async_yield_fixture
async def stack(reactor: Any, tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(reactor, tmp_path)
    yield made
    await made.stop()


def canary_forms() -> list[str]:
    raw = KEY.encode()
    return [
        KEY,
        quote(KEY),
        *(base64.b64encode(b"x" * n + raw).decode()[4:40] for n in range(3)),
    ]


def assert_no_canary(stack: Stack, got: Got) -> None:
    seen = stack.log.getvalue() + str(got.headers) + got.body.decode("utf-8", "replace")
    for form in canary_forms():
        assert form not in seen


def good(got: Got) -> None:
    assert got.status == 200, got.body
    assert got.json["title"] == "Fight Club"
    assert got.json["id"] == 550


@pytest.mark.parametrize(("fault", "cause"), ROWS)
@pytest_twisted.ensureDeferred
async def test_the_proxy_answers_and_the_cause_is_named(
    stack: Stack, fault: str, cause: str
) -> None:
    stack.simulator.set_fault(DIRECT, fault)
    got = await stack.get(PATH)
    good(got)
    assert got.headers["x-proxy-source"] in stack.daemon.servers["proxy"].url
    if fault in SILENT:
        health = stack.daemon.parts.built["main"].gateway.failover.health
        assert health.states["direct"].cause == "overtaken"
        assert health.breakers["direct"].in_row == 1
        assert got.causes[0] == "overtaken"
        assert got.headers["proxy-status"].count('route="direct"') == 1
        assert "Attempting proxy fallback: direct is silent" in stack.log.getvalue()
        assert_no_canary(stack, got)
        return
    assert got.causes[0] == cause
    tries = 2 if CAUSES[cause].same_route and not CAUSES[cause].slow else 1
    if CAUSES[cause].phase is Phase.RESOLVE:
        tries = 1  # a second look-up is no attempt of its own
    direct = got.headers["proxy-status"].split(", ")
    assert sum('route="direct"' in each for each in direct) == tries
    assert "Attempting proxy fallback: direct failed" in stack.log.getvalue()
    assert_no_canary(stack, got)


@pytest.mark.parametrize(("fault", "cause"), ROWS)
@pytest_twisted.ensureDeferred
async def test_with_both_names_broken_the_error_is_honest(
    stack: Stack, fault: str, cause: str
) -> None:
    if ":when=" in fault:
        # a fault that a profile heals: an alternative gets through
        stack.simulator.set_fault("*", fault)
        good(await stack.get(PATH))
        return
    stack.simulator.set_fault("*", fault)
    got = await stack.get(PATH)
    assert got.status in (502, 504)
    assert got.seconds < stack.settings.deadline + 0.5
    assert got.headers["content-type"] == "application/json;charset=utf-8"
    assert got.headers["cache-control"] == "no-store"
    told = got.json
    assert told["success"] is False
    assert told["status"] == got.status
    assert told["status_code"] == (24 if got.status == 504 else 43)
    assert told["details"]["attempts"][0]["cause"] == cause
    assert_no_canary(stack, got)


@pytest.mark.parametrize(("fault", "status", "code"), FINAL)
@pytest_twisted.ensureDeferred
async def test_what_no_other_way_can_heal_is_told_at_once(
    stack: Stack, fault: str, status: int, code: int | None
) -> None:
    stack.simulator.set_fault(DIRECT, fault)
    got = await stack.get(PATH)
    assert got.status == status
    assert "x-proxy-source" not in got.headers
    assert stack.accepted(OTHER) == 0
    if code is not None:
        assert got.json["status_code"] == code
    assert_no_canary(stack, got)


@pytest_twisted.ensureDeferred
async def test_gzip_bytes_without_their_header_are_repaired(stack: Stack) -> None:
    stack.simulator.set_fault("*", "gzip-unlabelled")
    got = await stack.get(PATH)
    good(got)
    assert got.causes == []


@pytest_twisted.ensureDeferred
async def test_an_answer_after_two_seconds_is_a_good_answer(stack: Stack) -> None:
    stack.simulator.set_fault("*", "slow:delay=2")
    got = await stack.get(PATH)
    good(got)
    assert got.causes == []


@pytest_twisted.ensureDeferred
async def test_no_answer_to_tcp_is_a_connection_timeout(
    reactor: Any, tmp_path: Path
) -> None:
    # a listener whose queue is full: Linux drops the next SYN
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (one, two):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        stack = Stack(reactor, tmp_path)
        other = stack.simulator.pins.split(",")[1]
        await stack.stop()
        pins = f"{DIRECT}=127.0.0.1:{full.getsockname()[1]},{other}"
        stack = Stack(reactor, tmp_path, {"TMDB_PINS": pins})
        stack.simulator.set_fault("*", "none")
        got = await stack.get(PATH)
        assert got.causes[0] == "connection_timeout"
        await stack.stop()


@pytest_twisted.ensureDeferred
async def test_a_connection_that_went_stale_costs_one_retry(stack: Stack) -> None:
    await stack.settle()
    good(await stack.get(PATH))
    stack.simulator.set_fault(DIRECT, "reset-after-request:p=1")
    stack.simulator.set_fault(DIRECT, "none")
    good(await stack.get(PATH))
    assert stack.accepted(DIRECT) == 1


@pytest_twisted.ensureDeferred
async def test_a_named_proxy_where_nothing_listens_costs_no_route_of_our_own(
    reactor: Any, tmp_path: Path
) -> None:
    dead = f"http://127.0.0.1:{closed_port()}"
    stack = Stack(reactor, tmp_path, {"TMDB_PROXY_URL": dead})
    stack.simulator.set_fault(DIRECT, "reset-after-hello")
    got = await stack.get(PATH)
    good(got)
    assert got.causes[:4] == ["tls_reset", "tls_reset", *["connection_refused"] * 2]
    assert got.headers["x-proxy-source"] in stack.daemon.servers["proxy"].url
    assert f"main's routes to TMDB: direct, then proxy@{dead[7:]}, then" in (
        stack.log.getvalue()
    )
    await stack.stop()


@pytest_twisted.ensureDeferred
async def test_one_title_that_tmdb_fails_on_closes_nothing_for_the_others(
    stack: Stack,
) -> None:
    paths = ["/3/movie/550", "/3/movie/13", "/3/movie/238", "/3/tv/1396"]
    for fault in ("status:code=500", "status:code=504", "null", "html"):
        sign = "," if ":" in fault else ":"
        for host in (DIRECT, OTHER):
            stack.simulator.set_fault(host, f"{fault}{sign}path=/3/movie/603")
        for _ in range(12):
            got = await stack.get("/3/movie/603")
            assert got.status in (502, 504), fault
            assert int(got.headers["retry-after"]) >= 1
        for path in paths:
            assert (await stack.get(path)).status == 200, (fault, path)
    # twelve callers of each fault cost TMDB what two or three do
    assert stack.requests(DIRECT) < 80


@pytest_twisted.ensureDeferred
async def test_a_key_that_tmdb_does_not_take_is_the_headline(
    reactor: Any, tmp_path: Path
) -> None:
    stack = Stack(reactor, tmp_path, {"TMDB_API_KEY": "0" * 32})
    got = await stack.get(PATH)
    assert stack.log.getvalue().count("The key does not work") == 1
    assert (got.status, got.json["status_code"]) == (401, 7)
    assert "key of streamr" in got.json["status_message"]
    for path in ("/api/tmdb/health", "/api/tmdb/health?probe=1"):
        health = await stack.get(path)
        assert (health.status, health.json["status"]) == (503, "error")
        assert "TMDB_API_KEY" in health.json["message"]
        assert health.json["routes"][0]["cause"] == "key_refused"
    page = await stack.get("/")
    assert b"does not accept the key" in page.body
    await stack.stop()
