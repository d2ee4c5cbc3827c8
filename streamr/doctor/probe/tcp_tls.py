"""TCP and TLS probes: one connection each, never reused, each with its limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, execute
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from streamr.app.routes import tls_policy
from streamr.boundaries import Budget
from streamr.doctor.evidence import Certificate, Connect, Handshake, Place
from streamr.interfaces import Reactor
from streamr.upstream.classify import classify
from streamr.upstream.dial.handshake import TLSEndpoint
from streamr.upstream.dial.tap import Tap, TapEndpoint, TapFactory, Trace, above
from streamr.upstream.dial.tls import (
    PROFILES,
    CertificateRefused,
    ProfilePolicy,
    issuer_of,
)
from streamr.upstream.resolve.dns import endpoint_of

# TMDB's CDN drops connections beyond some 20 from one address (docs/facts/tmdb.md,
# "Limits on requests and connections").
MOST_AT_ONCE = 12


def policies(ca_file: Path | None) -> dict[str, ProfilePolicy]:
    """Each profile, as the daemon uses it. Raises SettingsError."""
    return {name: tls_policy(name, ca_file) for name in PROFILES}


def milliseconds(seconds: float) -> int:
    """For a person to read."""
    return round(seconds * 1000)


# What a connection is cancelled with, before and after TCP has begun.
_LEFT = (CancelledError, ConnectingCancelledError)


class _Hello(Protocol):
    """Connects and leaves at once."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.abortConnection()  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Shaken:
    """The TLS version and group of a handshake, and who issued the certificate."""

    version: str
    group: str
    issuer: str


@implementer(IHandshakeListener)
class _Shaking(Protocol):
    """Waits for the end of the handshake, good or bad."""

    def __init__(self, done: Deferred[Shaken]) -> None:
        self._done: Deferred[Shaken] | None = done

    def handshakeCompleted(self) -> None:
        transport = cast(TLSMemoryBIOProtocol, self.transport)
        done, self._done = self._done, None
        if done is not None:
            # what goes wrong in it is a failure of the handshake, too
            execute(_shaken, transport).chainDeferred(done)
        transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        done, self._done = self._done, None
        if done is not None:
            done.errback(reason)


class _HelloTap(Tap):
    """A tap that knows how long our first flight was, and how fast the other's came.

    `waited` are the bytes after those that came first, over which the line's rate
    shows; `came` are the readings of the clock for these and for the last ones.
    """

    hello = 0
    waited = 0
    came = (0.0, 0.0)

    def dataReceived(self, data: bytes) -> None:
        self.hello = self.hello or self.bytes_out
        now = self.factory.clock.seconds()
        if self.bytes_in:
            self.waited += len(data)
            self.came = self.came[0], now
        else:
            self.came = now, now
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # TLS still writes an alert when it learns of the end
        self.hello = self.hello or self.bytes_out
        super().connectionLost(reason)

    @property
    def hello_bytes(self) -> int:
        """Bytes of the ClientHello: all that went out before anything came in."""
        return self.hello or self.bytes_out


class _HelloTaps(TapFactory):
    protocol = _HelloTap

    def __init__(
        self, wrapped: IProtocolFactory, trace: Trace, clock: IReactorTime
    ) -> None:
        super().__init__(wrapped, trace, secure=True)
        self.clock = clock


@implementer(IStreamClientEndpoint)
class _HelloEndpoint:
    """As TapEndpoint, with the tap above."""

    def __init__(
        self, endpoint: IStreamClientEndpoint, trace: Trace, clock: IReactorTime
    ) -> None:
        self._endpoint = endpoint
        self._trace = trace
        self._clock = clock

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        factory = _HelloTaps(protocolFactory, self._trace, self._clock)
        return self._endpoint.connect(factory).addCallback(
            lambda tap: above(cast(Tap, tap))
        )


