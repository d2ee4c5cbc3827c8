"""Starting and stopping in every form: exit codes, one-line errors, logs, draining."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.processes import (
    PATIENCE,
    ROOT,
    STREAMR,
    TWISTD,
    Daemon,
    Process,
    Simulator,
    ask,
    wait_until,
)

TAC = str(ROOT / "streamr.tac")
FORMS = {
    "tac": [TWISTD, "--nodaemon", "--pidfile=", "-y", TAC],
    "plugin": [TWISTD, "--nodaemon", "--pidfile=", "streamr"],
    "run": [STREAMR, "run"],
    "daemonised tac": [TWISTD, "--pidfile=twistd.pid", "-y", TAC],
    "daemonised plugin": [TWISTD, "--pidfile=twistd.pid", "streamr"],
}
KEY = {"TMDB_API_KEY": Simulator.KEY}


@pytest.fixture(scope="module")
def one_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("simulator"))
    yield made
    made.stop()


@pytest.fixture
def simulator(one_simulator: Simulator) -> Simulator:
    one_simulator.renew()
    return one_simulator


@pytest.mark.parametrize("form", FORMS)
def test_without_a_key_it_says_how_to_get_one(form: str, tmp_path: Path) -> None:
    process = Process(FORMS[form], directory=tmp_path)
    assert process.ended() == 78
    assert len(process.lines) == 1
    assert "TMDB_API_KEY" in process.output
    assert "streamr demo" in process.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_wrong_settings_are_all_told_at_once(form: str, tmp_path: Path) -> None:
    wrong = {"PORT": "http", "STREAMR_DEADLINE": "-1", "TMDB_API_KEY": "canary-no-key"}
    process = Process(FORMS[form], wrong, tmp_path)
    assert process.ended() == 78
    assert len(process.lines) == 3
    for name in wrong:
        assert name in process.output
    assert "canary" not in process.output


@pytest.mark.parametrize("form", FORMS)
def test_a_busy_port_is_one_short_line(form: str, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        process = Process(
            FORMS[form], {**KEY, "PORT": port, "PROXY_PORT": "0"}, tmp_path
        )
        assert process.ended() == 1
    assert len(process.lines) == 1
    line = process.lines[0].removeprefix("streamr: ")
    assert line.startswith(f"port {port} is in use by ")
    assert f"(pid {os.getpid()})" in line
    assert line.endswith("choose another with PORT")
    assert len(line) <= 90


def test_a_daemonised_twistd_keeps_a_log(simulator: Simulator, tmp_path: Path) -> None:
    process = Process(
        FORMS["daemonised tac"], {**simulator.environment, "PORT": "0"}, tmp_path
    )
    assert process.ended() == 0
    pid = int((tmp_path / "twistd.pid").read_text())
    try:
        log = (tmp_path / "server.log").read_text
        wait_until(lambda: "main server listens" in log())
        url = log().split("main server listens on ")[1].split()[0]
        assert ask(url, "/3/movie/550").status == 200
        wait_until(lambda: "/3/movie/550 200" in log())
        (tmp_path / "server.log").rename(tmp_path / "server.log.1")
        os.kill(pid, signal.SIGUSR1)
        wait_until((tmp_path / "server.log").exists)
        ask(url, "/3/movie/13")
        wait_until(lambda: "/3/movie/13 200" in log())
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not (tmp_path / "twistd.pid").exists())
    assert Simulator.KEY not in log()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_says_when_both_answer_and_a_signal_stops_both(
    simulator: Simulator, tmp_path: Path, number: int
) -> None:
    process = Process([STREAMR, "run"], simulator.environment, tmp_path)
    process.wait_for("streamr .* is running")
    proxy = process.wait_for(r"proxy +(http://\S+)").group(1)
    main = process.wait_for(r"main +(http://\S+)").group(1)
    process.wait_for(f"{main}/3 instead of TMDB's base URL")
    process.wait_for(f"{main}/ in a browser")
    for _ in range(3):
        process.wait_for(f"curl -s '{main}/")
    assert ask(main, "/api/health").json["status"] == "ok"
    assert ask(proxy, "/health").json["service"] == "TMDB Proxy Server"
    assert process.stop(number) == 0
    for url in (main, proxy):
        with pytest.raises(ConnectionRefusedError):
            ask(url, "/health")


def test_the_demo_needs_no_key_and_can_be_broken(tmp_path: Path) -> None:
    process = Process(
        [STREAMR, "demo", "--fault", "api.themoviedb.org=reset-after-hello"],
        {"PORT": "0", "PROXY_PORT": "0"},
        tmp_path,
    )
    main = process.wait_for(r"main +(http://\S+)").group(1)
    # a path that main has not warmed: an answer from the store names no proxy
    answer = ask(main, "/3/movie/13")
    assert answer.status == 200
    assert "X-Proxy-Source" in answer.headers
    assert ask(main, "/api/health").json["environment"] == "demo"
    assert process.stop(signal.SIGINT) == 0


def test_the_demo_leaves_the_key_of_the_machine_alone(tmp_path: Path) -> None:
    # a container has its key in a file; the simulator has another one
    key = tmp_path / "key"
    key.write_text("0123456789abcdef0123456789abcdef")
    process = Process(
        [STREAMR, "demo"],
        {"PORT": "0", "PROXY_PORT": "0", "TMDB_API_KEY_FILE": str(key)},
        tmp_path,
    )
    main = process.wait_for(r"main +(http://\S+)").group(1)
    assert ask(main, "/api/tmdb/popular").status == 200
    assert process.stop() == 0


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_the_demo_names_the_state_folder_that_it_was_given(
    how: str, tmp_path: Path
) -> None:
    state = str(tmp_path / "state")
    words, named = ["--state-dir", state], {"STREAMR_STATE_DIR": state}
    process = Process(
        [STREAMR, "demo", *(words if how == "flag" else [])],
        {"PORT": "0", "PROXY_PORT": "0", **({} if how == "flag" else named)},
        tmp_path,
    )
    told = process.wait_for(r"streamr routes --state-dir (\S+)").group(1)
    assert told == state
    routes = Process([STREAMR, "routes", "--state-dir", told], None, tmp_path)
    assert routes.ended() == 0, routes.output
    assert process.stop() == 0


def test_run_falls_to_the_demo_only_when_it_is_told_to(tmp_path: Path) -> None:
    process = Process(
        [STREAMR, "run", "--demo-if-no-key"],
        {"PORT": "0", "PROXY_PORT": "0"},
        tmp_path,
    )
    process.wait_for("There is no TMDB key. This is the demo: ")
    main = process.wait_for(r"main +(http://\S+)").group(1)
    assert ask(main, "/api/tmdb/popular").status == 200
    assert process.stop() == 0


def test_a_fault_that_the_demo_does_not_know_is_named(tmp_path: Path) -> None:
    process = Process([STREAMR, "demo", "--fault", "nonsense"], directory=tmp_path)
    assert process.ended() == 2
    assert "nonsense" in process.output
    assert "reset-after-hello" in process.output


def test_one_server_alone(simulator: Simulator, tmp_path: Path) -> None:
    for only, other in (("main", "proxy"), ("proxy", "main")):
        process = Process(
            [STREAMR, "run", "--only", only], simulator.environment, tmp_path
        )
        process.wait_for(rf"{only} +http://")
        assert f"{other} server listens" not in process.output
        assert process.stop() == 0


def test_check_tells_which_way_the_answers_came(
    simulator: Simulator, tmp_path: Path
) -> None:
    # a connection that is kept alive would go on working (as it does in the field)
    simulator.switch(keep_alive=False)
    environment = {**simulator.environment, "STREAMR_CACHE_MB": "8"}
    daemon = Daemon(environment, servers=["proxy", "main"])
    ports = {
        "PORT": str(urlsplit(daemon.main).port),
        "PROXY_PORT": str(urlsplit(daemon.urls["proxy"]).port),
    }
    try:

        def directly() -> bool:
            # on a busy machine a hedge may overtake a way that nothing is wrong with
            check = Process([STREAMR, "check"], ports, tmp_path)
            assert check.ended() == 0, check.output
            lists = told_of_lists(check)
            ways = lists.count("direct") + lists.count("overtaken")
            assert ways == 3, check.output
            return lists.count("direct") == 3

        wait_until(directly)
        simulator.switch("api.themoviedb.org", fault="cert-untrusted")
        check = Process([STREAMR, "check"], ports, tmp_path)
        assert check.ended() == 0, check.output
        lists = told_of_lists(check)
        assert lists.count("proxy/") == 3
        told = lists.count("tls_certificate_error")
        assert told + lists.count("overtaken") == 3
        assert told > 0
        simulator.switch(fault="refuse")
        check = Process([STREAMR, "check"], ports, tmp_path)
        assert check.ended() == 1
        assert told_of_lists(check).count("  failed ") == 3
        assert Process([STREAMR, "healthcheck"], ports, tmp_path).ended() == 0
    finally:
        daemon.stop()
    assert Process([STREAMR, "healthcheck"], ports, tmp_path).ended() == 1
    assert Process([STREAMR, "check"], ports, tmp_path).ended() == 1


def told_of_lists(check: Process) -> str:
    """The rows of the lists only, of servers, lists and fallbacks."""
    return "\n".join(each for each in check.lines if "/api/tmdb/" in each)


def test_a_request_in_flight_is_answered_before_the_end(simulator: Simulator) -> None:
    # far longer than it takes to see it there and to stop the daemon
    simulator.switch(fault="slow:delay=2.5")
    daemon = Daemon(simulator.environment, servers=["proxy", "main"])
    parts = urlsplit(daemon.main)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port, timeout=PATIENCE
    )
    connection.request("GET", "/3/movie/550")
    # the simulator has it, behind the probe at the start: now it is in flight
    wait_until(lambda: simulator.counts("api.themoviedb.org")["requests"] >= 2)
    daemon.child.terminate()
    response = connection.getresponse()
    assert response.status == 200
    assert response.headers["Connection"] == "close"
    assert b"Fight Club" in response.read()
    assert daemon.ended() in (0, -signal.SIGTERM)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_says_what_it_waits_for_and_a_second_one_ends_at_once(
    simulator: Simulator, tmp_path: Path, first: int
) -> None:
    # far longer than a test waits: only the second one ends it
    simulator.switch(fault="silence-after-request")
    slow = {**simulator.environment, "STREAMR_DEADLINE": "60"}
    process = Process([STREAMR, "run"], slow, tmp_path)
    main = urlsplit(process.wait_for(r"main +(http://\S+)").group(1))
    process.wait_for("Ctrl-C stops it")
    connection = http.client.HTTPConnection(main.hostname or "", main.port)
    connection.request("GET", "/3/movie/550")
    # the probe at the start, and this one
    wait_until(lambda: simulator.counts("api.themoviedb.org")["requests"] >= 2)
    process.child.send_signal(first)
    process.wait_for("waits for the answers of 1 caller, at most 122 s")
    assert process.stop(signal.SIGINT) == 130
    connection.close()
    assert "Traceback" not in process.output


def test_the_fallback_proves_itself_over_a_plain_http_upstream(tmp_path: Path) -> None:
    # every route equal in every dimension: the start says that they share one fate
    process = Process(
        [STREAMR, "run"],
        {
            **KEY,
            "PORT": "0",
            "PROXY_PORT": "0",
            "TMDB_BASE_URL": "http://127.0.0.1:9/3",
            "TMDB_ALTERNATE_URLS": "http://127.0.0.1:9/3",
        },
        tmp_path,
    )
    process.wait_for("fail whenever it fails")
    process.stop()


def test_bound_wider_the_start_says_what_is_exposed(tmp_path: Path) -> None:
    wide = {**KEY, "PORT": "0", "PROXY_PORT": "0", "HOST": "0.0.0.0"}
    process = Process([STREAMR, "run"], wide, tmp_path)
    process.wait_for("main server on 0.0.0.0 answers everyone")
    process.wait_for("CORS_ORIGINS names no web origin")
    process.stop()
    process = Process([STREAMR, "run"], {**wide, "PROXY_HOST": "0.0.0.0"}, tmp_path)
    assert process.ended() == 78
    assert "STREAMR_PROXY_TOKEN" in process.output
    process = Process([STREAMR, "run"], {**wide, "CORS_ORIGINS": "*"}, tmp_path)
    assert process.ended() == 78
    assert "CORS_ORIGINS" in process.output


@pytest.mark.parametrize("form", ["tac", "plugin", "run"])
@pytest.mark.parametrize("style", ["text", "json"])
def test_no_log_in_any_form_holds_a_key(
    simulator: Simulator, tmp_path: Path, form: str, style: str
) -> None:
    environment = {
        **simulator.environment,
        "STREAMR_LOG_LEVEL": "debug",
        "STREAMR_LOG_FORMAT": style,
        "STREAMR_LOG_FILE": str(tmp_path / "server.log"),
    }
    process = Process(FORMS[form], environment, tmp_path)
    url = process.wait_for(r"main server listens on (http://[0-9.:]+)").group(1)
    simulator.switch("api.themoviedb.org", fault="malformed-head")
    ask(url, f"/3/movie/550?api_key={Simulator.KEY}&session_id=canary-session")
    ask(url, f"/3/movie/550?api_key={Simulator.KEY}&language=de")
    ask(url, f"/{Simulator.KEY}", {"X-Request-Id": Simulator.KEY})
    process.stop()
    log = (tmp_path / "server.log").read_text()
    assert "Attempting proxy fallback" in log
    for text in (process.output, log):
        assert Simulator.KEY not in text
        assert "canary-session" not in text


def _socket_is_a_folder(state: Path) -> str:
    (state / "control.sock").mkdir(parents=True)
    return "no control socket: .*/control.sock: the name is taken by"


def _socket_is_a_file(state: Path) -> str:
    state.mkdir()
    (state / "control.sock").write_text("somebody's")
    return "no control socket: .*/control.sock: the name is taken by"


def _cache_is_garbage(state: Path) -> str:
    state.mkdir()
    for each in ("cache.sqlite", "routes.json"):
        (state / each).write_bytes(b"no database " * 1000)
    return "The cache .*/cache.sqlite cannot be used .* kept as .*.unsound"


def _state_is_below_a_file(state: Path) -> str:
    state.symlink_to("/proc/nothing/state")
    return "there is no folder for state .*answers are kept only in memory"


@pytest.mark.parametrize(
    "spoil",
    [
        _socket_is_a_folder,
        _socket_is_a_file,
        _cache_is_garbage,
        _state_is_below_a_file,
    ],
)
def test_what_is_in_the_way_of_state_costs_a_line_and_not_the_start(
    spoil: Callable[[Path], str], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    said = spoil(state)
    more = {"STREAMR_STATE_DIR": str(state), "STREAMR_WARM": "none"}
    process = Process(
        [STREAMR, "run"], {**KEY, **more, "PORT": "0", "PROXY_PORT": "0"}, tmp_path
    )
    process.wait_for("streamr .* is running")
    assert process.stop() in (0, -signal.SIGTERM)
    told = [line for line in process.lines if re.search(said, line)]
    assert len(told) == 1 and " warn " in told[0], process.output
    assert "Traceback" not in process.output
    if spoil is _socket_is_a_file:
        assert (state / "control.sock").read_text() == "somebody's"


def test_a_log_folder_that_is_lost_costs_a_line_when_it_is_reopened(
    tmp_path: Path,
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    more = {"STREAMR_LOG_FILE": str(logs / "server.log"), "STREAMR_WARM": "none"}
    process = Process(
        [STREAMR, "run"], {**KEY, **more, "PORT": "0", "PROXY_PORT": "0"}, tmp_path
    )
    main = process.wait_for(r"main +(http://\S+)").group(1)
    process.wait_for("Ctrl-C stops")
    logs.rename(tmp_path / "gone")
    process.child.send_signal(signal.SIGUSR1)
    process.wait_for("server.log cannot be opened again .No such file or directory.:")
    assert ask(main, "/api/health").status == 200
    process.stop()
    assert "Traceback" not in process.output
    kept = (tmp_path / "gone/server.log").read_text()
    assert "streamr has stopped" in kept


def test_a_daemonised_twistd_without_a_place_for_its_log_says_so(
    tmp_path: Path,
) -> None:
    (tmp_path / "server.log").mkdir()
    ports = {"PORT": "0", "PROXY_PORT": "0"}
    process = Process(FORMS["daemonised plugin"], {**KEY, **ports}, tmp_path)
    assert process.ended() == 1
    assert "server.log cannot be opened (Is a directory)" in process.output
    assert "set STREAMR_LOG_FILE" in process.output
    assert "Traceback" not in process.output
    assert not (tmp_path / "twistd.pid").exists()
