"""The conductor of pictures: a caller's request in, one Exchange and a reader out.

    file on the disk ─► download under way, one for all who ask ─► the routes

A picture never changes under its name: nothing is asked again while it is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import (
    STORED,
    Answer,
    CacheUse,
    Call,
    Exchange,
    Outcome,
    Part,
    PictureHead,
    Query,
)
from streamr.errors import Fault
from streamr.gateway.cache import FLIGHT_MARGIN, out_of_time
from streamr.gateway.collapse import Flights
from streamr.gateway.download import Download, StoredReader, strong
from streamr.gateway.pauses import Pauses
from streamr.gateway.telling import Teller
from streamr.interfaces import PictureFile, PictureFiles, PictureReader
from streamr.policy.freshness import MOST_KEPT
from streamr.routing.failover import Failover

_log = Logger()

# That TMDB has no such picture is believed for so long (seconds): one that it is about
# to get is there within minutes.
GONE = 60.0
MOST_GONE = 10_000
# Pictures of which it is known that a host has cut them.
MOST_CUT = 1_000
# Who has asked for a download reads it at once, unless he has left meanwhile (seconds).
UNREAD = 1.0


# What a stored picture is an answer with: its bytes are its reader's.
_FOUND = Answer(200, b"")


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """What came of a request for a picture. Without a reader there is none to show."""

    exchange: Exchange
    reader: PictureReader | None


# How the head of a picture came, and the download if there is one.
_Opened = tuple[Outcome, Download | None]


class Pictures:
    """Answers requests for pictures over its routes, from its files where it has some.

    Only main keeps pictures; those of the proxy last as long as somebody reads them.
    """

    def __init__(
        self,
        failover: Failover,
        clock: IReactorTime,
        wall: Callable[[], float],
        teller: Teller,
        deadline: float,
        files: PictureFiles | None = None,
    ) -> None:
        """`deadline` is how long the routes may take for a picture, in seconds, and for
        the rest of one that was cut."""
        self.failover = failover
        self.files = files
        self._clock = clock
        self._wall = wall
        self._teller = teller
        self._deadline = deadline
        self._flights: Flights[_Opened] = Flights(clock)
        self._downloads: dict[str, Download] = {}
        # those that nobody else can join
        self._alone: set[Download] = set()
        self._gone = Pauses(MOST_GONE)
        # answers since the start: from the disk, and others
        self.hits = self.misses = 0
        self._cut: dict[str, frozenset[str]] = {}

    def serve(self, query: Query, call: Call) -> Deferred[PictureAnswer]:
        """Answer by the call's deadline with the head of a picture, and a reader for
        its bytes. Never fails; cancelling it closes what nobody else waits for."""
        began = self._clock.seconds()
        stored = self.stored(query.path)
        if stored is not None:
            shown = self.hit(stored.head)
            return succeed(self._shown(shown, stored, query, call, began))
        if self._gone.hold(query.path, began):
            nothing = Outcome(Answer(404, b""), source=STORED, cache=CacheUse())
            return succeed(self._shown(nothing, None, query, call, began))
        self.misses += 1
        opening = self._open(query, call)
        opening.addErrback(_left)
        return opening.addCallback(self._opened, query, call, began)

    def knows(self, key: str) -> bool:
        """Whether a picture is stored, as far as that is known without the disk."""
        return self.files is not None and self.files.knows(key)

    def stored(self, key: str) -> StoredReader | None:
        """A reader of the stored picture of this key, for an answer that is counted
        here; None when there is none."""
        file = self._files_have(key)
        if file is None:
            return None
        self.hits += 1
        return StoredReader(file)

    def hit(self, head: PictureHead) -> Outcome:
        """What comes of a request for a stored picture."""
        age = max(0.0, self._wall() - head.made_at)
        use = CacheUse(ttl=round(MOST_KEPT - age))
        return Outcome(_FOUND, source=STORED, age=age, cache=use)

    @property
    def busy(self) -> bool:
        """True while something is downloaded."""
        return bool(self._downloads or self._alone)

    def has(self, query: Query) -> bool:
        """Whether a picture is stored, or TMDB has just said that it has none."""
        if self._gone.hold(query.path, self._clock.seconds()):
            return True
        stored = self._files_have(query.path)
        if stored is not None:
            stored.close()
        return stored is not None

    def stop(self) -> None:
        """End all downloads."""
        for each in [*self._downloads.values(), *self._alone]:
            each.stop()

    def _files_have(self, key: str) -> PictureFile | None:
        return None if self.files is None else self.files.find(key)

    def _open(self, query: Query, call: Call) -> Deferred[_Opened]:
        """A download: one under way that can be joined, or a new one."""
        download = self._downloads.get(query.path)
        if download is not None and download.joinable:
            return succeed((_joined(download.outcome), download))
        if self.files is None or download is not None:
            return self._begin(query, call)
        now, collapsed = self._clock.seconds(), query.path in self._flights
        # for all who wait: the first one may have less time than the next
        deadline = now + self._deadline - FLIGHT_MARGIN
        flying = replace(call, deadline=deadline)
        waiting = self._flights.join(query.path, lambda: self._begin(query, flying))
        if collapsed:
            waiting.addCallback(_collapsed)
        left = max(0.0, call.deadline - now)
        return waiting.addTimeout(left, self._clock, _out_of_time)

    def _begin(self, query: Query, call: Call) -> Deferred[_Opened]:
        # not first where it was cut before
        silent = call.silent | self._cut.pop(query.path, frozenset())
        fetching = self.failover.fetch(query, replace(call, silent=silent))
        return fetching.addCallback(self._came, query, call)

    def _came(self, outcome: Outcome, query: Query, call: Call) -> _Opened:
        answer = outcome.answer
        outcome = replace(outcome, cache=CacheUse(forward="uri-miss"))
        if answer is None or answer.incoming is None:
            if answer is not None and answer.status in (404, 410):
                self._gone.begin(query.path, self._clock.seconds() + GONE)
            return outcome, None
        head = self._head(answer, query.path)
        new = None
        if self.files is not None and query.path not in self._downloads:
            new = self.files.begin(head)
        if new is not None and self.files is not None and self.files.most_bytes:
            outcome = replace(outcome, cache=CacheUse(forward="uri-miss", stored=True))
        supply = _Supply(self, query, call, outcome.source or "")

        def over(kept: PictureFile | None) -> None:
            self._alone.discard(download)
            if self._downloads.get(query.path) is download:
                del self._downloads[query.path]
            if kept is not None:
                kept.close()

        download = Download(head, outcome, answer, new, supply, over)
        if new is None:
            self._alone.add(download)
        else:
            self._downloads[query.path] = download
        download.unread = self._clock.callLater(UNREAD, download.expire)
        return outcome, download

    def _opened(
        self, opened: _Opened, query: Query, call: Call, began: float
    ) -> PictureAnswer | Deferred[PictureAnswer]:
        outcome, download = opened
        if download is None:
            return self._shown(outcome, None, query, call, began)
        if not download.joinable:
            # it has ended meanwhile, or is another reader's alone
            stored = self._files_have(query.path)
            if stored is None:
                beginning = self._begin(query, call).addErrback(_left)
                return beginning.addCallback(self._opened, query, call, began)
            return self._shown(outcome, StoredReader(stored), query, call, began)
        return self._shown(outcome, download.reader(), query, call, began)

    def _head(self, answer: Answer, key: str) -> PictureHead:
        made_at = self._wall() - answer.age
        etag = _etag(answer, key)
        return PictureHead(key, answer.content_type, etag, answer.length, made_at)

    def _shown(
        self,
        outcome: Outcome,
        reader: PictureReader | None,
        query: Query,
        call: Call,
        began: float,
    ) -> PictureAnswer:
        return PictureAnswer(self._teller.answered(outcome, query, call, began), reader)

    def was_cut(self, key: str, host: str) -> None:
        """A picture that came from this host was not whole."""
        self._cut[key] = self._cut.get(key, frozenset()) | {host}
        if len(self._cut) > MOST_CUT:
            del self._cut[next(iter(self._cut))]

    def rest(self, query: Query, call: Call, part: Part) -> Deferred[Outcome]:
        """What is missing of a picture."""
        deadline = self._clock.seconds() + self._deadline
        return self.failover.fetch(query, replace(call, part=part, deadline=deadline))


class _Supply:
    """Where one picture comes from (Download's `Supply`)."""

    def __init__(
        self, pictures: Pictures, query: Query, call: Call, source: str
    ) -> None:
        self._pictures = pictures
        self._query = query
        self._call = call
        self._source = source

    def cut(self, fault: Fault, size: int) -> None:
        route = self._pictures.failover.broke(self._source, fault, self._query)
        host = route.dimensions.host
        self._pictures.was_cut(self._query.path, host)
        self._call = replace(self._call, silent=self._call.silent | {host})
        _log.warn(
            "A picture from {route} was cut after {size} bytes: {cause} [{request_id}]",
            route=self._source,
            size=size,
            cause=fault,
            request_id=self._call.request_id,
            code="picture-cut",
        )

    def rest(self, part: Part) -> Deferred[Outcome]:
        return self._pictures.rest(self._query, self._call, part).addCallback(
            self._goes
        )

    def _goes(self, outcome: Outcome) -> Outcome:
        self._source = outcome.source or self._source
        return outcome


def _joined(outcome: Outcome) -> Outcome:
    """How one is answered who joins a download under way."""
    used = outcome.cache or CacheUse(forward="uri-miss")
    return replace(outcome, cache=replace(used, collapsed=True, stored=False))


def _collapsed(opened: _Opened) -> _Opened:
    outcome, download = opened
    return _joined(outcome), download


def _out_of_time(cancelled: object, seconds: float) -> _Opened:
    return out_of_time(cancelled, seconds), None


def _etag(answer: Answer, key: str) -> str:
    """TMDB's own entity tag when it is a strong one; else one of ours. A picture does
    not change under its name, and its length and date would tell if it did."""
    etag, known = strong(answer), answer.validators
    if etag is not None:
        return etag
    modified = None if known is None else known.last_modified
    told = repr((key, answer.length, modified)).encode()
    return f'"{hashlib.sha256(told).hexdigest()[:32]}"'


def _left(failure: Failure) -> _Opened:
    failure.trap(CancelledError)
    fault = Fault("deadline_exceeded", "the caller disconnected")
    return Outcome(fault=fault, left=True), None
