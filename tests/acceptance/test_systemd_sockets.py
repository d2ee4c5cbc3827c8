"""As systemd runs it: notifications, and listening sockets that it passes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.test_start_sockets import FORMS
from tests.processes import PATIENCE, Process, Simulator, ask

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


@pytest.mark.parametrize("form", FOREGROUND)
def test_systemd_is_told_what_the_daemon_does(
    simulator: Simulator, systemd: socket.socket, tmp_path: Path, form: str
) -> None:
    more = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": WATCHDOG_USEC}
    process = Process(FORMS[form], {**simulator.environment, **more}, tmp_path)
    assert systemd.recv(4096) == b"READY=1"
    for server in ("proxy", "main"):
        url = process.wait_for(rf"{server} server listens on (\S+)").group(1)
        assert ask(url, "/readyz").status == 200
    assert [systemd.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
    process.child.terminate()
    told = systemd.recv(4096)
    while told == b"WATCHDOG=1":
        told = systemd.recv(4096)
    assert told == b"STOPPING=1"
    process.ended()
    assert "Traceback" not in process.output
