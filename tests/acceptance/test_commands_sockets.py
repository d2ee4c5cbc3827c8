"""The commands against real daemons, as a person types them."""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.processes import STREAMR, Daemon, Process, Simulator, ask
from tests.stack import closed_port

DIRECT = "api.themoviedb.org"
# Three times it waits for a probe, half a minute each at most (seconds): only a drill
# that hangs takes so long.
DRILL_PATIENCE = 120.0


# What a command may load beside the standard library: rooms of ours, and packages.
CORE = "boundaries keypins cli commands config errors networks terminal tmdb"
MAY_LOAD = {
    "version": ("cli terminal", ""),
    "version --json": ("cli terminal", ""),
    "healthcheck": (CORE, "dotenv"),
    "routes": (CORE, "dotenv rich"),
    "cache stats": (f"{CORE} policy", "dotenv rich"),
    "cache purge --all": (f"{CORE} policy", "dotenv rich"),
    "config": (f"{CORE} policy", "dotenv rich"),
    "check": (f"{CORE} doctor fields", "dotenv rich http_sf typing_extensions"),
}
TELLING = """
import atexit, sys
before = set(sys.modules)
atexit.register(lambda: print("loaded:", *sorted(set(sys.modules) - before)))
from streamr.cli import main
main(sys.argv[1:])
"""


class Demo(Process):
    """A running `streamr demo`, and the commands that ask it."""

    def __init__(self, place: Path) -> None:
        # every request goes to the simulator when it should
        ports = {"PORT": "0", "PROXY_PORT": "0", "STREAMR_WARM": "none"}
        super().__init__([STREAMR, "demo"], ports, place)
        self.place = place
        self.proxy = self.wait_for(r"proxy +(http://\S+)").group(1)
        self.main = self.wait_for(r"main +(http://\S+)").group(1)
        self.wait_for("Ctrl-C stops it")

    def command(self, *words: str) -> Process:
        return self.run(STREAMR, *words)

    def run(self, *words: str) -> Process:
        """A program of the same user; no flag says where the demo is."""
        return Process(words, {"XDG_STATE_HOME": self.state_home}, self.place)

    def fault(self) -> str:
        found: str = ask(self.main, "/demo/state").json["hosts"][DIRECT]["fault"]
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    assert running.stop(signal.SIGINT) == 0


def test_the_drill_sees_every_list_answered_and_the_direct_way_come_back(
    demo: Demo,
) -> None:
    drill = demo.command("check", "--drill")
    assert drill.ended(DRILL_PATIENCE) == 0, drill.output
    assert "ok: all " in drill.output
    for cause in ("tls_reset", "overtaken", "http_response_invalid"):
        assert cause in drill.output
    assert demo.fault() == "none"


def test_an_interrupted_drill_heals_what_it_broke(demo: Demo) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        drill = demo.command("check", "--drill")
        drill.wait_for("drill: broken: ")
        assert drill.stop(number) == 130, drill.output
        assert "what was broken has been repaired" in drill.output
        assert "Traceback" not in drill.output
        assert demo.fault() == "none"


def test_the_drill_leaves_alone_what_somebody_else_broke(demo: Demo) -> None:
    ask(demo.main, f"/demo/fault?host={DIRECT}&fault=html", method="POST")
    drill = demo.command("check", "--drill")
    assert drill.ended() == 1
    assert "already broken (html)" in drill.output
    assert demo.fault() == "html"


def test_a_daemon_that_is_no_demo_is_not_drilled(tmp_path: Path) -> None:
    settings = {"TMDB_API_KEY": Simulator.KEY, "PORT": "0", "STREAMR_WARM": "none"}
    daemon = Daemon({**settings, "STREAMR_ONLY": "main"}, servers=["main"])
    try:
        port = str(urlsplit(daemon.main).port)
        drill = Process([STREAMR, "check", "--drill", "--port", port], None, tmp_path)
        assert drill.ended() == 1, drill.output
    finally:
        daemon.stop()
    assert "is not a demo; nothing was changed" in drill.output
    assert "attempt failed" not in daemon.output


def test_the_commands_that_ask_a_daemon_find_the_demo(demo: Demo) -> None:
    ask(demo.main, "/3/movie/550")
    for words, said in (
        (("routes",), "direct"),
        (("cache", "stats"), "1 answers, "),
        (("cache", "purge", "--all"), "1 answer deleted"),
    ):
        command = demo.command(*words)
        assert command.ended() == 0, command.output
        assert said in command.output


