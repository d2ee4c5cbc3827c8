"""The posters of the warm lists: fetched before anybody asks, behind all who do."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from streamr.boundaries import Call, Query
from streamr.errors import Fault
from streamr.gateway.pictures import PictureAnswer, Pictures
from streamr.interfaces import PictureReader

# The lists are looked through so often (seconds), as the warm set itself is.
LOOK_EVERY = 60.0
# The lists themselves are fetched first.
FIRST_LOOK = 5.0
# One after another, and the next one after so long (seconds): 80 posters in two sizes
# are there within a minute.
APART = 0.3
# No picture has so many bytes: who reads on from there reads none of it.
BEHIND_ALL = 1 << 40


class WarmPictures:
    """Fetches what the warm lists show, as far as it is not stored."""

    def __init__(
        self,
        wanted: Callable[[], Iterable[Query]],
        pictures: Pictures,
        busy: Callable[[], bool],
        clock: IReactorTime,
        deadline: float,
    ) -> None:
        """`wanted` names the pictures of now; while the gateway is `busy` none is
        fetched."""
        self._wanted = wanted
        self._pictures = pictures
        self._busy = busy
        self._clock = clock
        self._deadline = deadline
        self._timer: IDelayedCall | None = None
        self._fetching: Deferred[None] | None = None

    def start(self) -> None:
        """Look through the lists, again and again, from now on."""
        self._timer = self._clock.callLater(FIRST_LOOK, self._look)

    def stop(self) -> None:
        """Leave no timer."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        fetching, self._fetching = self._fetching, None
        if fetching is not None:
            fetching.cancel()

    def _look(self) -> None:
        self._go_on(iter(list(self._wanted())))

    def _go_on(self, left: Iterator[Query]) -> None:
        """Fetch the next one that is not stored, and so on."""
        if self._busy():
            self._timer = self._clock.callLater(APART, self._go_on, left)
            return
        query = next((each for each in left if not self._pictures.has(each)), None)
        if query is None:
            self._timer = self._clock.callLater(LOOK_EVERY, self._look)
            return
        fetching = self._fetching = self._fetch(query)
        fetching.addCallback(self._fetched, left).addErrback(_given_up)

    def _fetch(self, query: Query) -> Deferred[None]:
        """Fires when it is stored, or cannot be."""
        until = self._clock.seconds() + self._deadline
        name = f"warm-{secrets.token_hex(4)}"
        call = Call(name, until, target=query.path, background=True)
        return self._pictures.serve(query, call).addCallback(_read)

    def _fetched(self, _result: None, left: Iterator[Query]) -> None:
        if self._fetching is not None:
            self._fetching = None
            self._timer = self._clock.callLater(APART, self._go_on, left)


def _read(shown: PictureAnswer) -> Deferred[None] | None:
    """Be a reader of it until it is there, or is cut; none of it is read."""
    return None if shown.reader is None else _follow(shown.reader)


def _follow(reader: PictureReader) -> Deferred[None]:
    over: Deferred[None] = Deferred(lambda _over: reader.close())

    def look() -> None:
        try:
            going_on = reader.read(1) is not None
        except Fault:
            going_on = False
        if going_on:
            reader.wait(look)
        elif not over.called:
            reader.close()
            over.callback(None)

    reader.seek(BEHIND_ALL)
    look()
    return over


def _given_up(failure: Failure) -> None:
    """The gateway stops."""
    failure.trap(CancelledError)
