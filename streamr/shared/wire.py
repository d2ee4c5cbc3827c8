"""RESP3: commands go out in order, replies come back in it, pushes in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferTimeout
from twisted.internet.error import (
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from streamr.eventloop import flush

try:
    import hiredis
except ImportError:  # the extra `shared` is not installed
    hiredis = None  # type: ignore[assignment]

IS_INSTALLED = hiredis is not None

# What a command is made of, and what a reply can be.
Word = bytes | str | int
_MORE = object()


class _Missing:
    """There is no reply: the engine is away, was too slow, or has refused."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


def is_refusal(reply: object) -> bool:
    """Whether the engine has refused a command."""
    return isinstance(reply, hiredis.ReplyError)


# Why there is no connection, in other words than Twisted's.
_WHY: Sequence[tuple[type[Exception], str]] = (
    (ConnectionRefusedError, "nothing listens there"),
    (DNSLookupError, "its name cannot be resolved"),
    (TimeoutError, "it did not answer in time"),
    (DeferTimeout, "it did not answer in time"),
    (NoRouteError, "there is no route to it"),
    (ConnectionDone, "it has closed the connection"),
    (ConnectionLost, "the connection was lost"),
)


def in_words(failure: Failure) -> str:
    """Why there is no connection: what we know in our own words, else what was said."""
    for kind, words in _WHY:
        if failure.check(kind):
            return words
    said: str = failure.getErrorMessage()
    return said or type(failure.value).__name__


class Wire(Protocol):
    """One connection to the engine."""

    def __init__(
        self,
        pushed: Callable[[bytes], object],
        lost: Callable[[Wire, str], object],
    ) -> None:
        """`pushed` gets what is published on the channel that was subscribed to; `lost`
        is told once that the connection has ended, and why."""
        self._pushed = pushed
        self._lost = lost
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._waiting: deque[Deferred[object]] = deque()

    @property
    def waiting(self) -> int:
        """How many replies are still to come."""
        return len(self._waiting)

    def ask(self, *command: Word) -> Deferred[object]:
        """Fires with the reply, an hiredis.ReplyError where it is one, or MISSING when
        the connection ends before it."""
        reply: Deferred[object] = Deferred()
        self._waiting.append(reply)
        self._write(command)
        return reply

    def subscribe(self, channel: str) -> Deferred[object]:
        """From now on, pushes of this channel come. Nothing else may be asked until it
        fires: a push says that it is so, a reply that it is refused (RESP3)."""
        return self.ask("SUBSCRIBE", channel)

    def end(self) -> None:
        """No more of it."""
        cast(ITCPTransport, self.transport).abortConnection()

    def close(self, *farewell: Word) -> None:
        """The same when all of a last command has left; nobody waits any more."""
        assert self.transport is not None
        if farewell:
            self._write(farewell)
        self.transport.loseConnection()
        self._nobody_waits()

    def dataReceived(self, data: bytes) -> None:
        """Hand out what has come."""
        try:
            self._reader.feed(data)
            while (found := self._reader.gets()) is not _MORE:
                self._came(found)
        except (hiredis.ProtocolError, TypeError, ValueError):
            # it does not speak RESP3: the reader stumbles over some of what it is not
            self.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody waits any more."""
        self._lost(self, in_words(reason))
        self._nobody_waits()

    def _nobody_waits(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for each in waiting:
            each.callback(MISSING)

    def _came(self, found: object) -> None:
        if isinstance(found, hiredis.PushNotification):
            kind, *rest = found
            if kind == b"message" and len(rest) == 2:
                self._pushed(rest[1])
            elif kind == b"subscribe" and self._waiting:
                self._waiting.popleft().callback(rest)
        elif self._waiting:
            self._waiting.popleft().callback(found)
        else:
            self.end()  # nobody has asked for anything

    def _write(self, command: tuple[Word, ...]) -> None:
        assert self.transport is not None
        self.transport.write(hiredis.pack_command(cast(Any, command)))
        # in a crowd the next turn may come after the time that a reply has
        flush(self.transport)
