"""The cache of a real `twistd -y streamr.tac` against a real simulator process.

What callers get, and what the simulator itself counted. How many requests a crowd costs
and how soon an error comes is asked in the test's own reactor, where time passes only
while nothing happens (tests/stack.py).
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import sqlite3
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import http_sf
import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from streamr.store.sqlite import DiskStore
from streamr.terminal.daemon import ask as ask_daemon
from tests.processes import (
    PATIENCE,
    STREAMR,
    Daemon,
    Response,
    Simulator,
    ask,
    wait_for_control,
)
from tests.stack import DIRECT, OTHER, Got, Stack

BOTH = ("proxy", "main")
# What a purge of one answer tells where nothing stands in front.
PURGED = {"purged": 1, "in_front": []}
# Answers and pictures have routes of their own.
ROUTED = {*BOTH, *(f"{each}-pictures" for each in BOTH)}
HOT = [f"/3/search/movie?query=hot%20{number}" for number in range(300)]
# Faults that strike when a request is there: what they leave behind must not be kept.
POISON = (
    "short-body",
    "reset-in-body",
    "cut-chunks",
    "no-length-fin",
    "no-length-rst",
    "corrupt-gzip",
    "cut-gzip",
    "gzip-bomb",
    "gzip-unlabelled",
    "html",
    "cut-json",
    "empty",
    "redirect",
    "status:code=500",
    "status:code=503,body=html",
    "status:code=401",
    "status:code=403,body=html",
    "status:code=404",
    "rate-limit",
    "oversize",
    "error-200",
    "wrong-id",
    "malformed-head",
    "long-header",
    "reset-after-request",
    "fin-after-request",
    "reset-in-headers",
)
# Breakers that opened several times pause for long, but only a test that hangs waits so
# long (seconds).
HEALING_PATIENCE = 60.0
# One endpoint of each kind of body.
PATHS = (
    "/3/movie/550",
    "/3/movie/550/credits",
    "/3/movie/550/keywords",
    "/3/movie/550/images",
    "/3/tv/1396/season/1",
    "/3/movie/popular",
    "/3/search/movie?query=fight",
    "/3/genre/movie/list",
    "/3/configuration",
    "/3/configuration/languages",
)


class House:
    """Daemons that come and go over one state directory, and a simulator for all."""

    def __init__(self, simulator: Simulator, directory: Path) -> None:
        self.state = directory / "state"
        self.simulator = simulator
        self.daemons: list[Daemon] = []
        simulator.switch(fault="none", reset_counts=True)

    def start(self, more: Mapping[str, str] | None = None) -> Daemon:
        environment = {
            **self.simulator.environment,
            "STREAMR_CACHE_MB": "64",
            "STREAMR_STATE_DIR": str(self.state),
            "STREAMR_WARM": "none",
            "STREAMR_RATE": "1000",
            **(more or {}),
        }
        daemon = Daemon(environment, servers=BOTH)
        self.daemons.append(daemon)
        wait_for_control(Path(environment["STREAMR_STATE_DIR"]))
        return daemon

    def requests(self) -> int:
        """How many requests reached TMDB, by any of its names."""
        return sum(self.simulator.counts(h)["requests"] for h in (DIRECT, OTHER))

    @property
    def file(self) -> Path:
        """Where the answers of this simulator are kept."""
        (found,) = self.state.glob("cache*.sqlite")
        return found

    def purge(self, **more: Any) -> int:
        """Purge over the control socket; how many went."""
        count: int = ask_daemon(self.state, "/cache/purge", "POST", **more)["purged"]
        return count

    def rows(self) -> int:
        """How many records stand in the file."""
        with closing(sqlite3.connect(self.file)) as database:
            (count,) = database.execute("SELECT count(*) FROM responses").fetchone()
            return int(count)

    def wait_for_rows(self, count: int) -> None:
        """Until so many records stand in the file, which takes a moment."""
        until = time.monotonic() + PATIENCE
        while (found := self.rows()) != count and time.monotonic() < until:
            pass
        assert found == count

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`streamr …` for the running daemon."""
        kept = {"PATH": os.environ["PATH"], "STREAMR_STATE_DIR": str(self.state)}
        return subprocess.run(
            [STREAMR, *words],
            env=kept,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=self.state.parent,
        )

    def told(self, *words: str) -> Any:
        done = self.command(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def made_older(self, seconds: float) -> None:
        """What stands in the file is so much older, with checksums that fit."""
        began = time.time() - 5000.0
        old = DiskStore(self.file, 10_000, lambda: 5000.0, lambda: began + 5000.0)
        found = old.load()
        aged = [replace(each, stored_at=each.stored_at - seconds) for each in found]
        old.write(aged, [])
        old.close()

    def stop(self) -> None:
        for daemon in self.daemons:
            if daemon.child.poll() is None:
                daemon.stop()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    made = Simulator(tmp_path_factory.mktemp("simulator"), "--seed", "7")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def long_lived(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    made = House(simulator, tmp_path_factory.mktemp("shared"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def shared(long_lived: House) -> House:
    """A house whose daemon is up, with an empty cache and nothing counted."""
    long_lived.simulator.switch(fault="none", reset_counts=True)
    long_lived.purge(all="1")
    return long_lived


@pytest.fixture
def house(simulator: Simulator, tmp_path: Path) -> Iterator[House]:
    made = House(simulator, tmp_path)
    yield made
    made.stop()


def parameters(cache_status: str) -> dict[str, str]:
    """The parameters of Cache-Status, read back."""
    ((_, found),) = http_sf.parse(cache_status.encode(), tltype="list")
    return {name: str(value) for name, value in found.items()}


def use(answer: Response) -> dict[str, str]:
    return parameters(answer.headers["Cache-Status"])


def is_hit(answer: Response) -> bool:
    return answer.status == 200 and "hit" in use(answer)


async def crowd(stack: Stack, count: int) -> list[Got]:
    """So many callers of one key at once."""
    asking = [stack.get("/3/movie/550") for _ in range(count)]
    answers: list[Got] = await gatherResults(map(Deferred.fromCoroutine, asking))
    return answers


def read_all(url: str, paths: list[str]) -> list[Response]:
    """Many requests on one connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    found = []
    for path in paths:
        connection.request("GET", path)
        response = connection.getresponse()
        found.append(Response(response.status, response.headers, response.read(), 0))
    connection.close()
    return found


@pytest_twisted.async_yield_fixture
async def stack(reactor: Any, tmp_path: Path) -> AsyncIterator[Stack]:
    """A house in the test's own reactor: nobody is hedged because a machine is busy."""
    more = {"STREAMR_CACHE_MB": "64", "STREAMR_WARM": "none", "STREAMR_DEADLINE": "1"}
    made = Stack(reactor, tmp_path, more)
    yield made
    await made.stop()


def reached(stack: Stack) -> int:
    """How many requests reached TMDB, by any of its names."""
    return stack.requests(DIRECT) + stack.requests(OTHER)


@pytest_twisted.ensureDeferred
async def test_main_waits_for_its_own_proxy_on_a_cold_key_and_not_for_itself(
    stack: Stack,
) -> None:
    stack.simulator.set_fault(DIRECT, "reset-after-hello")
    answer = await stack.get("/3/movie/550")
    assert (answer.status, answer.json["id"]) == (200, 550)
    assert answer.seconds < 0.1
    assert "x-proxy-source" in answer.headers
    # main has it now; the proxy kept nothing and asks again
    again = await stack.get("/3/movie/550")
    assert "hit" in parameters(again.headers["cache-status"])
    before = reached(stack)
    await stack.get("/3/movie/550", server="proxy")
    assert reached(stack) == before + 1


@pytest.mark.parametrize("count", [100, 200])
@pytest_twisted.ensureDeferred
async def test_a_stampede_on_a_cold_key_is_one_upstream_request(
    stack: Stack, count: int
) -> None:
    before = await stack.settle()
    # below the hedge time, so that one request is all there can be
    stack.simulator.set_fault("*", "slow:delay=0.2")
    answers = await crowd(stack, count)
    assert {each.status for each in answers} == {200}
    assert len({each.body for each in answers}) == 1
    assert reached(stack) - before == 1


@pytest_twisted.ensureDeferred
async def test_a_slow_stampede_is_two_upstream_requests_with_its_hedge(
    stack: Stack,
) -> None:
    before = await stack.settle()
    stack.simulator.set_fault("*", "slow:delay=0.3")
    answers = await crowd(stack, 100)
    assert {each.status for each in answers} == {200}
    assert reached(stack) - before == 2


@pytest_twisted.ensureDeferred
async def test_everything_dead_and_a_cold_key_tells_the_attempts(stack: Stack) -> None:
    stack.simulator.set_fault("*", "silence-after-request")
    answer = await stack.get("/3/movie/550")
    assert answer.status == 504
    assert answer.seconds < stack.settings.deadline + 0.1
    assert parameters(answer.headers["cache-status"])["fwd"] == "uri-miss"
    assert answer.json["details"]["attempts"]


def test_after_kill_9_the_hot_set_is_served_from_the_store(house: House) -> None:
    daemon = house.start()
    for answer in read_all(daemon.main, HOT):
        assert answer.status == 200
    house.wait_for_rows(len(HOT))
    daemon.stop(signal.SIGKILL)
    again = house.start()
    before = house.requests()
    answers = read_all(again.main, HOT)
    assert sum(map(is_hit, answers)) >= 0.99 * len(HOT)
    assert house.requests() - before <= 0.01 * len(HOT)
    assert all("Age" in each.headers for each in answers)
    # the lock and the socket of the one that was killed are in nobody's way
    assert set(house.told("routes")) == ROUTED


@pytest.mark.parametrize("damage", ["garbage", "torn", "flipped", "empty"])
def test_a_corrupted_file_is_never_fatal_and_never_believed(
    house: House, damage: str
) -> None:
    daemon = house.start()
    good = {each: ask(daemon.main, each).body for each in PATHS}
    daemon.stop()
    file = house.file
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(
        {
            "garbage": b"no database " * 1000,
            "torn": whole[:middle],
            "flipped": whole[:middle] + b"\xff" * 64 + whole[middle + 64 :],
            "empty": b"",
        }[damage]
    )
    again = house.start()
    for path, body in good.items():
        answer = ask(again.main, path)
        assert (answer.status, answer.body) == (200, body)
    assert is_hit(ask(again.main, PATHS[0]))
    if damage in ("garbage", "torn"):
        assert list(house.state.glob("*.unsound"))
    assert "Traceback" not in again.output


def test_a_state_directory_that_is_in_use_as_a_file_is_not_fatal(house: House) -> None:
    blocked = house.state.parent / "blocked"
    (blocked / "cache.sqlite" / "x").mkdir(parents=True)
    daemon = house.start({"STREAMR_STATE_DIR": str(blocked)})
    assert ask(daemon.main, "/3/movie/550").status == 200
    assert is_hit(ask(daemon.main, "/3/movie/550"))


def test_the_control_socket_and_its_folder_are_for_the_owner_alone(
    shared: House,
) -> None:
    shared.told("routes")
    modes = [
        stat.S_IMODE(path.stat().st_mode)
        for path in (shared.state, shared.state / "control.sock")
    ]
    assert modes == [0o700, 0o600]


def test_stats_tell_what_is_there(shared: House) -> None:
    daemon = shared.daemons[0]
    assert shared.told("cache", "stats")["entries"] == 0
    for path in (*PATHS, "/3/movie/680", "/3/movie/999999999"):
        ask(daemon.main, path)
    stats = shared.told("cache", "stats")
    assert stats["entries"] == len(PATHS) + 2
    assert 0 < stats["bytes"] <= stats["most_bytes"] == 64 * 1024 * 1024
    assert stats["by_class"]["missing"] == 1
    assert stats["by_state"] == {"fresh": len(PATHS) + 2}


def test_a_purge_takes_what_it_was_told_and_nothing_else(shared: House) -> None:
    daemon = shared.daemons[0]
    for path in (*PATHS, "/3/movie/680"):
        ask(daemon.main, path)
    # a path takes along what lies below it, and nothing that only begins alike
    assert shared.purge(path="/movie/55") == 0
    assert shared.purge(path="/movie/550") == 4
    assert not is_hit(ask(daemon.main, "/3/movie/550/credits"))
    assert is_hit(ask(daemon.main, "/3/movie/680"))
    assert shared.purge(**{"class": "search"}) == 1
    assert shared.purge(all="1") > 5
    assert shared.told("cache", "stats")["entries"] == 0
    for wrong in ({"class": "nonsense"}, {}):
        with pytest.raises(ValueError, match="class"):
            shared.purge(**wrong)


def test_curl_asks_and_purges_over_the_control_socket(shared: House) -> None:
    def curl(*words: str) -> Any:
        line = ("curl", "-s", "--unix-socket", str(shared.state / "control.sock"))
        done = subprocess.run([*line, *words], capture_output=True, check=True)
        return json.loads(done.stdout)

    daemon = shared.daemons[0]
    ask(daemon.main, "/3/movie/550")
    servers = curl("http://streamr/running")["servers"]
    assert servers == daemon.urls
    assert curl("http://streamr/routes")["main"][0]["route"] == "direct"
    assert curl("http://streamr/cache")["entries"] == 1
    assert curl("-X", "POST", "http://streamr/cache/purge?all=1") == PURGED
    told = curl("-X", "POST", "http://streamr/cache/purge?pth=/movie")
    assert "'pth'; allowed, once each: all, class, path" in told["status_message"]
    # nothing of TMDB's is there, and no browser's page reaches a Unix socket
    assert "; known: " in curl("http://streamr/3/movie/550")["status_message"]


@pytest.mark.parametrize(
    "words", [("--all",), ("--class", "details"), ("--path", "/movie/550")]
)
def test_the_command_purges_as_its_help_says(
    shared: House, words: tuple[str, ...]
) -> None:
    """`streamr cache --help`: streamr cache purge --path /movie/550."""
    daemon = shared.daemons[0]
    ask(daemon.main, "/3/movie/550")
    assert shared.told("cache", "purge", *words) == PURGED


def test_a_command_without_a_target_purges_nothing_and_says_why(shared: House) -> None:
    daemon = shared.daemons[0]
    ask(daemon.main, "/3/movie/550")
    done = shared.command("cache", "purge")
    assert (done.returncode, done.stdout) == (2, "")
    assert "say what to purge" in done.stderr
    assert shared.told("cache", "stats")["entries"] == 1


def test_an_empty_path_purges_nothing(shared: House) -> None:
    """As in `--path "$UNSET"`: that must not empty the cache."""
    daemon = shared.daemons[0]
    ask(daemon.main, "/3/movie/550")
    with suppress(ValueError):
        shared.purge(path="")
    assert shared.told("cache", "stats")["entries"] == 1


def test_what_was_purged_does_not_come_back_after_kill_9(house: House) -> None:
    daemon = house.start()
    read_all(daemon.main, HOT[:20])
    house.wait_for_rows(20)
    house.purge(all="1")
    ask(daemon.main, "/3/movie/550")
    house.wait_for_rows(1)
    daemon.stop(signal.SIGKILL)
    again = house.start()
    assert house.told("cache", "stats")["entries"] == 1
    assert not is_hit(ask(again.main, HOT[0]))


def test_routes_tell_what_each_way_last_did(shared: House) -> None:
    daemon = shared.daemons[0]
    ask(daemon.main, "/3/movie/550")
    told = shared.told("routes")
    assert set(told) == ROUTED
    assert "direct" in json.dumps(told["main"])
    assert Simulator.KEY not in json.dumps(told)


def test_without_a_daemon_the_command_says_so(house: House) -> None:
    done = house.command("cache", "stats")
    assert done.returncode == 1
    assert "no running streamr" in done.stderr


def test_a_lock_of_a_dead_daemon_whose_number_lives_on_is_no_obstacle(
    house: House,
) -> None:
    """In a container the daemon has the same number after every crash."""
    house.state.mkdir()
    (house.state / "control.sock.lock").symlink_to(str(os.getpid()))
    house.start()
    assert house.command("routes").returncode == 0


def test_everything_dead_and_a_warm_key_is_a_200(shared: House) -> None:
    daemon = shared.daemons[0]
    before = ask(daemon.main, "/3/movie/550")
    shared.simulator.switch(fault="refuse")
    answer = ask(daemon.main, "/3/movie/550")
    assert (answer.status, answer.body) == (200, before.body)
    assert answer.headers["Age"].isdigit()
    # from the store at once: nobody asked TMDB, and nobody waited for it
    assert is_hit(answer)
    assert "fwd" not in use(answer)
    assert "Proxy-Status" not in answer.headers


def test_everything_dead_and_a_stale_key_is_a_200_with_a_stale_status(
    house: House,
) -> None:
    """The record is made old in the file, as an hour's sleep of the machine would."""
    daemon = house.start()
    before = {path: ask(daemon.main, path).body for path in PATHS}
    house.wait_for_rows(len(PATHS))
    daemon.stop()
    house.made_older(3 * 86400.0)
    house.simulator.switch(fault="refuse")
    again = house.start()
    for path, body in before.items():
        answer = ask(again.main, path)
        assert (answer.status, answer.body) == (200, body), path
        assert int(answer.headers["Age"]) >= 3 * 86400
        assert use(answer)["detail"].startswith("stale-"), path
        assert int(use(answer)["ttl"]) < 0


def test_a_stored_answer_in_every_coding_and_condition(shared: House) -> None:
    daemon = shared.daemons[0]
    first = ask(daemon.main, "/3/movie/popular")
    tag = first.headers["ETag"]
    plain = ask(daemon.main, "/3/movie/popular", {"Accept-Encoding": "identity"})
    packed = ask(daemon.main, "/3/movie/popular", {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body == first.body
    assert plain.headers["ETag"] == packed.headers["ETag"] == tag
    for answer in (first, plain, packed):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Content-Length"] == str(len(answer.body))
        assert answer.headers["Cache-Control"].startswith("public, max-age=")
        assert "stale-if-error=" in answer.headers["Cache-Control"]
    unchanged = ask(daemon.main, "/3/movie/popular", {"If-None-Match": tag})
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert unchanged.headers["ETag"] == tag
    head = ask(daemon.main, "/3/movie/popular", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(plain.body))
    # TMDB was asked once, and not again for another form
    assert use(first)["fwd"] == "uri-miss"
    for answer in (plain, packed, unchanged, head):
        assert "hit" in use(answer)


def test_equal_bytes_have_one_tag_on_every_machine(
    house: House, tmp_path: Path
) -> None:
    first = house.start()
    second = house.start({"STREAMR_STATE_DIR": str(tmp_path / "other")})
    tags = [ask(each.main, "/3/movie/550").headers["ETag"] for each in (first, second)]
    assert tags[0] == tags[1]


def test_no_http_fault_poisons_anything(house: House) -> None:
    """Cold on both hosts, each fault in turn; afterwards every read is right.

    Two paths for most faults: five failures in a row would open the breakers.
    """
    with_cache = house.start({"STREAMR_DEADLINE": "2"})
    other = house.state.parent / "plain"
    right = house.start({"STREAMR_CACHE_MB": "0", "STREAMR_STATE_DIR": str(other)})
    good = {path: json.loads(ask(right.main, path).body) for path in PATHS}
    right.stop()
    wrong: list[str] = []
    for number, fault in enumerate(POISON):
        whole = fault in ("wrong-id", "error-200")
        first = 2 * number % len(PATHS)
        struck = PATHS if whole else PATHS[first : first + 2]
        if fault == "wrong-id":
            # one list of genres looks like the other: nothing could tell them apart
            struck = [path for path in struck if "/genre/" not in path]
        house.purge(all="1")
        house.simulator.switch(fault=fault)
        with ThreadPoolExecutor(len(struck)) as pool:
            answers = pool.map(lambda path: ask(with_cache.main, path), struck)
            during = dict(zip(struck, answers, strict=True))
        for path, answer in during.items():
            if answer.status == 200 and answer.json != good[path]:
                wrong.append(f"during {fault}: {path}")
        house.simulator.switch(fault="none")
        if fault == "status:code=404":
            # true for a minute, as far as anyone can tell
            house.purge(**{"class": "missing"})
        for path in struck:
            answer = healed(with_cache.main, path)
            if (answer.status, answer.json) != (200, good[path]):
                wrong.append(f"after {fault}: {path} {answer.status}")
    assert wrong == []


def healed(url: str, path: str) -> Response:
    """The answer once TMDB is well; breakers and pauses may need a moment for it."""
    until = time.monotonic() + HEALING_PATIENCE
    while True:
        answer = ask(url, path)
        if answer.status == 200 or time.monotonic() > until:
            return answer
