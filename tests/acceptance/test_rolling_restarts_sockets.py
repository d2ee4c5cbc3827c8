"""One streamr after the other is replaced under load, and no call is lost."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.processes import free_ports
from tests.load import CALLERS, PATHS, load
from tests.processes import PATIENCE, ROOT, Daemon, Process, Simulator, ask, wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("haproxy") is None, reason="haproxy is not installed on this machine"
)
# How often HAProxy may try elsewhere, and the seconds for which a node that is told to
# stop serves on. In a pod nobody tries elsewhere, and the test itself ends the waiting.
WITH_CHECKS, IN_A_POD = (3, 1), (0, 30)


@dataclass
class Fleet:
    """Two nodes by their ports, and HAProxy in front of them."""

    simulator: Simulator
    folder: Path
    ports: dict[str, int]
    stop_delay: int
    url: str = ""
    nodes: dict[str, Daemon] = field(default_factory=dict)

    def start(self, name: str) -> None:
        state = self.folder / name
        state.mkdir(exist_ok=True)
        environment = {
            **self.simulator.environment,
            "PORT": str(self.ports[name]),
            "STREAMR_CACHE_MB": "8",
            "STREAMR_STATE_DIR": str(state),
            "STREAMR_STOP_DELAY": str(self.stop_delay),
            "STREAMR_WARM": "none",
        }
        self.nodes[name] = Daemon(environment, servers=("proxy", "main"))

    def tell(self, words: str) -> str:
        """HAProxy's answer on its socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self.folder / "haproxy.sock"))
            connection.sendall(f"{words}\n".encode())
            return connection.makefile().read()

    def state(self, name: str) -> str:
        """What HAProxy thinks of a node, such as UP."""
        for line in self.tell("show stat").splitlines():
            cells = line.split(",")
            if cells[:2] == ["streamr", name]:
                return cells[17]
        raise AssertionError(f"no {name}")


@pytest.fixture
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fleet]:
    retries, stop_delay = request.param
    simulator = Simulator(tmp_path / "simulator")
    one, other, front = free_ports(3)
    made = Fleet(simulator, tmp_path, {"one": one, "other": other}, stop_delay)
    text = (ROOT / "deploy/haproxy.cfg").read_text(encoding="utf-8")
    for standing, port in (("3001", one), ("3011", other), ("8080", front)):
        text = text.replace(f"127.0.0.1:{standing}", f"127.0.0.1:{port}")
    text = text.replace("retries 3", f"retries {retries}")
    file, place = tmp_path / "haproxy.cfg", tmp_path / "haproxy.sock"
    file.write_text(f"global\n    stats socket {place} level admin\n{text}")
    for name in made.ports:
        made.start(name)
    process = Process(["haproxy", "-db", "-f", str(file)], directory=tmp_path)
    made.url = f"http://127.0.0.1:{front}"
    wait_until(place.exists)
    for name in made.ports:
        wait_until(lambda name=name: made.state(name) == "UP")
    yield made
    process.stop()
    for node in made.nodes.values():
        node.stop(signal.SIGKILL)
        assert "Traceback" not in node.output
    simulator.stop()


@pytest.mark.parametrize("fleet", [WITH_CHECKS], indirect=True)
def test_a_rolling_restart_costs_no_call(fleet: Fleet) -> None:
    answers = [ask(node.main, PATHS[0]) for node in fleet.nodes.values()]
    # a cache in front need not care which of them it asks
    assert len({(each.body, each.headers["ETag"]) for each in answers}) == 1
    with load(fleet.url) as calls:
        for name in fleet.ports:
            calls.more()
            fleet.nodes[name].stop()
            assert "streamr has stopped" in fleet.nodes[name].output
            calls.more()
            fleet.start(name)
            wait_until(lambda name=name: fleet.state(name) == "UP")
        calls.more()
    assert set(calls.seen) == {"200"}, calls.seen


@pytest.mark.parametrize("fleet", [IN_A_POD], indirect=True)
def test_a_pods_end_costs_no_call_though_nodes_learn_of_it_late(fleet: Fleet) -> None:
    """Kubernetes sends SIGTERM and takes the pod out of the Service side by side:
    requests still come meanwhile. There is no health check, and no second try, either.
    """
    for name in fleet.ports:
        fleet.tell(f"disable health streamr/{name}")
    with load(fleet.url) as calls:
        calls.more()
        node = fleet.nodes["one"]
        node.child.send_signal(signal.SIGTERM)
        place = node.main
        wait_until(lambda: ask(place, "/readyz").status == 503)
        assert fleet.state("one").startswith(("UP", "no check"))
        # they are answered, for HAProxy does not know yet
        calls.more()
        fleet.tell("set server streamr/one state maint")
        calls.more()
        # nobody comes any more: what is left of the delay need not be waited for
        node.child.kill()
        calls.more()
    assert set(calls.seen) == {"200"}, calls.seen


@pytest.mark.parametrize("fleet", [WITH_CHECKS], indirect=True)
def test_one_that_is_killed_costs_only_what_it_was_answering(fleet: Fleet) -> None:
    """What had not begun to be answered goes to the other one."""
    with load(fleet.url) as calls:
        calls.more()
        fleet.nodes["one"].stop(signal.SIGKILL)
        calls.more()
        wait_until(lambda: fleet.state("one") == "DOWN")
        calls.more()
    failed = calls.seen.total() - calls.seen["200"]
    assert failed <= CALLERS, calls.seen
