"""Bodies: collected whole within limits, then decoded and checked. Never half."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

from streamr.boundaries import Budget
from streamr.errors import Fault
from streamr.upstream.line import HostLine

# TMDB's largest bodies are 230-460 kB (docs/facts/tmdb.md, "Sizes").
MOST_BYTES = 4 * 1024 * 1024
# JSON shrinks to a tenth in gzip; a body that grows beyond this is a bomb.
MOST_INFLATED = 16 * 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


class Collector(Protocol):
    """Collects one body, with a limit on size, pauses and the whole time.

    `done` fires with the bytes and whether their end was certain (a body without length
    that ends with the connection has no certain end), or fails with Fault. A pause that
    our own load on the line explains is none, and on a busy line a body has until the
    deadline of who waits for it.
    """

    def __init__(
        self,
        clock: IReactorTime,
        budget: Budget,
        abort: Callable[[], None],
        line: HostLine | None = None,
        until: float | None = None,
    ) -> None:
        """`until` is that deadline, by the clock."""
        self._clock = clock
        self._line = line if line is not None else HostLine(clock, 1)
        self._began = clock.seconds()
        self._until = self._began + budget.body if until is None else until
        self._budget = budget
        self._abort = abort
        self._pieces: list[bytes] = []
        self._size = 0
        self._heard = self._began
        # one for both limits: most bodies are whole before it is due
        soonest = min(budget.idle, budget.body)
        self._timer: IDelayedCall | None = clock.callLater(soonest, self._look)
        self.done: Deferred[tuple[bytes, bool]] = Deferred(self._cancelled)

    def dataReceived(self, data: bytes) -> None:
        if self._timer is None:
            return
        self._size += len(data)
        if self._size > MOST_BYTES:
            self._give_up(
                Fault("http_response_body_size", f"more than {MOST_BYTES} bytes")
            )
            return
        self._pieces.append(data)
        self._heard = self._clock.seconds()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._finish():
            return
        self._line.transferred(self._size, self._began)
        certain = reason.check(ResponseDone) is not None
        if certain or reason.check(PotentialDataLoss):
            self.done.callback((b"".join(self._pieces), certain))
        else:
            self.done.errback(reason)

    def _look(self) -> None:
        """Give up when one of the limits is reached, or look again when it can be."""
        now = self._clock.seconds()
        if now - self._heard >= self._budget.idle and self._line.explains(self._heard):
            self._heard = now
        idle_left = self._heard + self._budget.idle - now
        ends = self._began + self._budget.body
        body_left = (max(ends, self._until) if self._line.busy else ends) - now
        if idle_left <= 0:
            self._give_up(
                Fault(
                    "http_response_timeout",
                    f"the body paused for {self._budget.idle:g} s",
                )
            )
        elif body_left <= 0:
            self._give_up(
                Fault(
                    "http_response_timeout",
                    f"{self._size} bytes when the time was up",
                    own_load=self._line.busy,
                    received=self._size,
                    seconds=now - self._began,
                )
            )
        else:
            soonest = min(idle_left, body_left)
            self._timer = self._clock.callLater(soonest, self._look)

    def _give_up(self, fault: Fault) -> None:
        if self._finish():
            self._abort()
            self.done.errback(fault)

    def _cancelled(self, _done: Deferred[tuple[bytes, bool]]) -> None:
        if self._finish():
            self._abort()

    def _finish(self) -> bool:
        """Stop the timer; False when it was over already."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        return timer is not None


def decode(
    raw: bytes, coding: bytes | None, *, certain: bool
) -> tuple[bytes, bytes | None]:
    """The body in its identity form, and the gzip form when it came in gzip.

    `certain` says whether the end of the body was sure; a cut stream without a sure end
    is a cut body, with one it is a broken coding.

    A body that starts with gzip's magic but says nothing of it is taken for gzip:
    TMDB's CDN did this for hours (docs/facts/field.md, "Gzip without its header").
    Raises Fault.
    """
    name = (coding or b"").strip().lower()
    if name in (b"gzip", b"x-gzip") or (
        name in (b"", b"identity") and raw.startswith(GZIP_MAGIC)
    ):
        return _gunzip(raw, certain=certain), raw
    if name in (b"", b"identity"):
        return raw, None
    raise Fault(
        "http_response_content_coding",
        f"unknown coding {name[:40].decode('ascii', 'replace')}",
    )


def read_json(body: bytes, *, certain: bool) -> object:
    """The JSON object or array in a body; raises Fault unless it is one whole."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if not certain and body[:1] in (b"{", b"["):
            raise Fault(
                "http_response_incomplete", f"cut after {len(body)} bytes"
            ) from error
        raise Fault("http_response_invalid", describe(body)) from error
    if not isinstance(value, dict | list):
        raise Fault("http_response_invalid", "a bare JSON value")
    return value


def describe(body: bytes, wanted: str = "JSON") -> str:
    """What a body that is not what was wanted looks like, in a few words, without its
    content."""
    start = body[:64].lstrip().lower()
    if not body:
        return "an empty body"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<?xml")):
        return f"a page of HTML, {len(body)} bytes"
    if start.startswith((b"{", b"[")):
        kind = "broken JSON" if wanted == "JSON" else "JSON"
        return f"{kind}, {len(body)} bytes"
    return f"{len(body)} bytes that are not {wanted}"


def _gunzip(raw: bytes, *, certain: bool) -> bytes:
    """Inflate one or more gzip members (RFC 1952, 2.2), all of them whole."""
    pieces: list[bytes] = []
    size = 0
    while raw:
        inflater = zlib.decompressobj(_GZIP)
        try:
            piece = inflater.decompress(raw, MOST_INFLATED - size + 1)
        except zlib.error as error:
            raise Fault("http_response_content_coding", str(error)) from error
        size += len(piece)
        if size > MOST_INFLATED:
            raise Fault(
                "http_response_body_size",
                f"inflates to more than {MOST_INFLATED} bytes",
            )
        if not inflater.eof:
            cause = (
                "http_response_content_coding"
                if certain
                else "http_response_incomplete"
            )
            raise Fault(cause, "the gzip stream is cut")
        pieces.append(piece)
        raw = inflater.unused_data
    return b"".join(pieces)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON (RFC 8259, 6)")