def test_a_command_loads_what_it_needs_and_neither_reactor_nor_treq(
    demo: Demo,
) -> None:
    for line, (rooms, packages) in MAY_LOAD.items():
        command = demo.run(sys.executable, "-c", TELLING, *line.split())
        # a key and the ports of this demo are not in the settings
        status = {"config": 78, "healthcheck": 1}.get(line, 0)
        assert command.ended() == status, command.output
        loaded = command.wait_for("^loaded: (.*)").group(1).split()
        ours = {each.split(".")[1] for each in loaded if each.startswith("streamr.")}
        # the package itself looks what a supervisor passed on
        ours.discard("net")
        tops = {each.partition(".")[0] for each in loaded} - {"streamr"}
        assert ours <= set(rooms.split()), line
        assert tops - set(sys.stdlib_module_names) <= set(packages.split()), line


def test_check_says_by_whom_and_why_not_direct(demo: Demo) -> None:
    ask(demo.main, f"/demo/fault?host={DIRECT}&fault=reset-after-hello", method="POST")
    check = demo.command("check", "--json")
    assert check.ended() == 0, check.output
    found = json.loads(check.output)
    lists = [each for each in found if each["what"].startswith("/api/")]
    assert {each["mark"] for each in lists} == {"warning"}
    # a handshake that a busy machine held up may have been overtaken
    causes = {each["cause"] for each in lists}
    assert "tls_reset" in causes
    assert causes <= {"tls_reset", "overtaken"}
    assert all(each["by"].startswith("proxy@") for each in lists)


def test_check_tries_each_fallback_while_the_direct_route_works(
    tmp_path: Path,
) -> None:
    simulator = Simulator(tmp_path / "simulator")
    dead = f"127.0.0.1:{closed_port()}"
    daemon = Daemon(
        {**simulator.environment, "TMDB_PROXY_URL": f"http://{dead}"},
        servers=("proxy", "main"),
    )
    ports = [urlsplit(each).port for each in (daemon.main, daemon.proxy)]
    words = ("--port", str(ports[0]), "--proxy-port", str(ports[1]))
    check = Process([STREAMR, "check", "--json", *words], None, tmp_path)
    assert check.ended() == 0, check.output
    found = {each["what"]: each for each in json.loads(check.output)}
    assert found["/api/tmdb/popular"]["by"] == "direct"
    fallback = found[f"fallback proxy@{dead}"]
    assert (fallback["mark"], fallback["cause"]) == ("warning", "connection_refused")
    assert found[f"fallback proxy@127.0.0.1:{ports[1]}"]["mark"] == "ok"
    daemon.stop()
    simulator.stop()


def test_the_doctor_without_a_key_examines_the_demo_that_runs(demo: Demo) -> None:
    ask(demo.main, f"/demo/fault?host={DIRECT}&fault=reset-after-hello", method="POST")
    doctor = demo.command("doctor")
    assert doctor.ended(60.0) == 1, doctor.output
    assert "this is the demo's network" in doctor.output
    assert f"the name {DIRECT} is filtered" in doctor.output


def test_what_a_demo_has_seen_is_not_kept_for_the_next_start(demo: Demo) -> None:
    ask(demo.main, f"/demo/fault?host={DIRECT}&fault=html", method="POST")
    assert demo.command("check").ended() == 0
    assert demo.stop(signal.SIGINT) == 0
    # a daemon of the same user would take an open breaker or a film for TMDB's
    assert list(Path(demo.state_home).rglob("*.*")) == []


def test_without_a_daemon_a_command_says_what_to_do(tmp_path: Path) -> None:
    for words, next_step in (
        (("check", "--port", "1", "--proxy-port", "2"), "streamr run"),
        (("healthcheck", "--port", "1", "--proxy-port", "2"), "streamr run"),
        (("check", "--drill", "--port", "1"), "streamr demo"),
        (("routes",), "streamr run"),
        (("cache", "stats"), "--state-dir"),
    ):
        command = Process([STREAMR, *words], None, tmp_path)
        assert command.ended() == 1, command.output
        assert next_step in command.output
        assert "Traceback" not in command.output
        assert "Errno" not in command.output


def test_a_busy_control_port_is_a_sentence(demo: Demo, tmp_path: Path) -> None:
    port = str(urlsplit(demo.main).port)
    second = Process([STREAMR, "demo", "--control-port", port], None, tmp_path)
    assert second.ended() == 1
    assert "choose another --control-port" in second.output
    assert "Traceback" not in second.output


def test_ctrl_c_ends_a_waiting_command_without_a_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        words = ("healthcheck", "--only", "main", "--port", port)
        command = Process([STREAMR, *words], None, tmp_path)
        connection, _ = silent.accept()
        with connection:
            assert command.stop(signal.SIGINT) == 130
    assert command.output == ""


def test_a_reader_that_has_read_enough_is_no_error_of_ours(tmp_path: Path) -> None:
    line = f"{STREAMR} config --json | true; {STREAMR} run --help | head -n 1"
    command = Process(["sh", "-c", line], None, tmp_path)
    assert command.ended() == 0
    assert command.output == "Usage: streamr run [options]"
