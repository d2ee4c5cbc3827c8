"""What several streamr share: stored responses, one flight per key, purges, budgets.

The engine is never needed: whatever it does not answer is as if this node were alone.
All times in it are its own clock's, which each node compares with its monotonic one
once a second, so that nodes whose clocks differ agree.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from streamr.boundaries import PurgeMark, StoredResponse
from streamr.interfaces import SharedTier
from streamr.policy import freshness, representation
from streamr.shared import scripts
from streamr.shared.engine import Engine
from streamr.shared.hints import SharedHints
from streamr.shared.limits import SharedLimits
from streamr.shared.purges import MOST_PURGES, PurgeLog, written
from streamr.shared.wire import MISSING, Word
from streamr.store import record
from streamr.tmdb.tags import Purge

_log = Logger()

# Of all keys and of the channel: what an access list is written for.
PREFIX = "streamr"
# The form of what is in it: another version of streamr uses other keys.
FORM = "1"
# How often a node is seen, and how long after that it counts (seconds).
BEAT, SEEN = 1.0, 5.0
# A claim outlives the flight that it is for by this (seconds), then it is free.
CLAIM_MARGIN = 1.0
# A node takes its part of TMDB's limits so many beats after it has found the engine.
# The first is longer: each of the others has seen it by then, and given up its part.
KNOWN_AFTER, FIRST_BEAT = 2, 1.25 * BEAT
# So many beats in a row without a right answer, and the engine is away.
MOST_BAD_BEATS = 2
# Claims that could not be given back while it was away; beyond them they end by time.
MOST_UNFREED = 1000
# Bodies beyond this are not shared: they would hold up the others.
MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a node knows of its fleet when it stops: for its next start, and for while
    the engine is away. `nodes` is 0 where it has never seen them."""

    nodes: int
    purges: PurgeMark
    unsaid: tuple[Purge, ...] = ()


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many nodes there are on this address, this one included; `ever` says whether
    the engine was ever there, `up` whether it is now. One that is `joining` may find it
    at any moment."""

    nodes: int
    ever: bool
    up: bool = False
    joining: bool = False


class FleetTier:
    """The engine's part in what a node does (interfaces.SharedTier)."""

    def __init__(
        self,
        make: Callable[..., Engine],
        clock: IReactorTime,
        site: str,
        egress: str,
        deadline: float,
        purge: Callable[[Purge], object],
        fleet: Callable[[Fleet], object],
        *,
        before: Remembered | None = None,
    ) -> None:
        """`make` makes the engine of channel, pushed and changed. `site` tells apart
        what stands for different TMDBs, `egress` the addresses that TMDB counts by;
        `deadline` is a flight's, in seconds. `purge` drops here what was dropped
        elsewhere; `fleet` is told of each change of it. `before` is what was known
        when this node last stopped."""
        self._clock = clock
        self._base = f"{PREFIX}:{FORM}:{site}:"
        limits = f"{PREFIX}:{FORM}:limits:{egress}:"
        self._nodes_key = f"{limits}nodes"
        self._purges_key = f"{self._base}purges"
        self._life_key = f"{self._base}life"
        self._channel = f"{self._base}news"
        self._limit = int((deadline + CLAIM_MARGIN) * 1000)
        self._purge = purge
        self._told_fleet = fleet
        self._node = secrets.token_hex(8)
        self._engine = make(self._channel, self._pushed, self._changed)
        self.limits = SharedLimits(self._engine, limits, self._counted, clock)
        routes = f"{self._base}routes:{egress}"
        self.hints = SharedHints(self._engine, routes, self._channel)
        self._offset: float | None = None
        self._purged = (
            PurgeLog(None) if before is None else PurgeLog(before.purges, before.unsaid)
        )
        self._heard: list[Callable[[Purge], object]] = []
        self._listeners: list[Callable[[], object]] = []
        self._unfreed: dict[str, None] = {}
        self._landing: dict[str, list[Deferred[None]]] = {}
        self._timer: IDelayedCall | None = None
        self._beats = self._bad_beats = 0
        self._why: str | None = None
        nodes = 0 if before is None else before.nodes
        self._fleet = Fleet(max(1, nodes), nodes > 0, joining=True)
        self.hits = self.misses = self.broken = 0

    @property
    def up(self) -> bool:
        """Whether the engine is there, and its clock is known."""
        return self._engine.up and self._offset is not None

    @property
    def fleet(self) -> Fleet:
        """The nodes, as last seen."""
        return self._fleet

    @property
    def trouble(self) -> str:
        """What the engine last refused, and why it is away."""
        return self._why or self._engine.refused

    def start(self) -> None:
        """Look for the engine from now on."""
        self._told_fleet(self._fleet)
        self._engine.start()

    def stop(self) -> None:
        """Let go of it."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._engine.stop("ZREM", self._nodes_key, self._node)
        for key in list(self._landing):
            self._landed(key)

    def subscribe(self, changed: Callable[[], object]) -> None:
        """Tell of each change of what is `known`."""
        self._listeners.append(changed)

    def when_heard(self, heard: Callable[[Purge], object]) -> None:
        """Tell of each purge of this node that the engine has heard."""
        self._heard.append(heard)

    def known(self) -> dict[str, object]:
        """What a later life of this node begins with; empty where it has never seen the
        engine."""
        mark, unsaid = self._purged.mark, self._purged.unsaid
        if not mark.life and not unsaid:
            return {}
        return {
            "nodes": self._fleet.nodes if self._fleet.ever else 0,
            "life": mark.life,
            "purges": mark.count,
            "unsaid": [[each.what, each.value] for each in unsaid],
        }

    # Stored responses

    async def look(self, key: str) -> StoredResponse | None:
        """The stored response of this key, if there is one that may be used."""
        offset = self._offset
        if offset is None:
            return None
        value = await self._engine.ask("GET", self._record(key))
        if not isinstance(value, bytes):
            self.misses += value is not MISSING
            return None
        found = record.unpack(key, value, -offset)
        if found is None:
            self.broken += 1
            return None
        response, mark = found
        if self._purged.names(response, mark):
            self.misses += 1
            return None
        self.hits += 1
        return response

    def keep(self, response: StoredResponse, mark: PurgeMark) -> None:
        """Share what was stored here, and tell those who wait for it."""
        offset, now = self._offset, self._clock.seconds()
        slow = response.gzipped is None and representation.heavy(response.body)
        lasts = response.lifetime + max(response.while_revalidate, response.if_error)
        left = min(lasts, freshness.MOST_KEPT) - (now - response.stored_at)
        if offset is None or left < 1 or slow or len(response.body) > MOST_BYTES:
            self.free(response.key)
            return
        value = record.pack(response, response.stored_at + offset, mark)
        keeping = self._run(
            scripts.KEEP,
            (self._record(response.key), self._claim(response.key)),
            (value, int(left), self._node, self._channel, _hash(response.key)),
        )
        keeping.addCallback(self._freed, response.key)

    @property
    def purges(self) -> PurgeMark:
        """What has been purged, as far as this node knows."""
        return self._purged.mark

    # One flight per key

    async def claim(self, key: str) -> bool:
        """Whether this node is to ask TMDB: nobody else does, or nobody can say."""
        self._unfreed.pop(key, None)
        reply = await self._run(
            scripts.CLAIM, (self._claim(key),), (self._node, self._limit)
        )
        return reply != 0

    def free(self, key: str) -> None:
        """Whoever waits may claim it."""
        freeing = self._run(
            scripts.FREE,
            (self._claim(key),),
            (self._node, self._channel, _hash(key)),
        )
        freeing.addCallback(self._freed, key)

    def _freed(self, reply: object, key: str) -> None:
        """What the engine has not heard is said again when it is there."""
        if reply is MISSING and len(self._unfreed) < MOST_UNFREED:
            self._unfreed[key] = None

    def landing(self, key: str) -> Deferred[None]:
        """Fires when the node that has claimed it has freed it; may be cancelled."""
        name = _hash(key)

        def left(waiting: Deferred[None]) -> None:
            others = self._landing.get(name, [])
            if waiting in others:
                others.remove(waiting)
            if not others:
                self._landing.pop(name, None)

        waiting: Deferred[None] = Deferred(left)
        self._landing.setdefault(name, []).append(waiting)
        return waiting

    # Purges

    def purge(self, what: Purge) -> None:
        """Have it dropped everywhere; said again until the engine has heard it."""
        self._purged.add(what)
        self._tell()
        self._say_purges()

    def _say_purges(self) -> None:
        if not self._purged.unsaid or not self.up:
            return
        what = self._purged.unsaid[0]

        def said(number: object) -> None:
            if isinstance(number, int):
                self._purged.said(what, number)
                self._tell()
                for heard in self._heard:
                    heard(what)
                self._say_purges()

        self._run(
            scripts.PURGE,
            (self._purges_key,),
            (written(what), MOST_PURGES, self._channel),
        ).addCallback(said)

    def _catch_up(self, reply: object) -> bool:
        """Do what other nodes have purged since this one last looked; False where the
        engine does not say."""
        match reply:
            case [bytes(life), int(count), list(log)] if count >= 0:
                mark = _mark(life, count)
                for each in self._purged.reread(mark, log):
                    self._purge(each)
                self._tell()
                return True
        return False

    # The fleet

    def _beat(self) -> None:
        """Say that this node is there; learn the time, the others, and purges."""
        pause = BEAT if self._beats else FIRST_BEAT
        self._timer = self._clock.callLater(pause, self._beat)
        asked = self._clock.seconds()
        beating = self._run(
            scripts.BEAT,
            (self._nodes_key, self._purges_key, self._life_key),
            (self._node, int(SEEN * 1000), _life()),
        )
        beating.addCallback(self._beaten, asked)

    def _beaten(self, reply: object, asked: float) -> Deferred[None] | None:
        match reply:
            case [int(milliseconds), int(nodes), bytes(life), int(count)] if count >= 0:
                mark = _mark(life, count)
            case _:
                self._bad_beats += 1
                if self._bad_beats >= MOST_BAD_BEATS:
                    why = self._engine.refused or "it has no answer in time"
                    self._engine.drop(f"it is of no use: {why[:80]}")
                return None
        self._bad_beats = 0
        # half of the way there is behind it
        offset = milliseconds / 1000 - (asked + self._clock.seconds()) / 2
        if mark == self._purged.mark and self._offset is not None:
            self._agree(True, offset, nodes)
            return None
        rereading = self._run(
            scripts.PURGES, (self._purges_key, self._life_key), (_life(),)
        )
        return rereading.addCallback(self._catch_up).addCallback(
            self._agree, offset, nodes
        )

    def _agree(self, caught_up: bool, offset: float, nodes: int) -> None:
        """The engine's clock is known, and all that was purged."""
        if caught_up and self._engine.up:
            if self._why != "":
                _log.info("the shared tier is there", code="shared-up")
                self.hints.trade()
            self._why, self._offset = "", offset
            self._say_purges()
            unfreed, self._unfreed = self._unfreed, {}
            for key in unfreed:
                self.free(key)
            self._beats += 1
            if self._beats >= KNOWN_AFTER:
                self._see(Fleet(max(1, nodes), ever=True, up=True))

    def _counted(self) -> int | None:
        return self._fleet.nodes if self._fleet.up else None

    def _see(self, fleet: Fleet) -> None:
        if fleet != self._fleet:
            self._fleet = fleet
            self._told_fleet(fleet)
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    # What the engine tells

    def _changed(self, up: bool, why: str) -> None:
        if up:
            self._beat()
            return
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._why:
            _log.warn(
                "the shared tier is away, each streamr does without it: {why}",
                why=why,
                code="shared-away",
            )
        self._why = why or "away"
        self._offset, self._beats, self._bad_beats = None, 0, 0
        nodes, ever = self._fleet.nodes, self._fleet.ever
        self._see(Fleet(nodes, ever))

    def _pushed(self, news: bytes) -> None:
        kind, _, rest = news.decode("ascii", "replace").partition(":")
        if kind == "landed":
            self._landed(rest)
        elif kind == "found":
            self.hints.learn()
        elif kind == "purged" and self._timer is not None and self._timer.active():
            # at once, and not with the next beat
            self._timer.reset(0)

    def _landed(self, name: str) -> None:
        for waiting in self._landing.pop(name, []):
            waiting.callback(None)

    def _run(
        self, script: str, keys: Sequence[str], arguments: Sequence[Word]
    ) -> Deferred[object]:
        return self._engine.ask("EVAL", script, len(keys), *keys, *arguments)

    def _record(self, key: str) -> str:
        return f"{self._base}r:{_hash(key)}"

    def _claim(self, key: str) -> str:
        return f"{self._base}c:{_hash(key)}"


def _mark(life: bytes, count: int) -> PurgeMark:
    return PurgeMark(life.decode("ascii", "replace"), count)


def _life() -> str:
    """A name for the engine's life, if that has just begun."""
    return secrets.token_hex(8)


def _hash(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=12).hexdigest()


_conforms: type[SharedTier] = FleetTier
