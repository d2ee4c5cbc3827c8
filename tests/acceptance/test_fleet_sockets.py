"""Three streamr and a real engine, as processes: they share, and its death is nothing.

How quick it is, is for benchmarks/fleet.py: a call to the engine has fifteen
milliseconds, which a busy machine may not give it. Here it is only asked whether what
is shared arrives, and whether every caller is answered.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.processes import free_ports
from streamr.terminal.daemon import ask as ask_daemon
from tests.acceptance.test_engine_sockets import PROGRAM, engine_process
from tests.load import PATHS, load
from tests.processes import (
    Daemon,
    Process,
    Response,
    Simulator,
    ask,
    wait_for_control,
    wait_until,
)

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Valkey, and no Redis")
PASSWORD = "canary-shared-0123"


@dataclass
class Fleet:
    """Nodes that share an engine, and the simulated TMDB."""

    simulator: Simulator
    folder: Path
    port: int
    engine: Process
    nodes: list[Daemon] = field(default_factory=list)
    at: str = ""

    @property
    def url(self) -> str:
        return self.at or f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start_engine(self) -> None:
        self.engine = engine_process(self.folder, self.port, "--requirepass", PASSWORD)

    def add(self) -> Daemon:
        state = self.state(len(self.nodes))
        state.mkdir()
        environment = {
            **self.simulator.environment,
            "STREAMR_CACHE_MB": "8",
            "STREAMR_STATE_DIR": str(state),
            "STREAMR_WARM": "none",
            "STREAMR_SHARED": self.url,
        }
        made = Daemon(environment, servers=("proxy", "main"))
        wait_for_control(state)
        self.nodes.append(made)
        wait_until(lambda: self.shown(made)["up"])
        return made

    def state(self, number: int) -> Path:
        return self.folder / f"state{number}"

    def shown(self, node: Daemon) -> dict[str, object]:
        found: dict[str, object] = ask(node.main, "/status.json").json["fleet"]
        return found

    def purge(self, number: int, **what: str) -> None:
        ask_daemon(self.state(number), "/cache/purge", "POST", **what)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    [port] = free_ports(1)
    simulator = Simulator(folder / "simulator")
    engine = engine_process(folder, port, "--requirepass", PASSWORD)
    made = Fleet(simulator, folder, port, engine)
    for _ in range(3):
        made.add()
    yield made
    for node in made.nodes:
        node.stop()
        assert "Traceback" not in node.output
        assert PASSWORD not in node.output
    made.engine.stop()
    simulator.stop()


def is_shared(answer: Response) -> bool:
    return "detail=shared" in answer.headers["Cache-Status"]


def test_what_one_has_the_others_have(fleet: Fleet) -> None:
    """With the same bytes, the same name, and the right age."""
    seen = []

    def taken() -> bool:
        # a look that had no answer in time is a miss: then another path
        path = f"/3/movie/{100 + len(seen)}"
        answers = [ask(node.main, path) for node in fleet.nodes]
        seen.append(answers)
        return all(is_shared(each) for each in answers[1:])

    wait_until(taken)
    first, *others = seen[-1]
    for each in others:
        assert (each.status, each.body) == (first.status, first.body)
        assert each.headers["ETag"] == first.headers["ETag"]
        assert int(each.headers["Age"]) <= int(first.headers["Age"]) + 5


def test_they_see_each_other(fleet: Fleet) -> None:
    for node in fleet.nodes:
        wait_until(lambda node=node: fleet.shown(node)["nodes"] == 3)
        told = ask(node.main, "/", {"Accept": "text/plain"}).body.decode()
        assert f"shared tier 127.0.0.1:{fleet.port}: there; nodes: 3" in told
        scraped = ask(node.main, "/metrics").body.decode()
        assert "streamr_shared_up 1.0" in scraped
        assert "streamr_shared_nodes 3.0" in scraped


def test_a_purge_on_one_reaches_all(fleet: Fleet) -> None:
    path = "/3/tv/1399"

    def hits() -> list[bool]:
        answers = [ask(node.main, path) for node in fleet.nodes]
        return ["hit" in each.headers["Cache-Status"] for each in answers]

    wait_until(lambda: all(hits()))
    stats = [ask_daemon(fleet.state(n), "/cache")["entries"] for n in range(3)]
    fleet.purge(1, path="/tv/1399")

    def gone() -> bool:
        now = [ask_daemon(fleet.state(n), "/cache")["entries"] for n in range(3)]
        return all(a < b for a, b in zip(now, stats, strict=True))

    wait_until(gone)
    # and what was shared before it is no answer any more: one of them asks TMDB again
    first, *_ = [ask(node.main, path) for node in fleet.nodes]
    assert "fwd=uri-miss" in first.headers["Cache-Status"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_its_death_costs_no_call(fleet: Fleet, how: signal.Signals) -> None:
    node = fleet.nodes[0]
    paths = [f"{path}?language={how.name[3:5].lower()}" for path in PATHS]
    with load(node.main, paths) as calls:
        calls.more()
        fleet.engine.child.send_signal(how)
        if how is signal.SIGKILL:
            fleet.engine.ended()
        # something has to be looked for, for anybody to notice
        wanted = iter(range(5000, 6000))

        def noticed() -> bool:
            assert ask(node.main, f"/3/movie/{next(wanted)}").status in (200, 404)
            return not fleet.shown(node)["up"]

        wait_until(noticed)
        calls.more()
        assert ask(node.main, "/readyz").status == 200
        if how is signal.SIGKILL:
            fleet.start_engine()
        else:
            fleet.engine.child.send_signal(signal.SIGCONT)
        wait_until(lambda: fleet.shown(node)["up"])
        calls.more()
    assert set(calls.seen) == {"200"}, calls.seen
    changes = [line for line in node.output.splitlines() if "shared tier is" in line]
    # there at the start; then away and there again for each time
    assert [("away" in each) for each in changes[-2:]] == [True, False]
    assert len(changes) <= 1 + 2 * 2


def test_a_node_that_is_added_takes_what_there_is(fleet: Fleet) -> None:
    node = fleet.add()
    numbers = iter(range(7000, 8000))

    def taken() -> bool:
        path = f"/3/movie/{next(numbers)}"
        first, other = ask(fleet.nodes[0].main, path), ask(node.main, path)
        assert first.body == other.body
        return is_shared(other)

    wait_until(taken)


def test_over_a_unix_socket_as_well(tmp_path: Path) -> None:
    [port] = free_ports(1)
    place = tmp_path / "engine.sock"
    engine = engine_process(tmp_path, port, "--unixsocket", str(place))
    simulator = Simulator(tmp_path / "simulator")
    made = Fleet(simulator, tmp_path, port, engine, at=f"unix://{place}")
    node = made.add()
    assert made.shown(node)["engine"] == str(place)
    assert ask(node.main, "/3/movie/550").status == 200
    node.stop()
    engine.stop()
    simulator.stop()


def test_a_wrong_password_is_named_and_streamr_serves_on(tmp_path: Path) -> None:
    [port] = free_ports(1)
    engine = engine_process(tmp_path, port, "--requirepass", PASSWORD)
    simulator = Simulator(tmp_path / "simulator")
    environment = {
        **simulator.environment,
        "STREAMR_CACHE_MB": "8",
        "STREAMR_STATE_DIR": str(tmp_path),
        "STREAMR_SHARED": f"redis://:canary-wrong@127.0.0.1:{port}",
    }
    node = Daemon(environment, servers=("proxy", "main"))
    node.wait_for("the shared tier is away.*(WRONGPASS|invalid)")
    assert ask(node.main, "/3/movie/550").status == 200
    assert ask(node.main, "/readyz").status == 200
    node.stop()
    assert "canary-wrong" not in node.output
    engine.stop()
    simulator.stop()
