"""What seven public apps ask, sent to a whole streamr over a simulated TMDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.clients.app_calls import AppCall, calls, difference, wrong_shape
from tests.processes import Daemon, Response, Simulator, ask, wait_until

HOSTS = ("api.themoviedb.org", "api.tmdb.org")
BASES = (
    ("main", "/api/tmdb"),
    ("main", "/3"),
    ("proxy", "/3"),
    ("proxy", "/api"),
)


@dataclass
class World:
    """A daemon over a simulated TMDB."""

    simulator: Simulator
    daemon: Daemon

    def asked(self) -> set[str]:
        """The targets that TMDB was asked for since the last look."""
        found = {
            request["path"]
            for host in HOSTS
            for request in self.simulator.counts(host)["last_requests"]
        }
        self.simulator.switch(reset_counts=True)
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    # as fast as they come: the TMDB is ours
    settings = {**simulator.environment, "STREAMR_RATE": "1000"}
    daemon = Daemon(settings, servers=("proxy", "main"))
    # the probe at the start is none of the calls
    wait_until(lambda: simulator.counts(HOSTS[0])["requests"] >= 1)
    yield World(simulator, daemon)
    daemon.stop()
    simulator.stop()


@pytest.mark.parametrize(("server", "base"), BASES, ids="".join)
def test_every_call_gets_its_answer(world: World, server: str, base: str) -> None:
    world.asked()
    found = []
    for call in calls():
        answer = ask(world.daemon.urls[server], base + call.target)
        told = wrong(call, answer, world.asked())
        found += [f"{call}\n    {words}" for words in told if words]
    assert not found, f"{len(found)} complaints:\n" + "\n".join(found)


def wrong(call: AppCall, answer: Response, asked: set[str]) -> Iterator[str | None]:
    """What is not as the table has it, of the answer and of what TMDB was asked."""
    yield wrong_shape(call, answer.status, answer.json)
    if len(asked) != (call.status == 200):
        yield f"TMDB was asked {len(asked)} things"
    for target in asked:
        path, _, query = target.partition("?")
        yield difference(call, path, query)
