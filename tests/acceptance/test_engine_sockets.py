"""A real Valkey or Redis: what scripts do in it, and that the fake does the same."""

from __future__ import annotations

import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import trustme
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.task import Clock, deferLater

from benchmarks.processes import free_ports
from streamr.app.fleet import engine_at
from streamr.boundaries import SharedEngine
from streamr.shared import scripts
from streamr.shared.engine import Engine
from streamr.shared.wire import MISSING
from tests.processes import PATIENCE, Process, wait_until
from tests.shared.fake import Server

reactor: Any = installed
PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Valkey, and no Redis")


def engine_process(folder: Path, port: int, *more: str) -> Process:
    """The engine, on its port."""
    assert PROGRAM is not None
    quiet = ("--save", "", "--appendonly", "no", "--dir", str(folder))
    made = Process([PROGRAM, "--port", str(port), *quiet, *more], directory=folder)

    def listens() -> bool:
        with socket.socket() as trying:
            return trying.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listens)
    return made


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    [port] = free_ports(1)
    process = engine_process(tmp_path_factory.mktemp("engine"), port)
    yield port
    process.stop()


CHANNEL = "streamr:1:news"
PASSWORD = "canary-shared-0123"


class Connection:
    """An Engine, and what it tells."""

    def __init__(self, port: int, *credentials: str) -> None:
        self.pushed: list[bytes] = []
        self.changes: list[bool] = []
        self.up: Deferred[None] = Deferred()
        self.engine = Engine(
            HostnameEndpoint(reactor, "127.0.0.1", port),
            [("HELLO", 3, *(("AUTH", *credentials) if credentials else ()))],
            CHANNEL,
            reactor,
            self.pushed.append,
            self._changed,
        )
        self.engine.start()

    def _changed(self, up: bool, _why: str) -> None:
        self.changes.append(up)
        if up and not self.up.called:
            self.up.callback(None)

    async def ask(self, *command: Any) -> Any:
        """The reply, however busy this machine is."""
        while (reply := await self.engine.ask(*command)) is MISSING:
            assert not self.engine.refused, self.engine.refused
            await deferLater(reactor, 0.05)
        return reply


async def until(is_so: Any) -> None:
    for _ in range(int(PATIENCE / 0.02)):
        if is_so():
            return
        await deferLater(reactor, 0.02)
    raise AssertionError("not true in time")


BEATEN = ("streamr:1:nodes", "streamr:1:p", "streamr:1:life")
# What is asked, one after the other; times are compared with the engine's own.
ASKED: list[tuple[Any, ...]] = [
    ("GET", "streamr:1:a"),
    ("SET", "streamr:1:a", b"\x00\xff"),
    ("GET", "streamr:1:a"),
    ("EVAL", scripts.CLAIM, 1, "streamr:1:claim", "me", 60000),
    ("EVAL", scripts.CLAIM, 1, "streamr:1:claim", "you", 60000),
    ("EVAL", scripts.CLAIM, 1, "streamr:1:claim", "me", 60000),
    ("EVAL", scripts.FREE, 1, "streamr:1:claim", "you", CHANNEL, "x"),
    (
        "EVAL",
        scripts.KEEP,
        2,
        "streamr:1:r",
        "streamr:1:claim",
        b"value",
        60,
        "me",
        CHANNEL,
        "x",
    ),
    ("GET", "streamr:1:r"),
    ("GET", "streamr:1:claim"),
    ("EVAL", scripts.CLAIM, 1, "streamr:1:claim", "you", 60000),
    (
        "EVAL",
        scripts.KEEP,
        2,
        "streamr:1:r",
        "streamr:1:claim",
        b"other",
        60,
        "me",
        CHANNEL,
        "x",
    ),
    ("GET", "streamr:1:claim"),
    ("EVAL", scripts.FREE, 1, "streamr:1:claim", "you", CHANNEL, "y"),
    ("EVAL", scripts.PURGES, 2, "streamr:1:p", "streamr:1:life", "a-life"),
    ("EVAL", scripts.PURGE, 1, "streamr:1:p", "one", 2, CHANNEL),
    ("EVAL", scripts.PURGE, 1, "streamr:1:p", "two", 2, CHANNEL),
    ("EVAL", scripts.PURGE, 1, "streamr:1:p", "three", 2, CHANNEL),
    ("EVAL", scripts.PURGES, 2, "streamr:1:p", "streamr:1:life", "a-life"),
    ("EVAL", scripts.ROUTES, 1, "streamr:1:routes"),
    *(
        ("EVAL", scripts.FOUND, 1, "streamr:1:routes", name, ms, 60, 2, CHANNEL)
        for name, ms in (
            *(("one", "41"), ("two", "9"), ("three", "1"), ("one", "40")),
            *(("two", ""), ("two", ""), ("three", "1")),
        )
    ),
    ("EVAL", scripts.ROUTES, 1, "streamr:1:routes"),
    ("EVAL", scripts.BEAT, 3, *BEATEN, "me", 5000, "another"),
    ("EVAL", scripts.BEAT, 3, *BEATEN, "you", 5000, "another"),
    ("ZREM", "streamr:1:nodes", "you"),
    ("EVAL", scripts.BEAT, 3, *BEATEN, "me", 5000, "another"),
    *(
        (
            "EVAL",
            scripts.RATE,
            2,
            "streamr:1:rate",
            "streamr:1:pause",
            "600000",
            2,
            2000,
        ),
    )
    * 3,
    ("EVAL", scripts.PAUSE, 1, "streamr:1:pause", 900000),
    ("EVAL", scripts.PAUSE, 1, "streamr:1:pause", 1000),
    ("EVAL", scripts.RATE, 2, "streamr:1:rate", "streamr:1:pause", "600000", 2, 2000),
]


