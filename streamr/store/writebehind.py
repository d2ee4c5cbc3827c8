"""Writing behind: the disk follows the memory store, a moment later, in a thread.

Only the keys that have changed are noted. What is written is what the memory holds for
them at that moment, so nothing is held twice, a purge is never undone, and what the
memory gave up for strangers leaves the disk as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from streamr.boundaries import StoredResponse
from streamr.interfaces import Memory, Tier

# Runs a function in the one thread of the disk.
InThread = Callable[..., "Deferred[None]"]

_log = Logger()

# What a crash can cost; a power cut may cost what the system had not yet synced.
WRITE_EVERY = 0.25
# A disk that has failed is tried again after this.
TRY_AGAIN = 5.0
# A disk that is full says so once a minute, not with every answer.
COMPLAIN_EVERY = 60.0
# While the disk takes nothing, no more keys than this are noted: then all is written.
MOST_WAITING = 50_000


class WriteBehind:
    """Connects the memory store with a tier behind it."""

    def __init__(
        self,
        memory: Memory,
        tier: Tier,
        clock: IReactorTime,
        in_thread: InThread,
    ) -> None:
        self._memory = memory
        self._tier = tier
        self._clock = clock
        self._in_thread = in_thread
        self._changed: dict[str, None] = {}
        self._everything = False
        self._closing = False
        self._timer: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._complained_at: float | None = None

    def fill(self) -> None:
        """Read the disk into memory now, and write behind from now on.

        It blocks, on purpose: the servers do not listen yet.
        """
        try:
            # oldest first, so that the newest are the last to leave again
            for response in reversed(self._tier.load()):
                self._memory.fill(response.key, response)
        except self._tier.failures as error:
            self._complain(error)
        self._memory.subscribe(self._put, self._note)

    def flush(self) -> Deferred[None]:
        """Write what waits, and close the file. Nothing is written after that."""
        return Deferred.fromCoroutine(self._flush())

    async def _flush(self) -> None:
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        await self._write()
        await self._in_thread(self._tier.close)

    def _put(self, response: StoredResponse) -> None:
        self._note([response.key])

    def _note(self, keys: Sequence[str]) -> None:
        """These keys have changed in memory."""
        self._changed.update(dict.fromkeys(keys))
        if len(self._changed) > MOST_WAITING:
            self._changed.clear()
            self._everything = True
        self._soon(WRITE_EVERY)

    def _soon(self, seconds: float) -> None:
        if self._timer is None and self._writing is None and not self._closing:
            self._timer = self._clock.callLater(seconds, self._write)

    def _write(self) -> Deferred[None]:
        """Hand what the memory holds for the changed keys to the thread."""
        self._timer = None
        keys, self._changed = list(self._changed), {}
        everything, self._everything = self._everything, False
        found = {key: self._memory.peek(key) for key in keys}
        kept = [response for response in found.values() if response is not None]
        if everything:
            writing = self._in_thread(self._tier.replace, list(self._memory))
        else:
            dropped = [key for key, response in found.items() if response is None]
            writing = self._in_thread(self._tier.write, kept, dropped)
        done: Deferred[None] = Deferred()
        self._writing = done
        writing.addCallbacks(
            lambda _: WRITE_EVERY,
            self._failed,
            errbackArgs=(keys, everything),
        ).addCallback(self._written, done)
        return done

    def _failed(self, failure: Failure, keys: list[str], everything: bool) -> float:
        """The keys wait for the next try. Returns the seconds until then."""
        if not failure.check(*self._tier.failures):
            _log.failure(
                "Writing to the disk store broke", failure=failure, code="writing-broke"
            )
        self._complain(failure.value)
        self._changed = {**dict.fromkeys(keys), **self._changed}
        self._everything = self._everything or everything
        return TRY_AGAIN

    def _written(self, pause: float, done: Deferred[None]) -> None:
        self._writing = None
        if self._changed or self._everything:
            self._soon(pause)
        done.callback(None)

    def _complain(self, error: BaseException | None) -> None:
        now = self._clock.seconds()
        last = self._complained_at
        if last is None or now - last >= COMPLAIN_EVERY:
            self._complained_at = now
            _log.warn(
                "The disk store fails ({error}); answers are still served from memory",
                error=str(error),
                code="disk-store",
            )
