"""Other people's TMDB clients, in which nothing has changed but the base URL.

Each one runs in a process of its own (`use_….py`, `use_….mjs`) against a real daemon
over a simulated TMDB. `docs/clients.md` shows the lines that change.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.clients import environment
from tests.processes import PATIENCE, Daemon, Simulator, ask

HERE = Path(__file__).resolve().parent
DIRECT = "api.themoviedb.org"
# Seconds; short, so that silence is over soon.
DEADLINE = 2.0
# A client gets streamr's error and does not wait for its own time-out, or for ever; how
# soon streamr gives up is asked on the idle clock (the fault table). Seconds: only a
# client that hangs takes so long.
HANGING = 10 * DEADLINE

PATHS = {
    "trending": "/3/trending/movie/week",
    "popular": "/3/movie/popular",
    "top_rated": "/3/tv/top_rated",
    "search": "/3/search/movie?query=fight%20club",
    "details": "/3/movie/550?append_to_response=credits",
    "configuration": "/3/configuration",
}
# What each client's errors say, as patterns. An outage is a 503 once every way is known
# to be dead.
BY_STATUS = {
    "unknown": "404",
    "bad_page": "400",
    "for_a_user": "403",
    "dead": "50[234]",
}
BY_WORDS = {
    "unknown": "could not be found",
    "bad_page": "Invalid page: Pages start at 1 and max at 500",
    "for_a_user": "does not act for a TMDB user",
    "dead": "No answer from TMDB",
}


@dataclass(frozen=True)
class Client:
    """How a client tells of errors: its type, or several by question, and words."""

    script: str
    error: str
    says: dict[str, str]
    other_errors: dict[str, str] = field(default_factory=dict)
    # what it has no call for
    lacks: frozenset[str] = frozenset()

    def expected(self, question: str) -> tuple[str, str]:
        return self.other_errors.get(question, self.error), self.says[question]


CLIENTS = [
    Client("use_tmdbsimple.py", "HTTPError", {**BY_STATUS, "change": "405"}),
    Client("use_tmdbv3api.py", "TMDbException", BY_WORDS),
    Client(
        "use_themoviedb.py",
        "TMDbHTTPError",
        BY_STATUS,
        {"for_a_user": "TMDbAuthenticationError"},
        lacks=frozenset({"configuration"}),
    ),
    Client("use_tmdbapis.py", "TMDbException", BY_STATUS, {"unknown": "NotFound"}),
    Client("use_moviedb_promise.mjs", "AxiosError", BY_STATUS),
    Client("use_tmdb_ts.mjs", "Object", BY_WORDS, lacks=frozenset({"for_a_user"})),
]
SOUND = ("*", "none")
each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda each: each.script)


@dataclass
class Place:
    """Where the scripts start: by the command `within`, with `more` in their
    environment."""

    folder: Path
    within: Sequence[str] = ()
    more: Mapping[str, str] = field(default_factory=dict)

    def run(self, client: Client, url: str, *questions: str) -> dict[str, Any]:
        """What a client saw, by question. Skips where it cannot be installed."""
        script = HERE / client.script
        if script.suffix == ".mjs":
            # node looks for packages beside the script
            script = self.folder / client.script
            modules = self.folder / "node_modules"
            if not modules.exists():
                modules.symlink_to(installed(environment.node_modules))
            command = ["node", str(script)]
        else:
            command = [str(installed(environment.python)), str(script)]
        done = subprocess.run(
            [*self.within, *command, f"{url}/3", *questions],
            # no proxy, no settings of the developer's own
            env={
                "PATH": os.environ["PATH"],
                "PYTHONDONTWRITEBYTECODE": "1",
                **self.more,
            },
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert Simulator.KEY not in done.stdout
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def installed(part: Callable[[], Path]) -> Path:
    """Where a part of the environment is; skips the test when it is missing."""
    found = tried(part)
    if isinstance(found, environment.Missing):
        pytest.skip(str(found))
    return found


@cache
def tried(part: Callable[[], Path]) -> Path | environment.Missing:
    try:
        return part()
    except environment.Missing as missing:
        return missing


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return placed(tmp_path_factory.mktemp("node"))


def placed(folder: Path, *within: str, more: Mapping[str, str] | None = None) -> Place:
    """A place in a folder, which gets the scripts of the npm clients."""
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, folder)
    return Place(folder, within, more or {})


@dataclass
class World:
    """A daemon over a simulated TMDB."""

    simulator: Simulator
    daemon: Daemon


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world of its own for each state: host, fault, megabytes of cache."""
    host, fault, *megabytes = request.param
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    simulator.switch(host, fault=fault)
    settings = {**simulator.environment, "STREAMR_DEADLINE": str(DEADLINE)}
    if megabytes:
        [settings["STREAMR_CACHE_MB"]] = megabytes
    daemon = Daemon(settings, servers=("proxy", "main"))
    yield World(simulator, daemon)
    daemon.stop()
    simulator.stop()


