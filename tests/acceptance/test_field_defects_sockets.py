"""What the replaced Node pair got wrong: each defect is shown to be absent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted

from tests.processes import ROOT
from tests.stack import DIRECT, KEY, OTHER, Stack

PATHS = (
    "/api/tmdb/trending",
    "/api/tmdb/popular",
    "/api/tmdb/top-rated",
    "/api/tmdb/upcoming",
    "/api/tmdb/now-playing",
    "/api/tmdb/discover",
    "/api/tmdb/proxy/movie/550",
    "/api/tmdb/movie/550/credits",
    "/api/tmdb/3/search/movie?query=fight",
    "/3/configuration",
)


@pytest_twisted.async_yield_fixture
async def stack(reactor: Any, tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(reactor, tmp_path)
    yield made
    await made.stop()


@pytest_twisted.ensureDeferred
async def test_defect_1_the_fallback_runs_and_serves(stack: Stack) -> None:
    stack.simulator.set_fault(DIRECT, "reset-after-hello")
    got = await stack.get(PATHS[0])
    assert got.status == 200
    assert got.json["results"]
    # the direct route was tried, and the answer came over another host
    assert stack.accepted(DIRECT) > 0
    assert stack.requests(OTHER) == 1


@pytest_twisted.ensureDeferred
async def test_defect_2_silence_triggers_it_within_the_deadline(stack: Stack) -> None:
    for fault in ("silence-at-accept", "silence-after-hello", "silence-after-request"):
        stack.simulator.set_fault(DIRECT, fault)
        got = await stack.get("/3/movie/550")
        assert got.status == 200, fault
        assert got.seconds < stack.settings.deadline


@pytest_twisted.ensureDeferred
async def test_defect_3_every_endpoint_has_the_fallback(stack: Stack) -> None:
    stack.simulator.set_fault(DIRECT, "reset-after-hello")
    for path in PATHS:
        got = await stack.get(path)
        assert got.status == 200, path
        assert "x-proxy-source" in got.headers, path


@pytest_twisted.ensureDeferred
async def test_defect_4_tmdbs_codes_are_no_http_statuses(stack: Stack) -> None:
    missing = await stack.get("/3/movie/999999999")
    assert (missing.status, missing.json["status_code"]) == (404, 34)
    stack.simulator.set_fault("*", "status:code=401")
    refused = await stack.get("/3/movie/550")
    assert (refused.status, refused.json["status_code"]) == (401, 7)


@pytest_twisted.ensureDeferred
async def test_defect_5_no_input_reaches_another_path(stack: Stack) -> None:
    before = await stack.settle()
    for path in (
        "/api/tmdb/popular?media_type=movie/550/credits?x=",
        "/api/tmdb/popular?media_type=movie/550/credits%3Fx=",
        "/api/tmdb/proxy/../4/list/1",
        "/api/tmdb/proxy/%2e%2e/4/list/1",
        "/api/tmdb/trending?media_type=..&time_window=..",
    ):
        for server in ("main", "proxy"):
            target = path if server == "main" else path.replace("/tmdb", "")
            got = await stack.get(target, server=server)
            assert got.status in (400, 404), path
    assert await stack.settle() == before


@pytest_twisted.ensureDeferred
async def test_defect_6_the_key_is_in_no_log_and_in_no_answer(stack: Stack) -> None:
    for fault in ("none", "reset-after-hello", "malformed-head", "html"):
        stack.simulator.set_fault(DIRECT, fault)
        for path in (*PATHS, f"/3/movie/550?api_key={KEY}", f"/{KEY}"):
            got = await stack.get(path)
            assert KEY not in str(got.headers), path
            if KEY not in path:
                assert KEY not in got.body.decode(), path
    assert "/api/tmdb/trending" in stack.log.getvalue()
    assert KEY not in stack.log.getvalue()


@pytest_twisted.ensureDeferred
async def test_defect_7_a_refused_origin_gets_no_500_and_health_is_true(
    reactor: Any, tmp_path: Path
) -> None:
    named = {"CORS_ORIGINS": "https://app.test.invalid"}
    stack = Stack(reactor, tmp_path, named)
    stranger = {"Origin": "https://evil.test.invalid"}
    got = await stack.get("/api/tmdb/popular", stranger)
    assert got.status == 200
    assert "access-control-allow-origin" not in got.headers
    for _ in range(200):
        assert (await stack.get("/api/health")).status == 200
    asked = stack.requests(DIRECT)
    assert (await stack.get("/api/tmdb/health?probe=1")).json["status"] == "ok"
    assert stack.requests(DIRECT) > asked
    stack.simulator.set_fault("*", "reset-after-request")
    assert (await stack.get("/3/movie/550")).status == 502
    health = await stack.get("/api/tmdb/health")
    assert (health.status, health.json["status"]) == (503, "error")
    await stack.stop()


@pytest_twisted.ensureDeferred
async def test_defect_9_the_header_that_tests_read_is_set(stack: Stack) -> None:
    direct = await stack.get("/3/movie/550")
    assert "x-proxy-source" not in direct.headers
    stack.simulator.set_fault(DIRECT, "html")
    by_proxy = await stack.get("/3/movie/550")
    assert by_proxy.headers["x-proxy-source"] in stack.daemon.servers["proxy"].url


def test_defect_10_no_script_sleeps() -> None:
    scripts = [ROOT / "start-with-proxy.sh", ROOT / "run-tests.sh", ROOT / ".ci/run"]
    scripts += (ROOT / "deploy").glob("*.sh")
    sources = [*scripts, *(ROOT / "streamr").rglob("*.py")]
    assert len(sources) > 20
    for source in sources:
        text = source.read_text(encoding="utf-8")
        assert not re.search(r"^\s*sleep\s|time\.sleep\(", text, re.M), source
