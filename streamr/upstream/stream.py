"""A body that is handed on while it comes: that of a picture. Never whole in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from streamr.boundaries import Incoming
from streamr.errors import Fault
from streamr.upstream.line import HostLine

# TMDB's largest originals are some 20 MB (docs/images.md).
MOST_BYTES = 64 * 1024 * 1024
# A body that is not whole by then (seconds) drips: 64 MB take as long at 220 kB/s, and
# a poster of 200 kB at 0.7 kB/s.
LONGEST = 300.0
# A body that nobody wants is read to its end where that is near: its connection can be
# used again.
MOST_DROPPED = 64 * 1024


class StreamedBody(Protocol):
    """One body on its way.

    `begun` fires with its first bytes, as soon as they are enough to tell what it is,
    or with all of it; it fails with Fault. `finished` fires when it is over, however it
    ended.
    """

    transport: Any

    def __init__(
        self,
        clock: IReactorTime,
        idle: float,
        line: HostLine,
        abort: Callable[[], object],
        enough: Callable[[bytes], bool],
        classify: Callable[[Failure], Fault],
    ) -> None:
        """`idle` is the longest pause, in seconds; one that our own load on the `line`
        explains, or that we have asked for, is none. `classify` names what cut it."""
        self._clock = clock
        self._idle = idle
        self._line = line
        self._abort = abort
        self._enough = enough
        self._classify = classify
        self._began = self._heard = clock.seconds()
        self._size = 0
        self._waiting: list[bytes] = []
        self._came: Callable[[bytes], object] | None = None
        self._ended: Callable[[Fault | None], object] | None = None
        self._paused = self._dropped = False
        self._paused_at = self._began
        self.over = False
        self._fault: Fault | None = None
        self._timer: IDelayedCall = clock.callLater(idle, self._look)
        self.begun: Deferred[bytes] = Deferred(lambda _begun: self.close())
        self.finished: Deferred[None] = Deferred()

    @property
    def first(self) -> bytes:
        """What has come before anybody took it."""
        return b"".join(self._waiting)

    def deliver(
        self, came: Callable[[bytes], object], ended: Callable[[Fault | None], object]
    ) -> None:
        """See Incoming."""
        self._came, self._ended = came, ended
        waiting, self._waiting = self._waiting, []
        for piece in waiting:
            came(piece)
        if self.over:
            ended(self._fault)

    def pause(self) -> None:
        """See Incoming."""
        if not (self.over or self._paused):
            self._paused, self._paused_at = True, self._clock.seconds()
            self.transport.pauseProducing()

    def resume(self) -> None:
        """See Incoming."""
        if self._paused:
            self._rested()
            self._paused, self._heard = False, self._clock.seconds()
            self.transport.resumeProducing()

    def close(self) -> None:
        """See Incoming."""
        self._came = self._ended = None
        if self._finish(None):
            self._abort()

    def reject(self) -> None:
        """It is not what was asked for. That of an error is being dropped already, and
        its connection can be used again."""
        if not self._dropped:
            self.close()

    def drop(self) -> None:
        """Nobody wants it: read it to its end, if that is near."""
        self._waiting.clear()
        self._dropped = True

    def dataReceived(self, data: bytes) -> None:
        if self.over:
            return
        self._size += len(data)
        self._heard = self._clock.seconds()
        if self._dropped:
            if self._size > MOST_DROPPED:
                self.close()
            return
        if self._size > MOST_BYTES:
            what = f"more than {MOST_BYTES} bytes"
            self._give_up(Fault("http_response_body_size", what))
        elif self._came is not None:
            self._came(data)
        else:
            self._waiting.append(data)
            if not self.begun.called and self._enough(self.first):
                self.begun.callback(self.first)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.resume()  # its connection may be used again
        if reason.check(ResponseDone):
            self._line.transferred(self._size, self._began)
            self._end(None)
        elif reason.check(PotentialDataLoss):
            self._end(None)
        else:
            self._end(self._classify(reason))

    def _rested(self) -> None:
        """A pause that was asked for says nothing of the line, nor of its sender."""
        now = self._clock.seconds()
        self._began += now - self._paused_at
        self._paused_at = now

    def _look(self) -> None:
        """Give up when it pauses or lasts for too long, or look again."""
        now = self._clock.seconds()
        if self._paused:
            self._rested()
        explained = self._paused or self._line.explains(self._heard)
        if now - self._heard >= self._idle and explained:
            self._heard = now
        left = min(self._heard + self._idle, self._began + LONGEST) - now
        if left > 0:
            self._timer = self._clock.callLater(left, self._look)
            return
        stalled = now - self._heard >= self._idle
        what = f"the body paused for {self._idle:g} s" if stalled else "it drips"
        self._give_up(Fault("http_response_timeout", what, received=self._size))

    def _give_up(self, fault: Fault) -> None:
        self._abort()
        self._end(fault)

    def _end(self, fault: Fault | None) -> None:
        if not self._finish(fault):
            return
        if not (self.begun.called or self._dropped):
            if fault is None:
                self.begun.callback(self.first)
            elif self._ended is None:  # else who takes it is told below
                self.begun.errback(fault)
        if self._ended is not None:
            self._ended(fault)

    def _finish(self, fault: Fault | None) -> bool:
        """It is over; False when it was before."""
        if self.over:
            return False
        self.over, self._fault = True, fault
        if self._timer.active():
            self._timer.cancel()
        self.finished.callback(None)
        return True


_incoming: type[Incoming] = StreamedBody
