"""Writes a picture as fast as its caller takes it, and as it comes."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from streamr.errors import Fault
from streamr.interfaces import PictureReader
from streamr.web.access import Stream
from streamr.web.server.request import GatewayRequest
from streamr.web.server.transport import flush, gather

# Twisted takes so much before it lets its producer wait; a larger piece would wait for
# the reactor each time.
PIECE = 64 * 1024
# What a fast reader gets in one turn: others wait for theirs.
MOST_IN_A_TURN = 4


@implementer(IPushProducer)
class StreamWriter:
    """Hands a picture from its reader to the connection."""

    def __init__(self, request: GatewayRequest, stream: Stream) -> None:
        self._request = request
        self._reader: PictureReader = stream.reader
        self._left = stream.length
        self._paused = self._writing = self._woken = self._over = False

    def begin(self) -> None:
        """Write until it has ended, or the caller has left."""
        self._request.notifyFinish().addBoth(lambda _ended: self.stopProducing())
        self._request.registerProducer(self, True)
        self._write_on()

    def pauseProducing(self) -> None:
        """The connection takes no more."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The connection takes more again."""
        self._paused = False
        self._write_on()

    def stopProducing(self) -> None:
        """Over: it has ended, or the caller is gone."""
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
                self._request.channel.site.turns.later(self._write_on)
        except Fault:
            # half a picture has no clean end
            self._request.channel.forceAbortClient()
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
        transport = self._request.channel.transport
        if not data:
            flush(transport)  # the head, if it is not sent yet
            self._reader.wait(self._write_on)
            return False
        if self._left is not None:
            self._left -= len(data)
        gather(transport)
        self._request.write(data)
        flush(transport)
        return True

    def _finish(self) -> None:
        self._request.unregisterProducer()
        self._request.finish()
