"""As systemd runs it: notifications, and listening sockets that it passes on."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.acceptance.test_start_sockets import FORMS
from tests.processes import PATIENCE, Process, Simulator, ask, wait_until

FOREGROUND = ("tac", "plugin", "run")
# Of the daemon's own pings, not of anybody's patience: some of them come in a moment.
WATCHDOG_USEC = "100000"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("simulator"))
    yield made
    made.stop()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(PATIENCE)
        yield made


def next_state(systemd: socket.socket) -> bytes:
    """What is told next, but for the pings, which go on for ever."""
    until = time.monotonic() + PATIENCE
    while (told := systemd.recv(4096)) == b"WATCHDOG=1":
        assert time.monotonic() < until, "nothing but pings"
    return told


@pytest.mark.parametrize("form", FOREGROUND)
def test_systemd_is_told_what_the_daemon_does(
    simulator: Simulator, systemd: socket.socket, tmp_path: Path, form: str
) -> None:
    log = tmp_path / "server.log"
    more = {
        "NOTIFY_SOCKET": systemd.getsockname(),
        "WATCHDOG_USEC": WATCHDOG_USEC,
        "STREAMR_LOG_FILE": str(log),
    }
    process = Process(FORMS[form], {**simulator.environment, **more}, tmp_path)
    assert systemd.recv(4096) == b"READY=1"
    for server in ("proxy", "main"):
        url = process.wait_for(rf"{server} server listens on (\S+)").group(1)
        assert ask(url, "/readyz").status == 200
    assert [systemd.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    log.rename(tmp_path / "rotated.log")
    process.child.send_signal(signal.SIGHUP)
    assert next_state(systemd).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
    assert next_state(systemd) == b"READY=1"
    assert " reloaded: " in log.read_text()
    process.child.terminate()
    assert next_state(systemd) == b"STOPPING=1"
    process.ended()
    assert "Traceback" not in process.output


@pytest.fixture
def sockets() -> Iterator[dict[str, socket.socket]]:
    """The sockets of both socket units."""
    with ExitStack() as opened:
        yield {
            name: opened.enter_context(socket.create_server(("127.0.0.1", 0)))
            for name in ("proxy", "main")
        }


def url(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"http://{host}:{port}"


@pytest.mark.parametrize("form", FORMS)
def test_sockets_are_taken_over_by_their_names_in_every_form(
    simulator: Simulator,
    sockets: dict[str, socket.socket],
    tmp_path: Path,
    form: str,
) -> None:
    process = Process(FORMS[form], simulator.environment, tmp_path, sockets)
    try:
        # who asks before anybody takes connections waits in the queue
        for server, word in (("main", "/api/health"), ("proxy", "/health")):
            assert ask(url(sockets[server]), word).status == 200
    finally:
        if "daemonised" in form:
            assert process.ended() == 0
            os.kill(int((tmp_path / "twistd.pid").read_text()), signal.SIGTERM)
            wait_until(lambda: not (tmp_path / "twistd.pid").exists())
        else:
            process.stop()
    # they still listen: only a process has stopped, not the socket
    for each in sockets.values():
        socket.create_connection(each.getsockname(), PATIENCE).close()


@pytest.mark.parametrize(
    ("names", "more", "told"),
    [
        (("main", "http"), {}, "'http'; allowed: main, proxy"),
        (("", "main"), {}, "'unknown'; allowed: main, proxy"),
        (("main", "proxy"), {"STREAMR_ONLY": "main"}, "mask its socket unit"),
    ],
)
def test_sockets_that_no_server_can_use_are_a_sentence(
    sockets: dict[str, socket.socket],
    tmp_path: Path,
    names: tuple[str, str],
    more: dict[str, str],
    told: str,
) -> None:
    passed = dict(zip(names, sockets.values(), strict=True))
    environment = {"TMDB_API_KEY": Simulator.KEY, **more}
    process = Process(FORMS["tac"], environment, tmp_path, passed)
    assert process.ended() == 78
    assert told in process.output
    assert "Traceback" not in process.output


def test_a_socket_beyond_loopback_is_no_way_round_the_proxys_token(
    tmp_path: Path,
) -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as wide:
        environment = {"TMDB_API_KEY": Simulator.KEY, "PORT": "0"}
        process = Process(FORMS["run"], environment, tmp_path, {"proxy": wide})
        assert process.ended() == 78
    assert "STREAMR_PROXY_TOKEN" in process.output


def test_a_restart_under_load_refuses_nobody(
    simulator: Simulator, sockets: dict[str, socket.socket], tmp_path: Path
) -> None:
    seen: Counter[str] = Counter()
    over = threading.Event()

    def asking(server: str) -> None:
        while not over.is_set():
            try:
                seen[str(ask(url(sockets[server]), "/livez").status)] += 1
            except OSError as error:
                seen[type(error).__name__] += 1
            except http.client.HTTPException as error:
                seen[type(error).__name__] += 1

    callers = [
        threading.Thread(target=asking, args=(server,))
        for server in (*sockets, *sockets)
    ]
    for each in callers:
        each.start()
    try:
        for _ in range(3):
            process = Process(FORMS["tac"], simulator.environment, tmp_path, sockets)
            process.wait_for("main server listens on")
            answered = seen["200"]
            # each of them has asked this daemon several times
            wait_until(lambda before=answered: seen["200"] > before + 40)
            assert process.stop() == -signal.SIGTERM
        process = Process(FORMS["tac"], simulator.environment, tmp_path, sockets)
        process.wait_for("main server listens on")
    finally:
        over.set()
        for each in callers:
            each.join()
    process.stop()
    # nobody was refused, and whoever had a connection was answered
    assert set(seen) == {"200"}, seen
