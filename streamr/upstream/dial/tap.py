"""The tap: what one attempt sees of its connection, between TCP and TLS.

Above TLS a reset, a FIN and silence look alike, and a body's transport offers no abort.
The tap sits on the TCP transport, notes what passes and why the connection ended, and
keeps a handle that really closes it. A `Trace` is the evidence of one attempt, with a
`Leg` for each connection that it tried to make; the pool hands a kept-alive
connection's tap on to the trace of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.boundaries import Budget
from streamr.errors import Fault, Phase
from streamr.eventloop import flush
from streamr.interfaces import Progress
from streamr.upstream.line import HostLine
from streamr.upstream.openings import Opening

T = TypeVar("T")

# Enough of an answer to tell a block page from TLS.
FIRST_BYTES = 256


class Trace:
    """The evidence of one attempt: how far it came, and what ended it.

    It also keeps the time: silence has its limit in each phase, and what comes begins
    it anew; when one is reached `cancel` is called once and `timed_out` is set. A
    silence that our own load explains is waited out as long as the attempt has time;
    `own_load` says that even that was not enough. `left` says that it was cancelled
    from outside.
    """

    def __init__(
        self,
        clock: IReactorTime,
        budget: Budget,
        line: HostLine | None = None,
        until: float | None = None,
        progress: Progress | None = None,
        route: object = None,
    ) -> None:
        """`line` learns from the attempt, and knows what is usual; without one the
        attempt stands by itself. `until` is the deadline of who waits for it, and
        `progress` follows it for them. `route` is the same for all attempts that lead
        there in the same way."""
        self._clock = clock
        self._budget = budget
        self.line = line if line is not None else HostLine(clock, 1)
        self.began = clock.seconds()
        self._heard_at = self._step_at = self._waits_from = self.began
        self._until = until
        self._progress = progress
        self._route = route
        self._held: Callable[[], object] | None = None
        self.own_load = False
        self._timer: IDelayedCall | None = None
        self._cancel: Callable[[], object] | None = None
        # how long silence may last in this phase
        self._limit = budget.connect
        # when the attempt's share of the time is over
        self._ends = self.began + budget.total
        self.phase = Phase.RESOLVE
        self.timed_out = False
        self.left = False
        self.reused = False
        self.legs: list[Leg] = []
        self.tap: Tap | None = None

    def start(self, cancel: Callable[[], object]) -> None:
        """Begin to keep the time."""
        self._cancel = cancel
        self.line.begun(self)
        self._heard_at = now = self._clock.seconds()
        self._wait(now)

    def resolved(self) -> None:
        """The name has addresses."""
        self._step(Phase.CONNECT)

    def leg(self, address: str, egress: str = "") -> Leg:
        """One more connection is tried, to an address or through an egress."""
        self.legs.append(Leg(self, address, egress))
        return self.legs[-1]

    def seconds(self) -> float:
        """What the clock says."""
        return self._clock.seconds()

    def aside(self) -> Trace:
        """The evidence of a connection that this one needs, to an outbound proxy."""
        return Trace(self._clock, self._budget)

    def connected(self, tap: Tap, *, secure: bool, began: float | None = None) -> None:
        """TCP stands, which was asked for then; with TLS to come the handshake still
        belongs to the connect."""
        if self.phase in (Phase.REQUEST, Phase.BODY):
            return  # another connection of the race was quicker
        self.tap = tap
        if self.phase is not Phase.TLS:  # of several, the first tells how far it is
            # not when it was first wanted: it may have waited for its turn
            self.line.connected(self._step_at if began is None else began)
        if not secure:
            self.requested()

    def greet(self, began: float | None = None) -> Opening:
        """TCP stands, which was asked for then; TLS begins when the line has room for
        it. Until then it is full of what we have sent ourselves, or may be."""
        opening = self.line.greet(
            self.seconds() if began is None else began, self._route
        )
        opening.turn.addCallback(self._greets)
        if not opening.turn.called and self._held is not None:
            # not from within the making of the connection, which it may end
            self._clock.callLater(0, self._held)
        return opening

    def when_held(self, held: Callable[[], object]) -> None:
        """Tell when a connection stands, and has to wait for its turn."""
        self._held = held

    def _greets(self, _turn: object) -> None:
        if self.phase not in (Phase.REQUEST, Phase.BODY):
            self.line.greets(self)
            self._step(Phase.TLS)

    def requested(self) -> None:
        """The connection is ready and the request is on its way."""
        if self.phase is Phase.BODY or (
            self.phase is Phase.REQUEST and not self.reused
        ):
            return
        if self.phase is Phase.TLS:
            self.line.secured(self._step_at, self)
        self._step(Phase.REQUEST)

    def moved(self) -> None:
        """Bytes have come: while the connection is made, silence counts anew."""
        self._heard_at = now = self._clock.seconds()
        self.line.moved()
        if self.phase is Phase.TLS:
            self._wait(now)
            if self._progress is not None:
                self._progress.alive()

    def answered(self) -> None:
        """The head is here; from now on the collector keeps the time."""
        if self.phase is Phase.REQUEST:
            self.line.answered(self._step_at)
        self.phase = Phase.BODY
        self._hush()

    def carried_by(self, tap: Tap) -> None:
        """A connection that was kept alive carries this attempt."""
        self.tap = tap
        self.reused = tap.trace is not self
        if self.reused:
            tap.trace = self
            self.requested()

    def stop(self) -> None:
        """Stop keeping the time."""
        self.line.ended(self)
        if self._timer is not None:
            self._hush()

    def _hush(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def abort(self) -> None:
        """Close the connection at once, whatever the other side does."""
        if self.tap is not None:
            self.tap.abort()

    def _step(self, phase: Phase) -> None:
        """One step further: silence counts anew."""
        self.phase = phase
        if phase is Phase.REQUEST:
            self._limit = self._budget.first_byte
        self._step_at = self._heard_at = now = self._clock.seconds()
        if self._cancel is not None:
            self._wait(now)

    @property
    def _ends_at_last(self) -> float:
        """The same where our own load is in the way: another route shares the line, so
        a connection that has been heard of is not left for it."""
        if self._until is None or self.tap is None or not self.tap.bytes_in:
            return self._ends
        return self._until

    @property
    def is_held(self) -> bool:
        """True while it waits for its turn on the line, and no hello of its own is on
        the way."""
        return self.phase is Phase.CONNECT and any(leg.is_held for leg in self.legs)

    @property
    def _tls_waits(self) -> bool:
        """True while all that it does is wait for its turn to begin with TLS."""
        return self.phase is Phase.CONNECT and self.tap is not None and self.tap.waits

    def _wait(self, now: float) -> None:
        """For the next sign, as long as the attempt may."""
        if self._cancel is None or self.timed_out:
            return
        if self._timer is not None:
            self._hush()
        self._waits_from = now
        wait = max(0.0, min(self._limit, self._ends - now))
        self._timer = self._clock.callLater(wait, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        explained = self._tls_waits or self.line.explains(self._heard_at)
        if explained and now < self._ends_at_last:
            self._heard_at = self._waits_from = now
            wait = min(self._limit, self._ends_at_last - now)
            self._timer = self._clock.callLater(wait, self._time_is_up)
            return
        limit = self.line.limit(self._limit, self)
        patient = min(self._waits_from + limit, self._ends)
        if now < patient:
            self._timer = self._clock.callLater(patient - now, self._time_is_up)
            return
        self.own_load = explained or self.line.access.busy_but_for(self)
        if explained:
            self.line.timed_out(self._step_at)
        self.timed_out = True
        if self._cancel is not None:
            self._cancel()


class Leg:
    """The evidence of one connection of an attempt, as `classify` reads it.

    `address` is what it leads to, or `egress` the outbound proxy that it goes through;
    `asked_at` is when it was wanted, and `began` when it was tried, None if that never
    was; `fault` is why it is not the one that carries the request, None while it may
    still be.
    """

    timed_out = False
    legs: Sequence[Leg] = ()

    def __init__(self, trace: Trace, address: str, egress: str) -> None:
        self._trace = trace
        self.address = address
        self.egress = egress
        self.phase = Phase.CONNECT
        self.asked_at: float | None = None
        self.began: float | None = None
        self.tap: Tap | None = None
        self.fault: Fault | None = None
        self._greeted_at: float | None = None

    @property
    def own_load(self) -> bool:
        """Whether our own load was in its way."""
        return self._trace.own_load

    def moved(self) -> None:
        """Bytes have come."""
        self._trace.moved()

    def connected(self, tap: Tap, *, secure: bool) -> None:
        """TCP stands."""
        self.tap, tap.trace = tap, self._trace
        if not secure:
            self.phase = Phase.REQUEST
        self._trace.connected(tap, secure=secure, began=self.began)

    def connect(
        self, connect: Callable[[], Deferred[T]], *, knocks: bool
    ) -> Deferred[T]:
        """Connect; one that `knocks`, when no other attempt has just asked the same
        address."""

        def go(_turn: object) -> Deferred[T]:
            self.began = self._trace.seconds()
            return connect()

        def over(result: T | Failure) -> T | Failure:
            opening.over()
            return result

        self.asked_at = self._trace.seconds()
        if self.egress or not knocks:
            return go(None)
        opening = self._trace.line.knock(self.address)
        return opening.turn.addCallback(go).addBoth(over)

    def greet(self) -> Opening:
        """TLS begins when the line has room for that."""
        # how long a tunnel takes says nothing of the line
        opening = self._trace.greet(None if self.egress else self.began)
        opening.turn.addCallback(self._greets)
        return opening

    def _greets(self, _turn: object) -> None:
        self._greeted_at, self.phase = self._trace.seconds(), Phase.TLS

    @property
    def is_held(self) -> bool:
        """True while it waits for its turn: to ask its address, or to begin TLS."""
        if self.tap is not None:
            return self.tap.waits
        return self.asked_at is not None and self.began is None

    @property
    def greeted_at(self) -> float | None:
        """When TLS began, or would: now while it waits; None before TCP stands."""
        if self.tap is None or self._greeted_at is not None:
            return self._greeted_at
        return self._trace.seconds()

    def ready(self) -> None:
        """It is the first that is ready, and carries the request."""
        self.phase = Phase.REQUEST
        if self.tap is not None:
            self.tap.greeted()
        self._trace.tap = self.tap
        self._trace.requested()


class Tap(ProtocolWrapper):
    """Notes what passes on one TCP connection."""

    def __init__(self, factory: Any, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.trace: Trace | Leg = factory.trace
        self._secure: bool = factory.secure
        self._handle: Any = None
        self._greeting: Opening | None = None
        self._begun = False
        self.bytes_in = 0
        self.bytes_out = 0
        self.first_bytes = b""
        self.ended: BaseException | None = None

    def makeConnection(self, transport: ITransport) -> None:
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        self._handle = transport
        leg = self.trace  # the attempt takes its place
        leg.connected(self, secure=self._secure)
        if not self._secure:
            self._begin()
            return
        self._greeting = leg.greet()
        self._greeting.turn.addCallback(lambda _turn: self._begin())
        self._greeting.turn.addErrback(self._broke)

    @property
    def waits(self) -> bool:
        """True while the connection stands, and TLS may not begin yet."""
        return not self._begun and self.ended is None

    def _begin(self) -> None:
        """What is above has a connection from now on."""
        self._begun = True
        super().makeConnection(self._handle)

    def _broke(self, failure: Failure) -> None:
        """What is above could not begin."""
        self.ended = failure.value
        self._handle.abortConnection()

    def write(self, data: bytes) -> None:
        self.bytes_out += len(data)
        super().write(data)
        flush(self._handle)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def dataReceived(self, data: bytes) -> None:
        if self._greeting is not None:
            self._greeting.heard()
        self.bytes_in += len(data)
        self.trace.moved()
        if len(self.first_bytes) < FIRST_BYTES:
            self.first_bytes += data[: FIRST_BYTES - len(self.first_bytes)]
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.ended is None:
            self.ended = reason.value
        if self._greeting is not None:
            self._greeting.over()
        if not self._begun:  # only what has begun can end
            self._begin()
        super().connectionLost(reason)

    def greeted(self) -> None:
        """TLS stands."""
        if self._greeting is not None:
            self._greeting.over()
            self._greeting = None

    def abort(self) -> None:
        """Close now, with a reset: a stalled peer never answers a polite close."""
        if self.ended is None and self._handle is not None:
            self._handle.abortConnection()


class TapFactory(WrappingFactory):
    """Puts a tap under the protocols of another factory."""

    protocol = Tap
    noisy = False

    def __init__(
        self, wrapped: IProtocolFactory, trace: Trace | Leg, *, secure: bool
    ) -> None:
        super().__init__(wrapped)
        self.trace = trace
        self.secure = secure


@implementer(IStreamClientEndpoint)
class TapEndpoint:
    """An endpoint whose connections are tapped for one trace, or one leg of it."""

    def __init__(
        self, endpoint: IStreamClientEndpoint, trace: Trace | Leg, *, secure: bool
    ) -> None:
        self._endpoint = endpoint
        self._trace = trace
        self._secure = secure

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        factory = TapFactory(protocolFactory, self._trace, secure=self._secure)
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(above)


def above(wrapper: ProtocolWrapper) -> Any:
    """The protocol that a wrapper (a tap, TLS) carries."""
    return wrapper.wrappedProtocol
