"""The lane of stored pictures in a whole daemon: main has it, and with it what the log
and the metrics say of pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from streamr.simulator.pictures.noise import noise
from tests.stack import PATIENCE, Stack

SIZE = 200_000
PATH = f"/t/p/original/noise{SIZE}.png"


@pytest_twisted.async_yield_fixture
async def stack(
    reactor: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Stack]:
    made = Stack(reactor, tmp_path, getattr(request, "param", {}))
    await made.settle()
    yield made
    await made.stop()
    assert "Traceback" not in made.log.getvalue()
    assert "Unhandled" not in made.log.getvalue()


def heads(stack: Stack, server: str) -> int | None:
    """How many pictures' heads a server's lane keeps; None where it has none."""
    lane = stack.daemon.parts.built[server].surface.picture_lane
    return None if lane is None else len(lane)


class Caller(Protocol):
    """One request over a connection that stays open, as browsers have them, and the
    picture that comes."""

    def __init__(self) -> None:
        self.came = b""
        self.whole: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        head = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nX-Request-Id: by-the-lane\r\n\r\n"
        self.transport.write(head.encode())

    def dataReceived(self, data: bytes) -> None:
        self.came += data
        if len(self.came.partition(b"\r\n\r\n")[2]) == SIZE:
            assert self.transport is not None
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.whole.callback(self.came)


async def kept_open(stack: Stack) -> bytes:
    where = urlsplit(stack.urls["main"])
    endpoint = TCP4ClientEndpoint(stack.reactor, where.hostname, where.port)
    made: Caller = await connectProtocol(endpoint, Caller())
    return await made.whole.addTimeout(PATIENCE, stack.reactor)


@pytest_twisted.ensureDeferred
async def test_main_answers_with_stored_pictures_by_its_lane(stack: Stack) -> None:
    first = await stack.get(PATH)
    assert heads(stack, "main") == 0
    head, _, body = (await kept_open(stack)).partition(b"\r\n\r\n")
    assert heads(stack, "main") == 1
    assert first.body == body == noise(SIZE).data
    assert b"\r\nCache-Status: streamr-main;hit;ttl=" in head
    stack.daemon.parts.settle()
    assert f"GET {PATH} 200 0 ms cache [by-the-lane]" in stack.log.getvalue()
    metrics = (await stack.get("/metrics")).body.decode()
    assert (
        'streamr_requests_total{endpoint="/t/p/{size}/{file}",server="streamr-main",'
        'source="cache",status="200"} 1.0'
    ) in metrics


@pytest_twisted.ensureDeferred
async def test_what_keeps_no_pictures_has_no_lane(stack: Stack) -> None:
    assert heads(stack, "proxy") is None


@pytest.mark.parametrize(
    "stack", [{"STREAMR_IMAGES": "0"}, {"STREAMR_IMAGE_CACHE_MB": "0"}], indirect=True
)
@pytest_twisted.ensureDeferred
async def test_nor_has_main_without_them(stack: Stack) -> None:
    assert heads(stack, "main") is None
