"""Writes a picture as fast as its caller takes it, and as it comes."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from streamr.errors import Fault
from streamr.interfaces import PictureReader
from streamr.web.server.channel import Channel
from streamr.web.server.transport import flush, gather

# With a head in front it is no more than what Twisted takes (64 kB) before it lets its
# producer wait: that would cost two system calls each time.
PIECE = 62 * 1024
# What a fast reader gets in one turn: others wait for theirs.
MOST_IN_A_TURN = 4


class Answer(Protocol):
    """What a picture is written to: a request of twisted.web's whose head is written,
    or a connection itself."""

    def registerProducer(self, producer: IPushProducer, streaming: bool) -> object:
        """Tell this one when to pause and to go on."""

    def unregisterProducer(self) -> object:
        """Nothing more is written."""

    def write(self, data: bytes) -> object:
        """A piece of its body."""

    def finish(self) -> object:
        """It is whole."""


@implementer(IPushProducer)
class StreamWriter:
    """Hands a picture from its reader to the connection, which stops it when the caller
    has left."""

    def __init__(
        self,
        answer: Answer,
        channel: Channel,
        reader: PictureReader,
        length: int | None,
        head: bytes = b"",
    ) -> None:
        """`length` is how many bytes of it are wanted, None for all that come; `head`
        is that of the answer if it is not written yet."""
        self._answer = answer
        self._channel = channel
        self._reader = reader
        self._left = length
        self._head = head
        self._paused = self._writing = self._woken = self._over = False

    def begin(self) -> None:
        """Write until it has ended, or the caller has left."""
        self._answer.registerProducer(self, True)
        if self._head:
            gather(self._channel.transport)
            self._answer.write(self._head)
        self._write_on()

    def pauseProducing(self) -> None:
        """The connection takes no more."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The connection takes more again."""
        self._paused = False
        self._write_on()

    def stopProducing(self) -> None:
        """Over: it has ended, or the caller is gone. Can be called again."""
        self._over = True
        self._reader.close()

    def _write_on(self) -> None:
        if self._writing:  # told from within: it is looked at again
            self._woken = True
            return
        self._writing = True
        try:
            for _ in range(MOST_IN_A_TURN):
                self._woken = False
                if self._paused or self._over:
                    break
                if not (self._write_piece() or self._woken):
                    break
            else:
                self._channel.site.turns.later(self._write_on)
        except Fault:
            # half a picture has no clean end
            self._channel.forceAbortClient()
        finally:
            self._writing = False

    def _write_piece(self) -> bool:
        """Write a piece, or finish; False when there is nothing to write now. Raises
        Fault."""
        wanted = PIECE if self._left is None else min(PIECE, self._left)
        data = self._reader.read(wanted) if wanted else None
        if data is None:
            if self._left:
                raise Fault(
                    "http_response_incomplete", f"{self._left} bytes are missing"
                )
            self._finish()
            return False
        transport = self._channel.transport
        if not data:
            flush(transport)  # the head, if it is not sent yet
            self._reader.wait(self._write_on)
            return False
        if self._left is not None:
            self._left -= len(data)
        gather(transport)
        self._answer.write(data)
        flush(transport)
        return True

    def _finish(self) -> None:
        self.stopProducing()
        self._answer.unregisterProducer()
        self._answer.finish()
