"""Route health over real sockets: broken ways, and ways that come back.

What is about time (what callers wait, what reaches TMDB in a second, who wins) runs in
the test's own reactor, where time passes only while nothing happens (tests/stack.py).
What is about processes (restarts, kills, a shared folder) runs in real ones, and looks
at what they say and what the simulator counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.processes import (
    STREAMR,
    Daemon,
    Process,
    Response,
    Simulator,
    ask,
    wait_until,
)
from tests.stack import Got, Stack

DIRECT, OTHER = "api.themoviedb.org", "api.tmdb.org"
BOTH = ("proxy", "main")
# So many requests need the first silence; then the breaker is open.
TRIP_IN_ROW = 5
# The hedge time and what follows it: two handshakes and two answers, which take no time
# by a clock that stands still while somebody works. Seconds.
A_BLINK = 0.3
# An answer that waited for nothing but its turn (35 a second). Seconds.
AT_ONCE = 0.05
# A crowd comes in so many groups: each moment that something happens costs real time.
STEPS = 20
# In a second: far more than the pacers let out (35 a second to each of two names).
STORM = 200
# Beyond all that is promised, by the idle clock: only a test that hangs comes here.
IDLE_PATIENCE = 60.0


@pytest_twisted.async_yield_fixture
async def stack(reactor: Any, tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(reactor, tmp_path)
    yield made
    await made.stop()
    assert "Traceback" not in made.log.getvalue()
    assert "Unhandled" not in made.log.getvalue()


async def search(stack: Stack, number: int) -> Got:
    """A request that nobody has made before: a search that names its number."""
    return await stack.get(f"/3/search/movie?query=fight%20{number}")


async def found(stack: Stack, number: int) -> Got:
    """The same, and the answer is the right one."""
    got = await search(stack, number)
    assert got.status == 200, got.body
    assert got.json["page"] == 1
    return got


def by_proxy(got: Got) -> bool:
    return "x-proxy-source" in got.headers


async def state_of(stack: Stack, number: int = 0) -> str:
    """The state of one of main's breakers, as the health page tells it."""
    routes = (await stack.get("/api/tmdb/health")).json["routes"]
    return str(routes[number]["breaker"])


async def until_state(stack: Stack, *wanted: str) -> float:
    """Until the direct way's breaker is in such a state; how long that took."""
    began = stack.reactor.seconds()
    while await state_of(stack) not in wanted:
        assert stack.reactor.seconds() - began < IDLE_PATIENCE
        await deferLater(stack.reactor, 0.1)
    return float(stack.reactor.seconds() - began)


async def tripped(stack: Stack) -> list[Got]:
    """The answers to those who found out."""
    answers = [await found(stack, number) for number in range(TRIP_IN_ROW)]
    assert await state_of(stack) != "closed"
    return answers


async def at_once(stack: Stack, count: int, seconds: float = 0.0) -> list[Got]:
    """So many cold requests, all under way together; begun over so many seconds."""

    async def one(number: int) -> Got:
        step = number * STEPS // count
        await deferLater(stack.reactor, seconds * step / STEPS)
        return await search(stack, number)

    asking = [Deferred.fromCoroutine(one(number)) for number in range(count)]
    answers: list[Got] = await gatherResults(asking)
    return answers


def reached(stack: Stack) -> int:
    """How many requests reached TMDB, by whichever name."""
    return stack.requests(DIRECT) + stack.requests(OTHER)


def statuses(answers: list[Got]) -> Counter[int]:
    return Counter(each.status for each in answers)


@pytest_twisted.ensureDeferred
async def test_a_black_hole_costs_the_first_callers_a_blink_and_then_nothing(
    stack: Stack,
) -> None:
    stack.simulator.set_fault(DIRECT, "silence-at-accept")
    for answer in await tripped(stack):
        assert by_proxy(answer)
        assert answer.causes == ["overtaken"]
        assert answer.seconds < A_BLINK
    for number in range(TRIP_IN_ROW, 3 * TRIP_IN_ROW):
        await found(stack, number)
    before = stack.accepted(DIRECT)
    for number in range(100, 140):
        answer = await found(stack, number)
        assert by_proxy(answer)
        assert answer.causes == []
        assert answer.seconds < AT_ONCE
    # a background probe may have come along: of main, and of two rungs of the proxy
    assert stack.accepted(DIRECT) - before <= 4
    assert stack.requests(DIRECT) == 0


@pytest_twisted.ensureDeferred
async def test_what_main_knows_to_be_silent_the_proxy_does_not_find_out_again(
    stack: Stack,
) -> None:
    stack.simulator.set_fault(DIRECT, "silence-at-accept")
    await tripped(stack)
    for number in range(100, 110):
        answer = await found(stack, number)
        assert answer.causes == []
        assert answer.seconds < AT_ONCE


