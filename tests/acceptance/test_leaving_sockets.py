"""Stopping: what callers and load balancers see until the ports are closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.stack import DIRECT, OTHER, Got, Stack

BOTH = ("main", "proxy")
DELAY = 1.0
# Longer than the delay, and shorter than one attempt may take.
SLOW = 2.0


@pytest_twisted.async_yield_fixture
async def stack(
    reactor: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Stack]:
    delay = getattr(request, "param", f"{DELAY:g}")
    made = Stack(reactor, tmp_path, {"STREAMR_STOP_DELAY": delay})
    await made.settle()
    yield made
    await made.stop()
    assert "Traceback" not in made.log.getvalue()


async def is_closed(stack: Stack, server: str) -> bool:
    try:
        await stack.get("/livez", server=server)
    except ConnectionRefusedError:
        return True
    return False


async def until_closed(stack: Stack, server: str) -> float:
    """Until a server's port is closed; the moment at which it is."""
    while not await is_closed(stack, server):
        await deferLater(stack.reactor, 0.1)
    return float(stack.reactor.seconds())


class Raw(Protocol):
    """One request, and all that comes: an Agent keeps `Connection` to itself."""

    def __init__(self) -> None:
        self.came = b""
        self.whole: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.came += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.whole.callback(self.came)


async def raw_ready(stack: Stack, server: str) -> bytes:
    """All that a server answers to `GET /readyz`, until it closes the connection."""
    where = urlsplit(stack.urls[server])
    endpoint = TCP4ClientEndpoint(stack.reactor, where.hostname, where.port)
    made: Raw = await connectProtocol(endpoint, Raw())
    return await made.whole.addTimeout(1.0, stack.reactor)


@pytest_twisted.ensureDeferred
async def test_for_a_moment_only_readyz_changes_and_then_the_ports_close(
    stack: Stack,
) -> None:
    for server in BOTH:
        assert (await stack.get("/readyz", server=server)).json["status"] == "ok"
    began = stack.reactor.seconds()
    stopping = stack.daemon.stopService()
    for server in BOTH:
        got = await stack.get("/readyz", server=server)
        assert (got.status, got.json["status"]) == (503, "draining")
        for path in ("/livez", "/3/movie/550"):
            assert (await stack.get(path, server=server)).status == 200
    for server in BOTH:
        assert await until_closed(stack, server) - began >= DELAY
    await stopping


@pytest_twisted.ensureDeferred
async def test_the_proxy_answers_until_main_has_no_request_left(stack: Stack) -> None:
    stack.simulator.set_fault(DIRECT, "html")
    stack.simulator.set_fault(OTHER, f"slow:delay={SLOW:g}")
    asking: Deferred[Got] = Deferred.fromCoroutine(stack.get("/3/movie/550"))
    await deferLater(stack.reactor, 0.5)
    stopping = stack.daemon.stopService()
    await until_closed(stack, "main")
    assert not asking.called
    # whoever else asks the proxy is told to go, and not kept
    told = await raw_ready(stack, "proxy")
    assert told.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nConnection: close\r\n" in told
    assert not asking.called
    answer = await asking
    assert answer.status == 200 and "x-proxy-source" in answer.headers
    await stopping
    assert await is_closed(stack, "proxy")


@pytest.mark.parametrize("stack", ["0"], indirect=True)
@pytest_twisted.ensureDeferred
async def test_nothing_is_waited_for_unless_it_was_asked_for(stack: Stack) -> None:
    began = stack.reactor.seconds()
    await stack.daemon.stopService()
    assert stack.reactor.seconds() - began < 1
    for server in BOTH:
        assert await is_closed(stack, server)