def timeless(reply: Any) -> Any:
    """The reply without what depends on when it was given: a time, and what is left
    of one."""
    if isinstance(reply, list) and len(reply) == 4:
        return reply[1:]
    if isinstance(reply, list) and reply and isinstance(reply[-1], int):
        # whole minutes
        return [*reply[:-1], round(reply[-1] / 60_000)]
    return reply.decode("latin-1") if isinstance(reply, bytes) else reply


@pytest_twisted.ensureDeferred
async def test_the_fake_does_what_the_engine_does(real: int) -> None:
    connection = Connection(real)
    await connection.up
    fake = Server(Clock())
    told: list[bytes] = []
    fake.make(CHANNEL, told.append, lambda _up, _why: None).start()
    for command in ASKED:
        theirs = timeless(await connection.ask(*command))
        assert timeless(fake.run(*command)) == theirs, command[:2]
    fake.clock.advance(0)
    await until(lambda: len(connection.pushed) == len(told))
    assert connection.pushed == told
    connection.engine.stop()


@pytest_twisted.ensureDeferred
async def test_the_rate_is_one_for_all_who_ask(real: int) -> None:
    """Forty requests at a hundred a second, of which ten may go at once: as many places
    as time allows, whoever asks."""
    nodes = [Connection(real) for _ in range(3)]
    for each in nodes:
        await each.up
    key = (
        "EVAL",
        scripts.RATE,
        2,
        "streamr:1:all",
        "streamr:1:no-pause",
        "10",
        10,
        60_000,
    )
    waits = [(await nodes[n % 3].ask(*key)) for n in range(40)]
    assert all(kind == 1 for kind, _ in waits)
    # who asks at once waits for all before: thirty of them stand behind the burst
    assert max(wait for _, wait in waits) <= 30 * 10
    assert sum(wait > 0 for _, wait in waits) <= 30
    for each in nodes:
        each.engine.stop()


@pytest_twisted.ensureDeferred
async def test_it_is_found_again_however_it_was_lost(tmp_path: Path) -> None:
    [port] = free_ports(1)
    process = engine_process(tmp_path, port)
    connection = Connection(port)
    await connection.up
    process.stop(signal.SIGKILL)
    await until(lambda: not connection.engine.up)
    assert await connection.engine.ask("GET", "a") is MISSING
    process = engine_process(tmp_path, port)
    await until(lambda: connection.engine.up)
    # one that is stopped accepts, and answers nothing
    process.child.send_signal(signal.SIGSTOP)
    for _ in range(6):
        assert await connection.engine.ask("GET", "a") is MISSING
    assert not connection.engine.up
    process.child.send_signal(signal.SIGCONT)
    await until(lambda: connection.engine.up)
    connection.engine.stop()
    process.stop()


@pytest_twisted.ensureDeferred
async def test_a_password_and_an_access_list_are_enough(tmp_path: Path) -> None:
    """The line of docs/scaling.md."""
    page = (Path(__file__).parents[2] / "docs/scaling.md").read_text(encoding="utf-8")
    [line] = [
        each for each in page.splitlines() if each.startswith("user streamr-node on")
    ]
    (tmp_path / "users.acl").write_text(
        line.replace("YOUR_PASSWORD", PASSWORD) + "\nuser default off\n"
    )
    [port] = free_ports(1)
    process = engine_process(tmp_path, port, "--aclfile", str(tmp_path / "users.acl"))
    wrong = Connection(port, "streamr-node", "another-password")
    await until(lambda: wrong.changes)
    wrong.engine.stop()
    assert not any(wrong.changes)
    connection = Connection(port, "streamr-node", PASSWORD)
    await connection.up
    for command in ASKED:
        await connection.ask(*command)
    await until(lambda: connection.pushed)
    # and for nothing else
    assert await connection.engine.ask("GET", "other:key") is MISSING
    assert "NOPERM" in connection.engine.refused or "ACL" in connection.engine.refused
    connection.engine.stop()
    process.stop()


@pytest_twisted.ensureDeferred
async def test_over_tls_it_is_known_by_authority_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "other.pem")
    [port] = free_ports(1)
    given = {"cert-file": "cert.pem", "key-file": "key.pem", "ca-cert-file": "ca.pem"}
    files = [
        word
        for name, file in given.items()
        for word in (f"--tls-{name}", str(tmp_path / file))
    ]
    more = ("--tls-port", str(port), "--tls-auth-clients", "no", *files)
    process = engine_process(tmp_path, port, "--port", "0", *more)
    for trusted, host, good in (
        ("ca.pem", "localhost", True),
        ("ca.pem", "127.0.0.1", False),
        ("other.pem", "localhost", False),
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / trusted))
        changes: list[tuple[bool, str]] = []
        where = SharedEngine("tls", host, port)
        made = engine_at(
            where,
            reactor,
            CHANNEL,
            lambda _news: None,
            lambda *each, seen=changes: seen.append(each),
        )
        made.start()
        await until(lambda seen=changes: seen)
        assert changes[0][0] is good, (trusted, host, changes)
        made.stop()
    process.stop()
