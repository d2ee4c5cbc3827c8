"""One picture on its way: into a file that its readers follow, or to its only reader.

    route ─ Incoming ─► Download ─► file ─► reader, reader, reader     at their own pace
                                └► a window in memory ─► reader        where no file is

A download into a file waits for nobody, and so frees its place at the host at once.
Where nothing can be kept, the sender has to wait for the reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from streamr.boundaries import Answer, Incoming, Outcome, Part, PictureHead
from streamr.errors import Fault
from streamr.interfaces import NewPicture, PictureFile, PictureReader
from streamr.policy.pictures import PictureCheck

# What may lie between a sender and a reader in memory: two of the writes of 62 kB that
# are on their way, and as much to come.
WINDOW = 256 * 1024
# A picture is continued so often at most; then its line is too bad for any.
MOST_CONTINUED = 4
# One that nobody reads any more is still ended when no more than this is missing, or
# half of it.
NEARLY = 256 * 1024
# Until a picture is known to be whole its last byte stays here: who has all that were
# announced takes them for the whole.
HELD_BACK = 1
_STRONG = re.compile(r'"[!#-~]*"')


class Supply(Protocol):
    """Where a picture comes from."""

    def cut(self, fault: Fault, size: int) -> None:
        """What came last ends here, after so many bytes."""

    def rest(self, part: Part) -> Deferred[Outcome]:
        """Ask for what is missing, over another route if there is one."""


class Download:
    """One picture on its way (see above), from its first reader on; `outcome` is how
    its head came."""

    def __init__(
        self,
        head: PictureHead,
        outcome: Outcome,
        answer: Answer,
        new: NewPicture | None,
        supply: Supply,
        over: Callable[[PictureFile | None], object],
    ) -> None:
        """`new` is the file, None where there is none. `over` is told once, with the
        picture that is kept now."""
        self.head = head
        self.outcome = outcome
        self._answer = answer
        self._incoming = _incoming(answer)
        self._incoming.pause()
        self._begun = False
        # when it ends unless somebody has come to read it
        self.unread: IDelayedCall | None = None
        self._new = new
        self._supply = supply
        self._over = over
        self._check = PictureCheck(head.content_type)
        self._readers: list[_Following] = []
        # what the file does not take; it begins at this byte
        self._tail = bytearray()
        self._tail_at = 0
        self._spilled = new is None
        self._braked = False
        # what has come before, and comes again
        self._known = 0
        self._continued = 0
        self._asking: Deferred[None] | None = None
        self._ended = False
        self._fault: Fault | None = None

    @property
    def size(self) -> int:
        """How many bytes have come."""
        return self._tail_at + len(self._tail)

    @property
    def joinable(self) -> bool:
        """True while one more reader gets all of it, and stops nobody."""
        return not self._ended and not (self._spilled and self._begun)

    def reader(self) -> PictureReader:
        """One more who reads it."""
        made = _Following(self)
        self._readers.append(made)
        if not self._begun:
            self._begun = True
            self._await_no_reader()
            self._take(self._answer)
        return made

    def expire(self) -> None:
        """End it if nobody has come to read it."""
        if not self._begun:
            self._break(Fault("deadline_exceeded", "the caller disconnected"))

    def _await_no_reader(self) -> None:
        if self.unread is not None and self.unread.active():
            self.unread.cancel()

    def stop(self) -> None:
        """It shall go no further."""
        self._break(Fault("deadline_exceeded", "streamr stops"))

    def read(self, offset: int, size: int) -> bytes | None:
        """See PictureReader.read. Raises Fault."""
        whole = self._ended and self._fault is None
        size = min(size, self.size - (0 if whole else HELD_BACK) - offset)
        if size <= 0:
            return self._nothing()
        if self._new is not None and offset < self._new.size:
            try:
                return self._new.read(offset, size)
            except OSError as error:
                raise unreadable(error) from error
        at = offset - self._tail_at
        return bytes(self._tail[at : at + size])

    def _nothing(self) -> bytes | None:
        """What is read where nothing more is there."""
        if self._fault is not None:
            raise self._fault
        return None if self._ended else b""

    def advanced(self) -> None:
        """A reader has read on."""
        if not self._spilled:
            return
        slowest = min(self.size, *(each.offset for each in self._readers))
        if slowest > self._tail_at:
            del self._tail[: slowest - self._tail_at]
            self._tail_at = slowest
        if self._braked and len(self._tail) < WINDOW // 2:
            self._braked = False
            self._incoming.resume()

    def left(self, reader: _Following) -> None:
        """A reader has gone. With the last one it ends, unless it is nearly whole."""
        if reader not in self._readers:
            return
        self._readers.remove(reader)
        if self._readers:
            self.advanced()
        elif self._ended:
            self._let_go()
        elif not self._is_nearly_whole:
            self._break(Fault("deadline_exceeded", "the caller disconnected"))

    @property
    def _is_nearly_whole(self) -> bool:
        length = self.head.length
        if length is None or self._spilled:
            return False
        return length - self.size <= max(NEARLY, length // 2)

    def _take(self, answer: Answer) -> None:
        """Take what comes, from byte `begins` on."""
        self._known = self.size - answer.begins
        self._braked = False
        self._incoming = _incoming(answer)
        self._incoming.resume()
        self._incoming.deliver(self._came, self._came_to_an_end)

    def _came(self, data: bytes) -> None:
        if self._ended:
            return
        if self._known:
            known = min(self._known, len(data))
            self._known -= known
            data = data[known:]
        length = self.head.length
        if length is not None and self.size + len(data) > length:
            # with it, who reads would have all that were announced
            self._reject(Fault("http_response_incomplete", f"more than {length} bytes"))
            return
        self._check.take(data)
        if not self._spilled and self._new is not None and self._new.write(data):
            self._tail_at += len(data)
        else:
            self._spilled = True
            self._tail += data
            if len(self._tail) > WINDOW and not self._braked:
                self._braked = True
                self._incoming.pause()
        self._wake()

    def _came_to_an_end(self, fault: Fault | None) -> None:
        if self._ended:
            return
        wrong = None if fault is not None else self._wrong
        if wrong is not None:
            self._reject(wrong)
        elif fault is not None:
            self._supply.cut(fault, self.size)
            self._go_on(fault)
        else:
            self._finish()

    @property
    def _wrong(self) -> Fault | None:
        """Why this is no whole picture; None when it is one."""
        length, size = self.head.length, self.size
        if self._known or (length is not None and size != length):
            return Fault("http_response_incomplete", f"{size} of {length} bytes")
        problem = self._check.problem
        return Fault("http_response_incomplete", problem) if problem else None

    def _reject(self, wrong: Fault) -> None:
        """It was handed on as far as it goes: nobody can mend it."""
        self._supply.cut(wrong, self.size)
        self._break(wrong)

    def _go_on(self, fault: Fault) -> None:
        """Ask for the rest: of this very version, and if anybody still needs it."""
        etag = strong(self._answer)
        needed = self._readers or self._is_nearly_whole
        if not (etag and needed) or self._continued == MOST_CONTINUED:
            self._break(fault)
            return
        self._continued += 1
        asking = self._supply.rest(Part(self.size, etag))
        self._asking = asking.addCallbacks(
            self._continue, self._gave_up, callbackArgs=(etag, fault)
        )

    def _continue(self, outcome: Outcome, etag: str, fault: Fault) -> None:
        answer = outcome.answer
        if answer is None or answer.incoming is None:
            self._break(outcome.fault or fault)
        elif not (strong(answer) == etag and self._may_be(answer.length)):
            answer.incoming.close()
            self._break(fault)
        else:
            self._take(answer)

    def _may_be(self, length: int | None) -> bool:
        """Whether this can be the length of the whole, as far as that was told."""
        return None in (length, self.head.length) or length == self.head.length

    def _gave_up(self, failure: Failure) -> None:
        failure.trap(CancelledError)

    def _finish(self) -> None:
        self._ended = True
        kept = None
        if self._new is not None and not self._spilled:
            kept = self._new.finish()
        self._over(kept)
        self._end()

    def _break(self, fault: Fault) -> None:
        """Nothing more comes, and it is not whole."""
        if self._ended:
            return
        self._ended, self._fault = True, fault
        self._await_no_reader()
        self._incoming.close()
        if self._asking is not None:
            self._asking.cancel()
        if self._new is not None:
            self._new.abandon()
        self._over(None)
        self._end()

    def _end(self) -> None:
        self._wake()
        if not self._readers:
            self._let_go()

    def _let_go(self) -> None:
        if self._new is not None:
            self._new.close()

    def _wake(self) -> None:
        for each in tuple(self._readers):
            each.wake()


class _Following:
    """A reader of a picture that still comes."""

    def __init__(self, download: Download) -> None:
        self._download = download
        self._told: Callable[[], object] | None = None
        self.offset = 0

    @property
    def head(self) -> PictureHead:
        """See PictureReader."""
        return self._download.head

    def seek(self, offset: int) -> None:
        """See PictureReader."""
        self.offset = offset

    def read(self, size: int) -> bytes | None:
        """See PictureReader."""
        data = self._download.read(self.offset, size)
        if data is not None:
            self.offset += len(data)
            # also where his part has not come yet: what lies in front of it can go
            self._download.advanced()
        return data

    def wait(self, told: Callable[[], object]) -> None:
        """See PictureReader."""
        self._told = told

    def close(self) -> None:
        """See PictureReader."""
        self._told = None
        self._download.left(self)

    def wake(self) -> None:
        """There may be more."""
        told, self._told = self._told, None
        if told is not None:
            told()


class StoredReader:
    """A reader of a picture that is stored."""

    def __init__(self, file: PictureFile) -> None:
        self._file = file
        self._offset = 0

    @property
    def head(self) -> PictureHead:
        """See PictureReader."""
        return self._file.head

    def seek(self, offset: int) -> None:
        """See PictureReader."""
        self._offset = offset

    def read(self, size: int) -> bytes | None:
        """See PictureReader."""
        try:
            data = self._file.read(self._offset, size)
        except OSError as error:
            raise unreadable(error) from error
        self._offset += len(data)
        return data or None

    def wait(self, told: Callable[[], object]) -> None:
        """All of it is there."""
        told()

    def close(self) -> None:
        """See PictureReader."""
        self._file.close()


def unreadable(error: OSError) -> Fault:
    """What a reader gets whose picture cannot be read from the disk."""
    return Fault("proxy_internal_error", f"the disk: {error.strerror or error}")


def strong(answer: Answer) -> str | None:
    """The strong entity tag of an answer, if it has one (RFC 9110, 8.8.3): where equal
    ones stand there are equal bytes."""
    etag = answer.validators.etag if answer.validators is not None else None
    return etag if etag is not None and _STRONG.fullmatch(etag) else None


def _incoming(answer: Answer) -> Incoming:
    assert answer.incoming is not None
    return answer.incoming


_readers: tuple[type[PictureReader], ...] = (_Following, StoredReader)