@pytest_twisted.ensureDeferred
async def test_a_way_that_heals_is_found_without_a_caller_and_used_again(
    stack: Stack,
) -> None:
    stack.simulator.set_fault(DIRECT, "silence-at-accept")
    await tripped(stack)
    # while it is silent it stays open, however often it is probed
    accepted, began = stack.accepted(DIRECT), stack.reactor.seconds()
    while stack.accepted(DIRECT) == accepted:
        assert stack.reactor.seconds() - began < IDLE_PATIENCE
        await deferLater(stack.reactor, 0.1)
    assert await state_of(stack) != "closed"
    stack.simulator.set_fault(DIRECT, "none")
    assert await until_state(stack, "closed") < 20
    assert not by_proxy(await found(stack, 100))


@pytest_twisted.ensureDeferred
async def test_a_way_that_is_back_before_its_first_probe_is_used_within_ten_seconds(
    stack: Stack,
) -> None:
    stack.simulator.set_fault(DIRECT, "reset-after-hello")
    await tripped(stack)
    stack.simulator.set_fault(DIRECT, "none")
    assert await until_state(stack, "closed") < 10
    assert not by_proxy(await found(stack, 100))
    # the finding out was the probe's: one small request of its own
    paths = [each["path"] for each in stack.simulator.counts(DIRECT)["last_requests"]]
    assert any("configuration" in path for path in paths)


@pytest_twisted.ensureDeferred
async def test_within_retry_after_no_request_reaches_tmdb(stack: Stack) -> None:
    await found(stack, 0)
    stack.simulator.set_fault("*", "rate-limit:retry-after=30")
    first = await search(stack, 1)
    assert first.status == 429
    assert int(first.headers["retry-after"]) == 30
    before = reached(stack)
    for number in range(2, 30):
        answer = await search(stack, number)
        assert answer.status == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 30
        assert answer.headers["cache-control"] == "no-store"
        assert answer.seconds < AT_ONCE
    assert reached(stack) == before


@pytest_twisted.ensureDeferred
async def test_after_retry_after_requests_go_out_again(stack: Stack) -> None:
    stack.simulator.set_fault("*", "rate-limit:retry-after=2")
    assert (await search(stack, 0)).status == 429
    began = stack.reactor.seconds()
    stack.simulator.set_fault("*", "none")
    while (await search(stack, 1)).status != 200:
        assert stack.reactor.seconds() - began < IDLE_PATIENCE
        await deferLater(stack.reactor, 0.05)
    assert 1.9 <= stack.reactor.seconds() - began <= 2.5


@pytest_twisted.ensureDeferred
async def test_a_429_amid_many_lets_none_of_the_waiting_out(stack: Stack) -> None:
    stack.simulator.set_fault("*", "rate-limit:retry-after=30")
    answers = await at_once(stack, 60)
    assert statuses(answers) == {429: 60}
    # ten may leave at once; what was under way when the first 429 came has counted
    assert reached(stack) <= 15


@pytest_twisted.ensureDeferred
async def test_a_storm_of_5xx_leaves_tmdb_in_peace(stack: Stack) -> None:
    stack.simulator.set_fault("*", "status:code=503")
    before, began = reached(stack), stack.reactor.seconds()
    answers = await at_once(stack, STORM, 1.0)
    await deferLater(stack.reactor, max(0.0, began + 3.0 - stack.reactor.seconds()))
    seconds = stack.reactor.seconds() - began
    assert (reached(stack) - before) / seconds <= 20
    # whom no route can help is told so at once
    assert statuses(answers).keys() <= {502, 503}, statuses(answers)
    assert max(each.seconds for each in answers) < 3.0


@pytest_twisted.ensureDeferred
async def test_a_lasting_storm_leaves_tmdb_in_peace_and_is_answered_at_once(
    stack: Stack,
) -> None:
    stack.simulator.set_fault("*", "status:code=503")
    for number in range(2 * TRIP_IN_ROW):
        await search(stack, number)
    assert await state_of(stack) != "closed"
    before, began = reached(stack), stack.reactor.seconds()
    answers = await at_once(stack, STORM, 1.0)
    await deferLater(stack.reactor, max(0.0, began + 3.0 - stack.reactor.seconds()))
    seconds = stack.reactor.seconds() - began
    assert (reached(stack) - before) / seconds <= 20
    assert statuses(answers).keys() <= {502, 503}, statuses(answers)
    assert all(each.headers["cache-control"] == "no-store" for each in answers)
    # but for the trickle that finds out
    waited = [each for each in answers if each.seconds > AT_ONCE]
    assert len(waited) <= 0.02 * len(answers), [each.seconds for each in waited]


