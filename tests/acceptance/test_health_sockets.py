"""Route health over real sockets: a real twistd, a simulator process, broken routes.

What callers got and how long it took, and what the simulator itself counted.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.processes import PATIENCE, STREAMR, Daemon, Process, Response, Simulator, ask

DIRECT, OTHER = "api.themoviedb.org", "api.tmdb.org"
BOTH = ("proxy", "main")
# So many requests need the first silence; then the breaker is open.
TRIP_IN_ROW = 5


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


@pytest.fixture
def daemon(simulator: Simulator) -> Iterator[Daemon]:
    with daemon_of(simulator) as made:
        yield made


def movie(daemon: Daemon, number: int) -> Response:
    """A request that nobody has made before: a search that names its number."""
    return ask(daemon.main, f"/3/search/movie?query=fight%20{number}")


def good(answer: Response) -> Response:
    assert answer.status == 200, answer.body
    assert answer.json["page"] == 1
    return answer


def came_directly(answer: Response) -> bool:
    return "X-Proxy-Source" not in answer.headers


def breaker(daemon: Daemon, number: int = 0) -> str:
    """The state of one of main's breakers, as the health page tells it."""
    routes = ask(daemon.main, "/api/tmdb/health").json["routes"]
    return str(routes[number]["breaker"])


