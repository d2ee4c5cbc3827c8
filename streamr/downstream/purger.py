"""What is purged here is purged in the caches in front: each is told in its own time.

purge(tag) ─► a queue per cache ─► one call at a time ─► told
                   ▲                      └ out of reach: again after 0.5, 1, 2, … 30 s
                   └ too many waiting: one purge of everything in their place

Whoever purges does not wait: a cache that is down must not hold up the others, or what
is purged here. After a minute a cache is given up, and the log says which tag it still
keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.tmdb import tags

_log = Logger()

# Seconds before each further try: a minute in all, in which a cache can be restarted.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
# Tags that wait for one cache. Beyond them it drops everything, once.
MOST_WAITING = 100
TOLD, GIVEN_UP, REFUSED = "told", "given-up", "refused"
RESULTS = (TOLD, GIVEN_UP, REFUSED)

# Tells one cache to drop what bears a tag. Fails with NotTold.
Tell = Callable[[str], Deferred[None]]


class NotTold(Exception):
    """A cache was not told; `final` where it would say the same again."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


@dataclass(frozen=True, slots=True)
class ToldCache:
    """What one cache was told so far, for `streamr cache stats`."""

    cache: str
    waiting: int
    told: int
    failed: int
    trouble: str


class Purger:
    """All caches in front."""

    def __init__(
        self,
        caches: Mapping[str, Tell],
        clock: IReactorTime,
        ended: Callable[[str, str], object] = lambda _cache, _result: None,
    ) -> None:
        """`caches` are by the names under which they are told of; `ended` is told of
        the cache and the result, one of `RESULTS`, of each purge."""
        self._queues = [
            _Queue(name, tell, clock, ended) for name, tell in caches.items()
        ]

    @property
    def names(self) -> list[str]:
        """The caches."""
        return [each.name for each in self._queues]

    def purge(self, tag: str) -> None:
        """Have each of them drop what bears this tag."""
        for each in self._queues:
            each.add(tag)

    def told(self) -> list[dict[str, object]]:
        """What each of them was told."""
        return [asdict(each.shown()) for each in self._queues]

    def stop(self) -> None:
        """Tell nobody any more; the log names what they still keep."""
        for each in self._queues:
            each.stop()


class _Queue:
    """What one cache has still to be told, in order, each tag once."""

    def __init__(
        self,
        name: str,
        tell: Tell,
        clock: IReactorTime,
        ended: Callable[[str, str], object],
    ) -> None:
        self.name = name
        self._tell = tell
        self._clock = clock
        self._ended = ended
        self._waiting: dict[str, None] = {}
        self._now: str | None = None
        self._under_way: Deferred[None] | None = None
        self._pause: IDelayedCall | None = None
        self._tries = 0
        self._done = self._failed = 0
        self._trouble = ""

    def add(self, tag: str) -> None:
        """One more."""
        if tag == tags.ALL or len(self._waiting) >= MOST_WAITING:
            # pictures do not bear the tag of all answers
            kept = self._waiting.keys() & {tags.PICTURES}
            if tag == tags.PICTURES:
                kept |= {tag}
            self._waiting = dict.fromkeys((tags.ALL, *kept))
        else:
            self._waiting[tag] = None
        if self._now is None:
            self._next()

    def shown(self) -> ToldCache:
        """How it stands."""
        waiting = len(self._waiting) + (self._now is not None)
        return ToldCache(self.name, waiting, self._done, self._failed, self._trouble)

    def stop(self) -> None:
        """No more."""
        left = [*([] if self._now is None else [self._now]), *self._waiting]
        self._waiting.clear()
        self._now = None
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._under_way is not None:
            self._under_way.cancel()
        if left:
            self._lost(left, "streamr stops")

    def _next(self) -> None:
        if self._waiting:
            self._now = next(iter(self._waiting))
            del self._waiting[self._now]
            self._tries = 0
            self._try()

    def _try(self) -> None:
        assert self._now is not None
        self._pause = None
        self._under_way = self._tell(self._now)
        self._under_way.addCallbacks(self._was_told, self._was_not_told)

    def _was_told(self, _told: object) -> None:
        self._under_way = None
        if self._now is None:
            return
        _log.info(
            "the cache in front {cache} has dropped {tag}",
            cache=self.name,
            tag=self._now,
            code="purged-in-front",
        )
        self._trouble = ""
        self._done += 1
        self._end(TOLD)

    def _was_not_told(self, failure: Failure) -> None:
        self._under_way = None
        if self._now is None:
            return  # it was stopped
        failure.trap(NotTold)
        self._trouble = failure.getErrorMessage()
        final: bool = failure.value.final  # type: ignore[union-attr]
        if not final and self._tries < len(PAUSES):
            self._pause = self._clock.callLater(PAUSES[self._tries], self._try)
            self._tries += 1
            return
        self._lost([self._now], self._trouble)
        self._failed += 1
        self._end(REFUSED if final else GIVEN_UP)

    def _end(self, result: str) -> None:
        self._now = None
        self._ended(self.name, result)
        self._next()

    def _lost(self, left: Iterable[str], why: str) -> None:
        _log.warn(
            "the cache in front {cache} was not told to drop {tags}: {why}",
            cache=self.name,
            tags=", ".join(left),
            why=why,
            code="not-purged-in-front",
        )