@pytest_twisted.ensureDeferred
async def test_after_a_storm_tmdb_is_found_again_soon(stack: Stack) -> None:
    stack.simulator.set_fault("*", "status:code=503")
    for number in range(2 * TRIP_IN_ROW):
        await search(stack, number)
    assert await state_of(stack) != "closed"
    stack.simulator.set_fault("*", "none")
    began = stack.reactor.seconds()
    while (await search(stack, 100)).status != 200:
        assert stack.reactor.seconds() - began < IDLE_PATIENCE
        await deferLater(stack.reactor, 0.05)
    assert stack.reactor.seconds() - began <= 10


@pytest_twisted.ensureDeferred
async def test_a_slow_direct_way_is_overtaken(stack: Stack) -> None:
    stack.simulator.set_fault(DIRECT, "slow:delay=3")
    for number in range(20):
        answer = await found(stack, number)
        assert by_proxy(answer)
        assert answer.seconds < A_BLINK


@pytest_twisted.ensureDeferred
async def test_ways_a_little_slower_than_the_hedge_stay_in_use(stack: Stack) -> None:
    """Direct answers shortly after its hedge has begun: nobody is to blame."""
    stack.simulator.set_fault("*", "slow:delay=0.3")
    for number in range(2 * TRIP_IN_ROW):
        assert not by_proxy(await found(stack, number))
    assert [await state_of(stack, each) for each in (0, 1)] == ["closed", "closed"]


@pytest_twisted.ensureDeferred
async def test_many_callers_at_once_find_a_black_hole_together(stack: Stack) -> None:
    stack.simulator.set_fault(DIRECT, "silence-at-accept")
    for answer in await at_once(stack, 20, 1.0):
        assert answer.status == 200, answer.body
        assert answer.seconds < 1.0


@pytest_twisted.ensureDeferred
async def test_a_caller_who_leaves_ends_what_is_under_way(stack: Stack) -> None:
    await stack.settle()
    stack.simulator.set_fault("*", "silence-after-request")
    for number in range(5):
        caller = Deferred.fromCoroutine(search(stack, number))
        while reached(stack) <= number:
            await deferLater(stack.reactor, 0.01)
        caller.cancel()
        await caller.addErrback(lambda _left: None)
    left_at = stack.reactor.seconds()
    while any(stack.simulator.counts(host)["open"] for host in (DIRECT, OTHER)):
        # far less than a silent way is given
        assert stack.reactor.seconds() - left_at < 0.5
        await deferLater(stack.reactor, 0.01)


@pytest.fixture(scope="module")
def one_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("simulator"), "--seed", "7")
    yield made
    made.stop()


@pytest.fixture
def simulator(one_simulator: Simulator) -> Simulator:
    one_simulator.renew()
    return one_simulator


@contextmanager
def daemon_of(
    simulator: Simulator,
    more: Mapping[str, str] | None = None,
    servers: tuple[str, ...] = BOTH,
) -> Iterator[Daemon]:
    """A daemon that is ended even when the test fails, and that logs no error."""
    made = Daemon({**simulator.environment, **(more or {})}, servers=servers)
    try:
        yield made
    finally:
        made.stop()
    assert "Traceback" not in made.output
    assert "Unhandled" not in made.output


def movie(daemon: Daemon, number: int) -> Response:
    """A request that nobody has made before: a search that names its number."""
    return ask(daemon.main, f"/3/search/movie?query=fight%20{number}")


def good(answer: Response) -> Response:
    assert answer.status == 200, answer.body
    assert answer.json["page"] == 1
    return answer


def breaker(daemon: Daemon, number: int = 0) -> str:
    """The state of one of main's breakers, as the health page tells it."""
    routes = ask(daemon.main, "/api/tmdb/health").json["routes"]
    return str(routes[number]["breaker"])


def test_what_is_known_outlives_a_restart(simulator: Simulator, tmp_path: Path) -> None:
    state = {"STREAMR_STATE_DIR": str(tmp_path / "state")}
    simulator.switch(DIRECT, fault="silence-at-accept")
    with daemon_of(simulator, state) as daemon:
        for number in range(TRIP_IN_ROW):
            good(movie(daemon, number))
        assert breaker(daemon) != "closed"
    accepted = simulator.counts(DIRECT)["accepted"]
    with daemon_of(simulator, state) as daemon:
        assert breaker(daemon) != "closed"
        answer = good(movie(daemon, 100))
        # nobody found out again: the direct way was not even tried
        assert 'route="direct"' not in answer.headers["Proxy-Status"]
        assert "X-Proxy-Source" in answer.headers
        assert simulator.counts(DIRECT)["accepted"] <= accepted + 2