def wait_until(reached: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Ask again until it is so, with a deadline; each round is one short process."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if reached():
            return
        subprocess.run(["true"], check=True)
    raise AssertionError(f"not true within {seconds:g} s")


def at_once(daemon: Daemon, count: int, seconds: float = 0.0) -> list[Response]:
    """So many cold requests, all under way together; begun over so many seconds."""
    answers: list[Response | None] = [None] * count
    began = threading.Event()
    start = time.monotonic()

    def one(number: int) -> None:
        # paced by a wait with a deadline of its own, not by the machine's mood
        began.wait(max(0.0, start + seconds * number / count - time.monotonic()))
        answers[number] = movie(daemon, number)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    found = [each for each in answers if each is not None]
    assert len(found) == count
    return found


def requests(simulator: Simulator) -> int:
    """How many requests reached TMDB, by whichever name."""
    return sum(int(simulator.counts(host)["requests"]) for host in (DIRECT, OTHER))


def slow(answers: list[Response], seconds: float) -> list[float]:
    """The times of those that took longer."""
    return [each.seconds for each in answers if each.seconds > seconds]


def test_a_black_hole_costs_the_first_callers_a_blink_and_then_nothing(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(DIRECT, fault="silence-at-accept")
    for number in range(TRIP_IN_ROW):
        answer = good(movie(daemon, number))
        assert not came_directly(answer)
        assert answer.seconds < 1.0
    assert breaker(daemon) != "closed"
    for number in range(TRIP_IN_ROW, 3 * TRIP_IN_ROW):
        good(movie(daemon, number))
    before = simulator.counts(DIRECT)["accepted"]
    answers = [good(movie(daemon, number)) for number in range(100, 140)]
    assert not any(came_directly(each) for each in answers)
    assert len(slow(answers, 0.2)) <= 2, slow(answers, 0.2)
    # a background probe may have come along: of main, and of two of the proxy
    assert simulator.counts(DIRECT)["accepted"] - before <= 4
    assert simulator.counts(DIRECT)["requests"] == 0


def test_what_main_knows_to_be_silent_the_proxy_does_not_find_out_again(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(DIRECT, fault="silence-at-accept")
    for number in range(TRIP_IN_ROW):
        good(movie(daemon, number))
    assert breaker(daemon) != "closed"
    answers = [good(movie(daemon, number)) for number in range(100, 110)]
    assert len(slow(answers, 0.2)) <= 1, slow(answers, 0.2)


def test_a_way_that_heals_is_found_without_a_caller_and_used_again(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(DIRECT, fault="silence-at-accept")
    for number in range(TRIP_IN_ROW):
        good(movie(daemon, number))
    assert breaker(daemon) != "closed"
    # while it is silent it stays open, however often it is probed
    accepted = simulator.counts(DIRECT)["accepted"]
    wait_until(lambda: simulator.counts(DIRECT)["accepted"] > accepted)
    assert breaker(daemon) != "closed"
    simulator.switch(DIRECT, fault="none")
    began = time.monotonic()
    wait_until(lambda: breaker(daemon) == "closed")
    assert time.monotonic() - began < 20
    assert came_directly(good(movie(daemon, 100)))


def test_a_way_that_is_back_before_its_first_probe_is_used_within_ten_seconds(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(DIRECT, fault="reset-after-hello")
    for number in range(TRIP_IN_ROW):
        good(movie(daemon, number))
    simulator.switch(DIRECT, fault="none")
    wait_until(lambda: breaker(daemon) == "closed", 10.0)
    assert came_directly(good(movie(daemon, 100)))
    # the finding out was the probe's: one small request of its own
    paths = [each["path"] for each in simulator.counts(DIRECT)["last_requests"]]
    assert any("configuration" in path for path in paths)


def test_within_retry_after_no_request_reaches_tmdb(
    simulator: Simulator, daemon: Daemon
) -> None:
    good(movie(daemon, 0))
    simulator.switch(fault="rate-limit:retry-after=30")
    first = movie(daemon, 1)
    assert first.status == 429
    assert int(first.headers["Retry-After"]) == 30
    before = requests(simulator)
    for number in range(2, 30):
        answer = movie(daemon, number)
        assert answer.status == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 30
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.seconds < 0.25
    assert requests(simulator) == before


def test_after_retry_after_requests_go_out_again(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(fault="rate-limit:retry-after=2")
    assert movie(daemon, 0).status == 429
    began = time.monotonic()
    simulator.switch(fault="none")
    wait_until(lambda: movie(daemon, 1).status == 200, 5.0)
    assert time.monotonic() - began >= 1.5


def test_a_429_amid_many_lets_none_of_the_waiting_out(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(fault="rate-limit:retry-after=30")
    answers = at_once(daemon, 60)
    assert {each.status for each in answers} == {429}, _statuses(answers)
    # ten may leave at once; what was under way when the first 429 came has counted
    assert requests(simulator) <= 15


def test_a_storm_of_5xx_leaves_tmdb_in_peace(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(fault="status:code=503")
    before, began = requests(simulator), time.monotonic()
    answers = at_once(daemon, 400, 1.0)
    wait_until(lambda: time.monotonic() - began >= 3.0)
    seconds = time.monotonic() - began
    assert (requests(simulator) - before) / seconds <= 20
    assert all(each.status >= 500 for each in answers), _statuses(answers)


def test_a_lasting_storm_leaves_tmdb_in_peace_and_is_answered_at_once(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(fault="status:code=503")
    wait_until(lambda: movie(daemon, 0) and breaker(daemon) != "closed")
    wait_until(lambda: movie(daemon, 0).seconds < 0.05 and breaker(daemon) != "closed")
    before, began = requests(simulator), time.monotonic()
    answers = at_once(daemon, 400, 2.0)
    wait_until(lambda: time.monotonic() - began >= 3.0)
    seconds = time.monotonic() - began
    assert (requests(simulator) - before) / seconds <= 20
    assert all(each.status in (502, 503) for each in answers), _statuses(answers)
    assert all(each.headers["Cache-Control"] == "no-store" for each in answers)


def test_after_a_storm_tmdb_is_found_again_soon(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(fault="status:code=503")
    wait_until(lambda: movie(daemon, 0) and breaker(daemon) != "closed")
    simulator.switch(fault="none")
    wait_until(lambda: movie(daemon, 1).status == 200, 10.0)


def test_a_slow_direct_way_is_overtaken(simulator: Simulator, daemon: Daemon) -> None:
    simulator.switch(DIRECT, fault="slow:delay=3")
    for number in range(20):
        answer = good(movie(daemon, number))
        assert answer.seconds < 1.0
        assert not came_directly(answer)


def test_routes_a_little_slower_than_the_hedge_stay_in_use(
    simulator: Simulator, daemon: Daemon
) -> None:
    """Direct answers shortly after its hedge has begun: nobody is to blame."""
    simulator.switch(fault="slow:delay=0.3")
    for number in range(2 * TRIP_IN_ROW):
        assert came_directly(good(movie(daemon, number)))
    assert (breaker(daemon, 0), breaker(daemon, 1)) == ("closed", "closed")


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
        assert answer.seconds < 0.5
        assert not came_directly(answer)
        assert simulator.counts(DIRECT)["accepted"] <= accepted + 2


def test_what_is_known_outlives_a_kill(simulator: Simulator, tmp_path: Path) -> None:
    state = {"STREAMR_STATE_DIR": str(tmp_path / "state")}
    simulator.switch(DIRECT, fault="reset-after-hello")
    daemon = Daemon({**simulator.environment, **state}, servers=BOTH)
    for number in range(TRIP_IN_ROW):
        good(movie(daemon, number))
    wait_until((tmp_path / "state" / "routes.json").exists)
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
        status, output = told_by_the_command(state, tmp_path)
        assert status == 0, output
        told: dict[str, list[dict[str, Any]]] = json.loads(output)
        direct, proxy = told["main"]
        assert direct["route"] == "direct"
        assert direct["breaker"] in ("open", "half-open")
        assert direct["cause"] == "tls_certificate_error"
        assert (direct["state"], proxy["state"]) == ("failing", "ok")
        assert (proxy["breaker"], proxy["served"]) == ("closed", TRIP_IN_ROW)
        assert {DIRECT, OTHER} <= {each["next_hop"] for each in told["proxy"]}
        assert Simulator.KEY not in output
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
            simulator.switch(DIRECT, fault="reset-after-hello")
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


def test_many_callers_at_once_find_a_black_hole_together(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(DIRECT, fault="silence-at-accept")
    for answer in at_once(daemon, 20, 1.0):
        good(answer)
        assert answer.seconds < 1.0


def test_a_caller_who_leaves_ends_what_is_under_way(
    simulator: Simulator, daemon: Daemon
) -> None:
    simulator.switch(fault="silence-after-request")
    parts = urlsplit(daemon.main)
    for number in range(5):
        caller = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=PATIENCE
        )
        caller.request("GET", f"/3/search/movie?query=left%20{number}")
        wait_until(lambda number=number: requests(simulator) > number)
        caller.close()
    wait_until(
        lambda: all(simulator.counts(host)["open"] == 0 for host in (DIRECT, OTHER)),
        2.0,
    )


def _statuses(answers: list[Response]) -> dict[int, int]:
    found: dict[int, int] = {}
    for each in answers:
        found[each.status] = found.get(each.status, 0) + 1
    return found
