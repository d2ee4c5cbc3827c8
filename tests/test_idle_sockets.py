"""The tests' own clock: work takes none of its time, silence takes all of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.python.threadpool import ThreadPool

from tests.idle import IdleTime


class Echo(Protocol):
    """Says back what it hears, each time after a second of the clock's."""

    clock: Any

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.clock.callLater(1.0, self.transport.write, data)


class Mirror(Protocol):
    """Says back what it hears, at once."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class Talk(Protocol):
    """Sends a byte for each that comes, ten times, at the cost of real time."""

    def __init__(self, done: Deferred[None]) -> None:
        self.done = done
        self.left = 10

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"x")

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.left -= 1
        # as on a machine that is slow: this is work
        until = time.monotonic() + 0.01
        while time.monotonic() < until:
            pass
        if self.left:
            self.transport.write(b"x")
        else:
            self.transport.loseConnection()

    def connectionLost(self, reason: object = None) -> None:
        self.done.callback(None)


@pytest.fixture
def clock(reactor: Any) -> Iterator[IdleTime]:
    made = IdleTime(reactor)
    yield made
    made.stop()


@pytest_twisted.ensureDeferred
async def test_work_takes_no_time_and_what_is_waited_for_takes_all_of_it(
    clock: IdleTime,
) -> None:
    Echo.clock = clock
    port = await TCP4ServerEndpoint(clock, 0, interface="127.0.0.1").listen(
        Factory.forProtocol(Echo)
    )
    done: Deferred[None] = Deferred()
    began = clock.seconds()
    endpoint = TCP4ClientEndpoint(clock, "127.0.0.1", port.getHost().port)
    await endpoint.connect(Factory.forProtocol(lambda: Talk(done)))
    await done
    assert clock.seconds() - began == pytest.approx(10.0)
    # the other end learns of the end, too
    await deferLater(clock, 1.0)
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_time_does_not_pass_while_a_socket_stirs(clock: IdleTime) -> None:
    port = await TCP4ServerEndpoint(clock, 0, interface="127.0.0.1").listen(
        Factory.forProtocol(Mirror)
    )
    done: Deferred[None] = Deferred()
    began, late = clock.seconds(), clock.callLater(5.0, lambda: None)
    endpoint = TCP4ClientEndpoint(clock, "127.0.0.1", port.getHost().port)
    await endpoint.connect(Factory.forProtocol(lambda: Talk(done)))
    await done
    assert clock.seconds() == began
    late.cancel()
    await deferLater(clock, 1.0)
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_timers_go_off_in_their_order_and_an_hour_is_soon_over(
    clock: IdleTime,
) -> None:
    heard: list[int] = []
    for delay in (3600, 2, 1, 0):
        clock.callLater(delay, heard.append, delay)
    await deferLater(clock, 3601.0)
    assert heard == [0, 1, 2, 3600]


@pytest.mark.parametrize("whose", ["the reactor's", "another's"])
@pytest_twisted.ensureDeferred
async def test_time_does_not_pass_while_a_thread_works(
    request: pytest.FixtureRequest, reactor: Any, clock: IdleTime, whose: str
) -> None:
    pool = reactor.getThreadPool()
    if whose == "another's":
        pool = ThreadPool(0, 1)
        pool.start()
        request.addfinalizer(pool.stop)
        clock.pools.append(pool)
    began, done = clock.seconds(), Deferred[float]()

    def work() -> None:
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            pass
        reactor.callFromThread(lambda: done.callback(clock.seconds()))

    late = clock.callLater(5.0, lambda: None)
    pool.callInThread(work)
    assert await done == began
    late.cancel()


@pytest_twisted.ensureDeferred
async def test_a_timer_that_was_left_is_told(reactor: Any) -> None:
    clock = IdleTime(reactor)
    left = clock.callLater(5.0, lambda: None)
    with pytest.raises(AssertionError, match="left on the clock"):
        clock.stop()
    left.cancel()