def states(*found: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("world", found, indirect=True, ids="-".join)


def expected(url: str, question: str) -> Any:
    """What a client should make of streamr's own answer."""
    answer = ask(url, PATHS[question])
    assert answer.status == 200, answer.body
    if question == "configuration":
        return answer.json["images"]["secure_base_url"]
    if question == "details":
        cast = [each["id"] for each in answer.json["credits"]["cast"]]
        return {"title": answer.json["title"], "cast": cast}
    found = [each["id"] for each in answer.json["results"]]
    assert found
    return found


def right(told: dict[str, Any], client: Client, url: str) -> None:
    for question in PATHS.keys() - client.lacks:
        assert told[question].get("answer") == expected(url, question), told[question]


def its_own_error(told: dict[str, Any], error: tuple[str, str]) -> None:
    name, words = error
    assert told.get("error") == name, told
    assert re.search(words, told["says"]), told


@each_client
@states(SOUND)
def test_a_client_gets_its_answers_and_its_own_errors(
    place: Place, world: World, client: Client
) -> None:
    told = place.run(client, world.daemon.main)
    right(told, client, world.daemon.main)
    for question in client.says.keys() - client.lacks - {"dead"}:
        its_own_error(told[question], client.expected(question))


@each_client
@states((DIRECT, "reset-after-hello"))
def test_a_client_does_not_notice_that_the_direct_way_is_broken(
    place: Place, world: World, client: Client
) -> None:
    questions = PATHS.keys() - client.lacks
    told = place.run(client, world.daemon.main, *questions)
    right(told, client, world.daemon.main)
    assert world.simulator.counts(DIRECT)["requests"] == 0


@each_client
@states(("*", "refuse"), ("*", "silence-after-hello"))
def test_a_client_sees_its_own_error_in_time_when_tmdb_is_out_of_reach(
    place: Place, world: World, client: Client
) -> None:
    told = place.run(client, world.daemon.main, "popular")["popular"]
    its_own_error(told, client.expected("dead"))
    assert told["seconds"] < HANGING


@states(("*", "none", "8"))
def test_no_client_notices_an_outage_of_what_it_had_before(
    place: Place, world: World
) -> None:
    def popular(client: Client) -> Any:
        return place.run(client, world.daemon.main, "popular")["popular"]["answer"]

    before = [popular(client) for client in CLIENTS]
    world.simulator.switch(fault="refuse")
    assert [popular(client) for client in CLIENTS] == before
    assert all(before)


@states(SOUND)
def test_a_browser_may_send_what_tmdb_ts_sends(place: Place, world: World) -> None:
    [client] = [each for each in CLIENTS if each.script == "use_tmdb_ts.mjs"]
    sent = place.run(client, world.daemon.main, "headers")["headers"]["answer"]
    assert "Authorization" in sent
    preflight = ask(
        world.daemon.main,
        "/3/movie/popular",
        {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": ",".join(sorted(sent)).lower(),
        },
        method="OPTIONS",
    )
    assert preflight.status == 204
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {name.lower() for name in sent} <= set(allowed)
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in preflight.headers["Access-Control-Allow-Methods"]