class _Single(Factory):
    """One protocol for one connection."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._protocol


class Prober:
    """Makes probes, at most `MOST_AT_ONCE` handshakes together, fewer on a slow line.

    The limits are those of TCP, and of TCP with TLS. A handshake of which something
    came in that time has as much again: it is slow, and not silent.
    """

    def __init__(
        self,
        reactor: Reactor,
        profiles: Mapping[str, ProfilePolicy],
        tcp_seconds: float,
        tls_seconds: float,
    ) -> None:
        self._reactor = reactor
        self._profiles = profiles
        self._tcp = tcp_seconds
        self._tls = tls_seconds
        self.pace(MOST_AT_ONCE)

    def pace(self, at_once: int) -> None:
        """From now on, so many handshakes at once."""
        self._places = DeferredSemaphore(at_once)

    async def connect(self, place: Place) -> Connect:
        """TCP to a place."""
        trace = self._trace(self._tcp)
        endpoint = TapEndpoint(self._tcp_to(place), trace, secure=False)
        connecting = endpoint.connect(_Single(_Hello()))
        trace.start(connecting.cancel)
        began = self._reactor.seconds()
        cause = None
        try:
            await connecting
        except Exception as error:
            # whatever it is, the fault table has a name for it
            _raise_if_left(error, trace)
            cause = classify(Failure(error), trace).cause.name
        finally:
            trace.stop()
        if cause == "connection_terminated":
            cause = None  # reset once it stood: TCP was there, TLS tells the rest
        return Connect(place, cause, milliseconds(self._reactor.seconds() - began))

    async def shake(self, host: str, profile: str, place: Place) -> Handshake:
        """A verified handshake with a name at a place, as soon as it is its turn."""
        places = self._places
        await places.acquire()
        try:
            return await self._shake(host, profile, place)
        finally:
            places.release()

    async def _shake(self, host: str, profile: str, place: Place) -> Handshake:
        trace = self._trace(self._tls)
        began = self._reactor.seconds()
        cause, detail, certificate = None, "", None
        version, group, issuer = "", "", ""
        waiting = self._shaking(host, profile, place, trace)
        more = _More(self._reactor, self._tls, trace, waiting)
        trace.start(more.time_is_up)
        try:
            shaken = await waiting
            version, group, issuer = shaken.version, shaken.group, shaken.issuer
        except Exception as error:
            # as above; a handshake that we gave up is silence, told by the trace
            _raise_if_left(error, trace)
            fault = classify(Failure(error), trace)
            cause, detail = fault.cause.name, str(fault.detail)
            certificate = _refused(error)
        finally:
            trace.stop()
            more.stop()
            trace.abort()
        tap = trace.tap if isinstance(trace.tap, _HelloTap) else None
        first, last = tap.came if tap is not None else (0.0, 0.0)
        return Handshake(
            host,
            profile,
            place,
            cause,
            milliseconds(self._reactor.seconds() - began),
            detail,
            tap.hello_bytes if tap is not None else 0,
            version,
            group,
            certificate,
            issuer,
            size=tap.bytes_in if tap is not None else 0,
            waited=tap.waited if tap is not None else 0,
            waited_ms=milliseconds(last - first),
        )

    def _shaking(
        self, host: str, profile: str, place: Place, trace: Trace
    ) -> Deferred[Shaken]:
        done: Deferred[Shaken] = Deferred()
        creator = self._profiles[profile].creatorForNetloc(host.encode(), place.port)
        tapped = _HelloEndpoint(self._tcp_to(place), trace, self._reactor)
        endpoint = TLSEndpoint(creator, tapped, self._reactor)
        connecting = endpoint.connect(_Single(_Shaking(done)))

        def cancelled(_waiting: Deferred[Shaken]) -> None:
            connecting.cancel()
            trace.abort()

        waiting: Deferred[Shaken] = Deferred(cancelled)
        connecting.addErrback(lambda failure: _fail(done, failure))
        done.addCallbacks(
            lambda value: None if waiting.called else waiting.callback(value),
            lambda failure: None if waiting.called else waiting.errback(failure),
        )
        return waiting

    def _trace(self, seconds: float) -> Trace:
        trace = Trace(
            self._reactor, Budget(seconds, seconds, seconds, seconds, seconds)
        )
        trace.resolved()
        return trace

    def _tcp_to(self, place: Place) -> IStreamClientEndpoint:
        # the trace keeps the time; the endpoint's own limit is longer
        return endpoint_of(self._reactor, place.address, place.port)


class _More:
    """Gives a handshake its time again when it is up and something has come."""

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        trace: Trace,
        waiting: Deferred[Shaken],
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._trace = trace
        self._waiting = waiting
        self._timer: IDelayedCall | None = None

    def time_is_up(self) -> None:
        """Wait on, or give it up."""
        tap = self._trace.tap
        if tap is not None and tap.bytes_in:
            self._timer = self._clock.callLater(self._seconds, self._waiting.cancel)
        else:
            self._waiting.cancel()

    def stop(self) -> None:
        """Leave no timer."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


def _shaken(transport: TLSMemoryBIOProtocol) -> Shaken:
    handle = transport.getHandle()
    return Shaken(
        handle.get_protocol_version_name(),
        handle.get_group_name() or "",
        issuer_of(handle.get_peer_certificate()),
    )


def _raise_if_left(error: BaseException, trace: Trace) -> None:
    """A probe that was cancelled from outside has found nothing."""
    if isinstance(error, _LEFT) and not trace.timed_out:
        raise error


def _fail(done: Deferred[Shaken], failure: Failure) -> None:
    if not done.called and not failure.check(CancelledError):
        done.errback(failure)


def _refused(error: BaseException) -> Certificate | None:
    if not isinstance(error, CertificateRefused):
        return None
    return Certificate(
        error.problem,
        error.subject,
        error.issuer,
        error.code,
        error.begins.isoformat(),
        error.ends.isoformat(),
    )
