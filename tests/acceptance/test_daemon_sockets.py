"""Lists by every way: what callers get, and what the simulator itself counted.

Which way wins, and how soon, is asked in the test's own reactor, where time passes only
while nothing happens (tests/stack.py); the rest is asked of a real `twistd -y
streamr.tac` over a simulator process, https only.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_twisted

from streamr.policy.retry import HEDGE_AFTER
from tests.processes import PATIENCE, Daemon, Response, Simulator, ask
from tests.stack import DIRECT, OTHER, Got, Stack

BOTH = ("proxy", "main")
LISTS = (
    "/api/tmdb/trending",
    "/api/tmdb/popular?media_type=tv",
    "/api/tmdb/top-rated",
    "/api/tmdb/upcoming",
    "/api/tmdb/now-playing",
    "/api/tmdb/discover?with_genres=18",
    "/3/movie/popular",
    "/api/tmdb/proxy/movie/550/credits",
)


@pytest.fixture(scope="module")
def one_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("simulator"), "--seed", "7")
    yield made
    made.stop()


@pytest.fixture
def simulator(one_simulator: Simulator) -> Simulator:
    one_simulator.renew()
    return one_simulator


@pytest.fixture
def daemon(simulator: Simulator) -> Iterator[Daemon]:
    made = Daemon(simulator.environment, servers=BOTH)
    yield made
    made.stop()


def right(answer: Response | Got) -> None:
    assert answer.status == 200, answer.body
    assert answer.json.get("results") or answer.json.get("cast")


@pytest_twisted.async_yield_fixture
async def stack(reactor: Any, tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(reactor, tmp_path)
    yield made
    await made.stop()


@pytest_twisted.ensureDeferred
async def test_lists_come_directly_when_the_direct_way_is_fine(stack: Stack) -> None:
    before = await stack.settle()
    for path in LISTS:
        answer = await stack.get(path)
        right(answer)
        assert "x-proxy-source" not in answer.headers
    assert stack.requests(DIRECT) - before == len(LISTS)
    assert stack.accepted(OTHER) == 0


@pytest_twisted.ensureDeferred
async def test_lists_come_with_every_direct_connection_reset(stack: Stack) -> None:
    stack.simulator.set_fault(DIRECT, "reset-after-hello")
    for path in LISTS:
        answer = await stack.get(path)
        right(answer)
        source = answer.headers["x-proxy-source"]
        assert source == urlsplit(stack.daemon.servers["proxy"].url).netloc
        # second tries wait for their turn at the pacers; nobody waits for silence
        assert answer.seconds < HEDGE_AFTER
        if path == LISTS[0]:
            assert "tls_reset" in answer.causes
    # after some failures the direct way is passed by
    assert answer.causes == []
    assert stack.requests(DIRECT) == 0
    assert stack.requests(OTHER) == len(LISTS)
    log = stack.log.getvalue()
    assert "Attempting proxy fallback: direct failed (tls_reset" in log


@pytest_twisted.ensureDeferred
async def test_a_silent_direct_way_costs_its_share_and_no_more(stack: Stack) -> None:
    for fault in ("silence-after-hello", "silence-after-request"):
        stack.simulator.set_fault(DIRECT, fault)
        answer = await stack.get(LISTS[0])
        right(answer)
        assert answer.seconds < 1


@pytest_twisted.ensureDeferred
async def test_names_dead_for_modern_hellos_answer_to_classic_ones(
    stack: Stack,
) -> None:
    stack.simulator.set_fault("*", "reset-after-hello:when=big")
    for path in LISTS:
        answer = await stack.get(path)
        right(answer)
        assert "x-proxy-source" in answer.headers
    assert stack.requests(DIRECT) == len(LISTS)


def test_names_dead_for_tls_1_3_answer_to_tls_1_2(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(fault="reset-after-hello:when=tls13")
    right(ask(daemon.main, LISTS[0]))


@pytest.mark.parametrize(
    ("fault", "status"),
    [("refuse", 502), ("silence-after-hello", 504), ("html", 502), ("stall-body", 504)],
)
@pytest_twisted.ensureDeferred
async def test_with_everything_dead_the_error_is_honest_and_in_time(
    stack: Stack, fault: str, status: int
) -> None:
    stack.simulator.set_fault("*", fault)
    answer = await stack.get(LISTS[0])
    assert answer.status == status, answer.body
    assert answer.seconds < stack.settings.deadline + 0.1
    assert answer.json["success"] is False
    assert answer.json["details"]["attempts"]
    health = await stack.get("/api/tmdb/health")
    assert (health.status, health.json["status"]) == (503, "error")
    stack.simulator.set_fault("*", "none")
    right(await stack.get(LISTS[0]))
    assert (await stack.get("/api/tmdb/health")).json["status"] == "ok"


def test_half_of_all_handshakes_reset(simulator: Simulator, daemon: Daemon) -> None:
    """1,000 different paths, no connection kept alive, at least 99.9 % good."""
    simulator.switch(fault="reset-after-hello:p=0.5", keep_alive=False)
    parts = urlsplit(daemon.main)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=PATIENCE
    )
    bad = []
    for number in range(1000):
        connection.request("GET", f"/3/search/movie?query=fight%20{number}")
        response = connection.getresponse()
        body = response.read()
        if response.status != 200 or json.loads(body)["page"] != 1:
            bad.append((number, response.status, body[:200]))
    connection.close()
    assert len(bad) <= 1, bad
    counts = [simulator.counts(host) for host in (DIRECT, OTHER)]
    assert sum(each["requests"] for each in counts) >= 999
    # about as many handshakes were reset as requests were answered
    assert sum(each["accepted"] - each["handshakes"] for each in counts) > 800


def test_the_proxy_can_be_another_process(simulator: Simulator) -> None:
    token = "a-shared-secret-of-ours"
    secret = {"STREAMR_PROXY_TOKEN": token}
    proxy = Daemon(
        {**simulator.environment, **secret, "STREAMR_ONLY": "proxy"}, servers=["proxy"]
    )
    main = Daemon(
        {
            **simulator.environment,
            **secret,
            "STREAMR_ONLY": "main",
            "TMDB_PROXY_URL": proxy.urls["proxy"],
        },
        servers=["main"],
    )
    try:
        simulator.switch(DIRECT, fault="cert-expired")
        for path in LISTS:
            answer = ask(main.main, path)
            right(answer)
            assert answer.headers["X-Proxy-Source"] in proxy.urls["proxy"]
        assert token not in main.output + proxy.output
        assert Simulator.KEY not in main.output + proxy.output
    finally:
        main.stop()
        proxy.stop()


def test_a_wrong_proxy_token_is_our_misconfiguration_and_no_401(
    simulator: Simulator,
) -> None:
    proxy = Daemon(
        {
            **simulator.environment,
            "STREAMR_ONLY": "proxy",
            "STREAMR_PROXY_TOKEN": "the-token-of-the-proxy",
        },
        servers=["proxy"],
    )
    main = Daemon(
        {
            **simulator.environment,
            "STREAMR_ONLY": "main",
            "STREAMR_PROXY_TOKEN": "another-token-entirely",
            "TMDB_PROXY_URL": proxy.urls["proxy"],
        },
        servers=["main"],
    )
    try:
        assert ask(proxy.urls["proxy"], "/popular").status == 401
        # also over the connection that main's first probe has left behind
        simulator.switch(DIRECT, fault="reset-after-request")
        answer = ask(main.main, LISTS[0])
        assert answer.status == 502
        assert answer.json["details"]["attempts"][-1]["cause"] == (
            "proxy_configuration_error"
        )
        assert "STREAMR_PROXY_TOKEN" in answer.json["status_message"]
    finally:
        main.stop()
        proxy.stop()


def test_tmdbs_own_errors_keep_their_status_and_body(
    simulator: Simulator, daemon: Daemon
) -> None:
    answer = ask(daemon.main, "/3/movie/999999999")
    assert (answer.status, answer.json["status_code"]) == (404, 34)
    bad_key = {**simulator.environment, "TMDB_API_KEY": "0" * 32}
    other = Daemon(bad_key, servers=BOTH)
    try:
        answer = ask(other.main, "/3/movie/550")
        assert (answer.status, answer.json["status_code"]) == (401, 7)
        assert answer.headers["Cache-Control"] == "no-store"
    finally:
        other.stop()


def test_a_request_that_comes_back_is_stopped(simulator: Simulator) -> None:
    # main's "TMDB" is a proxy whose "TMDB" is itself
    environment = dict(simulator.environment)
    first = Daemon({**environment, "STREAMR_ONLY": "proxy"}, servers=["proxy"])
    port = urlsplit(first.urls["proxy"]).port
    first.stop()
    loop = f"http://127.0.0.1:{port}/3"
    daemon = Daemon(
        {
            **environment,
            "STREAMR_ONLY": "proxy",
            "PROXY_PORT": str(port),
            "TMDB_BASE_URL": loop,
            "TMDB_ALTERNATE_URLS": loop,
        },
        servers=["proxy"],
    )
    try:
        answer = ask(daemon.urls["proxy"], "/popular")
        assert answer.status >= 500
        # the second time round is refused: it does not go on until its time is up
        daemon.wait_for(" 508 ")
        assert "deadline_exceeded" not in answer.headers["Proxy-Status"]
    finally:
        daemon.stop()
