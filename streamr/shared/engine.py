"""The engine: there or not, and nobody waits for it.

A call never fails and never queues for a connection: without one it is MISSING at once.
It has ten milliseconds, then five of grace, because our own reactor may be late; five
calls in a row that were given up end the connection. A connection counts once HELLO was
answered in time: an engine that is stopped still accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.shared.wire import MISSING, Wire, Word, in_words, is_refusal

# Seconds for a reply; an engine next door takes 0.1 ms, in the same zone 0.5.
BUDGET = 0.010
# Seconds more, in which a reactor that was late reads what has come.
GRACE = 0.005
# So many in a row that were given up say that the engine, or the way to it, is ill.
MOST_GIVEN_UP = 5
# Replies that may be awaited at once: more would only come too late.
MOST_WAITING = 512
# Seconds for a connection, and for the answer to HELLO; and between two tries. Together
# they are less than the half second within which it is to be used again.
CONNECTING, AGAIN = 0.35, 0.1


@implementer(IProtocolFactory)
class _Wires(Factory):
    """Makes wires for one engine."""

    noisy = False

    def __init__(self, make: Callable[[], Wire]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> Wire:
        wire = self._make()
        wire.factory = self
        return wire


class Engine:
    """One engine, found again whenever it was lost."""

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        hello: Sequence[Sequence[Word]],
        channel: str,
        clock: IReactorTime,
        pushed: Callable[[bytes], object],
        changed: Callable[[bool, str], object],
    ) -> None:
        """`hello` are the commands that begin a connection, each of which has to be
        answered well; `pushed` gets what is published on `channel`; `changed` is told
        when the engine is there and when it is away, and why."""
        self._endpoint = endpoint
        self._hello = tuple(hello)
        self._channel = channel
        self._clock = clock
        self._pushed = pushed
        self._changed = changed
        self._wire: Wire | None = None
        self._trying: Deferred[None] | None = None
        self._again: IDelayedCall | None = None
        self._given_up = 0
        self._running = False
        self.refused = ""

    @property
    def up(self) -> bool:
        """Whether calls have a chance."""
        return self._wire is not None

    def start(self) -> None:
        """Look for it from now on."""
        self._running = True
        self._try()

    def stop(self, *farewell: Word) -> None:
        """Let go of it; the farewell is a last command that nobody waits for."""
        self._running = False
        if self._again is not None and self._again.active():
            self._again.cancel()
        if self._trying is not None:
            self._trying.cancel()
        if self._wire is not None:
            wire, self._wire = self._wire, None
            wire.close(*farewell)

    def ask(self, *command: Word) -> Deferred[object]:
        """Fires with the reply, or with MISSING; never fails."""
        wire = self._wire
        if wire is None or wire.waiting >= MOST_WAITING:
            return succeed(MISSING)
        return _Asked(self, wire, wire.ask(*command), self._clock).result

    def heard(self, reply: object) -> object:
        """A reply came in time; MISSING for one that refuses."""
        self._given_up = 0
        if is_refusal(reply):
            self.refused = str(reply)
            return MISSING
        return reply

    def drop(self, why: str) -> None:
        """It is of no use as it is: end the connection, and look for it again."""
        wire = self._wire
        if wire is not None:
            self._lost(wire, why)
            wire.end()

    def gave_up(self, wire: Wire) -> None:
        """A reply did not come in time."""
        self._given_up += 1
        if self._given_up >= MOST_GIVEN_UP and wire is self._wire:
            self._lost(wire, f"{MOST_GIVEN_UP} calls in a row had no answer in time")
            wire.end()

    def _try(self) -> None:
        self._again = None
        self._trying = Deferred.fromCoroutine(self._connect())
        self._trying.addErrback(self._failed)

    async def _connect(self) -> None:
        """Connect, and be greeted. Raises what the endpoint raises, and ValueError."""
        connecting = self._endpoint.connect(_Wires(self._made))
        wire = await connecting.addTimeout(CONNECTING, self._clock)
        assert isinstance(wire, Wire)
        try:
            for command in self._hello:
                await self._greeted(wire.ask(*command), command[0])
            await self._greeted(wire.subscribe(self._channel), "SUBSCRIBE")
        except BaseException:
            wire.end()
            raise
        self._trying, self._wire, self._given_up = None, wire, 0
        self._changed(True, "")

    async def _greeted(self, asking: Deferred[object], command: Word) -> None:
        """Raises ValueError for a refusal."""
        reply = await asking.addTimeout(CONNECTING, self._clock)
        if reply is MISSING or is_refusal(reply):
            # its first word alone: the rest may repeat the password
            raise ValueError(f"it refuses {command!r}: {str(reply).split(' ', 1)[0]}")

    def _made(self) -> Wire:
        return Wire(self._pushed, self._lost)

    def _failed(self, failure: Failure) -> None:
        self._trying = None
        if self._running:
            self._changed(False, in_words(failure))
            self._again = self._clock.callLater(AGAIN, self._try)

    def _lost(self, wire: Wire, why: str) -> None:
        if wire is self._wire:
            self._wire = None
            self._changed(False, why)
            self._again = self._clock.callLater(AGAIN, self._try)


class _Asked:
    """One call, and how long it is waited for."""

    __slots__ = ("_clock", "_engine", "_timer", "_wire", "result")

    def __init__(
        self, engine: Engine, wire: Wire, reply: Deferred[object], clock: IReactorTime
    ) -> None:
        self._engine = engine
        self._wire = wire
        self._clock = clock
        self.result: Deferred[object] = Deferred(lambda _result: self._timer.cancel())
        self._timer: IDelayedCall = clock.callLater(BUDGET, self._late)
        reply.addCallback(self._came)

    def _late(self) -> None:
        self._timer = self._clock.callLater(GRACE, self._too_late)

    def _too_late(self) -> None:
        self.result.callback(MISSING)
        self._engine.gave_up(self._wire)

    def _came(self, reply: object) -> None:
        if self.result.called:
            return
        self._timer.cancel()
        self.result.callback(self._engine.heard(reply))