def known(state: Path) -> dict[str, Any]:
    """What stands in the file of the routes; it is replaced whole."""
    try:
        found: dict[str, Any] = json.loads((state / "routes.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def test_what_is_known_outlives_a_kill(simulator: Simulator, tmp_path: Path) -> None:
    state = {"STREAMR_STATE_DIR": str(tmp_path / "state")}
    simulator.switch(DIRECT, fault="reset-after-hello")
    daemon = Daemon({**simulator.environment, **state}, servers=BOTH)
    for number in range(TRIP_IN_ROW):
        good(movie(daemon, number))
    wait_until(lambda: "direct" in known(tmp_path / "state").get("main", {}))
    daemon.stop(9)
    with daemon_of(simulator, state) as daemon:
        assert breaker(daemon) != "closed"


def test_a_file_of_garbage_stops_no_start(simulator: Simulator, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    for garbage in (b"\x00\xff{", b"[" * 100_000, b'{"main":{"direct":{"pause":'):
        (state / "routes.json").write_bytes(garbage)
        with daemon_of(simulator, {"STREAMR_STATE_DIR": str(state)}) as daemon:
            assert breaker(daemon) == "closed"
            good(movie(daemon, 0))


def told_by_the_command(state: Path, tmp_path: Path) -> tuple[int, str]:
    command = Process(
        [STREAMR, "routes", "--json"], {"STREAMR_STATE_DIR": str(state)}, tmp_path
    )
    return command.ended(), command.output


def test_streamr_routes_prints_json(simulator: Simulator, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with daemon_of(simulator, {"STREAMR_STATE_DIR": str(state)}) as daemon:
        simulator.switch(DIRECT, fault="cert-untrusted")
        for number in range(TRIP_IN_ROW):
            good(movie(daemon, number))
        told: dict[str, list[dict[str, Any]]] = {}

        def is_named() -> bool:
            # on a busy machine a hedge may have overtaken the last handshake; the next
            # probe names what is wrong
            status, output = told_by_the_command(state, tmp_path)
            assert status == 0, output
            assert Simulator.KEY not in output
            told.update(json.loads(output))
            return bool(told["main"][0]["cause"] != "overtaken")

        wait_until(is_named)
        direct, proxy = told["main"]
        assert direct["route"] == "direct"
        assert direct["breaker"] in ("open", "half-open")
        assert direct["cause"] == "tls_certificate_error"
        assert (direct["state"], proxy["state"]) == ("failing", "ok")
        assert (proxy["breaker"], proxy["served"]) == ("closed", TRIP_IN_ROW)
        assert {DIRECT, OTHER} <= {each["next_hop"] for each in told["proxy"]}
    status, output = told_by_the_command(state, tmp_path)
    assert status == 1
    assert "no running streamr answers" in output
    assert "Traceback" not in output


def test_two_daemons_in_one_folder_do_not_harm_each_other(
    simulator: Simulator, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    more = {"STREAMR_STATE_DIR": str(state)}
    with daemon_of(simulator, more) as first:
        with daemon_of(simulator, more) as second:
            second.wait_for("no control socket")
            # connections that are there already fail as well
            simulator.switch(DIRECT, fault="reset-after-request")
            for number in range(TRIP_IN_ROW):
                good(movie(first, number))
                good(movie(second, number))
            status, output = told_by_the_command(state, tmp_path)
            assert status == 0, output
        # the second has gone; the first is as it was
        good(movie(first, 100))
        status, output = told_by_the_command(state, tmp_path)
        assert status == 0, output
        assert json.loads(output)["main"][0]["served"] == 0
    with daemon_of(simulator, more) as third:
        assert "no control socket" not in third.output
        assert breaker(third) != "closed"


def test_main_and_proxy_in_two_processes_keep_what_each_knows(
    simulator: Simulator, tmp_path: Path
) -> None:
    """One folder, as both forms choose it by themselves."""
    state = {"STREAMR_STATE_DIR": str(tmp_path / "state")}
    only_proxy = {**state, "STREAMR_ONLY": "proxy"}
    simulator.switch(DIRECT, fault="reset-after-hello")
    with daemon_of(simulator, only_proxy, ("proxy",)) as proxy:
        only_main = {
            **state,
            "STREAMR_ONLY": "main",
            "TMDB_PROXY_URL": proxy.urls["proxy"],
        }
        with daemon_of(simulator, only_main, ("main",)) as main:
            for number in range(TRIP_IN_ROW):
                good(movie(main, number))
            assert breaker(main) != "closed"
    # the proxy has stopped after main, and has written what it knows
    with daemon_of(simulator, only_main, ("main",)) as main:
        assert breaker(main) != "closed"
