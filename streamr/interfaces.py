"""What the rooms ask of each other. Under each implementation a line says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IReactorCore,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorSocket,
    IReactorTCP,
    IReactorTime,
    IReactorUDP,
    IReactorUNIX,
)

from streamr.boundaries import (
    Answer,
    Budget,
    Call,
    Dimensions,
    Exchange,
    Hit,
    PictureHead,
    PictureStats,
    PurgeMark,
    Query,
    StoredResponse,
)
from streamr.errors import Attempt, Fault, RouteKind


class Reactor(
    IReactorCore,
    IReactorFromThreads,
    IReactorPluggableNameResolver,
    IReactorSocket,
    IReactorTCP,
    IReactorTime,
    IReactorUDP,
    IReactorUNIX,
):
    """What a daemon needs of its reactor. Who needs the time alone asks for
    IReactorTime, and gets a Clock in tests."""


class Progress(Protocol):
    """Who follows how far an attempt has come."""

    def queued(self) -> None:
        """It waits for its turn: that is no silence of the other side."""

    def sent(self) -> None:
        """It leaves now: from here on silence counts."""

    def alive(self) -> None:
        """The other side has spoken in the TLS handshake: silence counts anew."""

    def first_byte(self) -> None:
        """The head of the answer has come."""


# Asked when an attempt is about to leave: the Fault that keeps it here, or None.
Veto = Callable[[], Fault | None]


class Route(Protocol):
    """One route to TMDB. It never calls the gateway."""

    @property
    def name(self) -> str:
        """The route's name in logs, headers and the status page."""

    @property
    def next_hop(self) -> str:
        """`host:port` of the machine that this route talks to."""

    @property
    def kind(self) -> RouteKind:
        """What it leads to. A peer shares out its time by itself."""

    @property
    def dimensions(self) -> Dimensions:
        """What this route does not share with the others."""

    @property
    def patience(self) -> float:
        """How long it may be silent (seconds) until the next route starts beside it:
        what is usual on this line, never less than `retry.HEDGE_AFTER`."""

    def send(
        self,
        query: Query,
        call: Call,
        budget: Budget,
        *,
        new_connection: bool,
        progress: Progress,
        veto: Veto,
    ) -> Deferred[Answer]:
        """Make one try, on a connection of its own if asked.

        `veto` is asked when the turn of one that had to wait has come. Fails with
        Fault, or with CancelledError when it was cancelled, which closes the
        connection.
        """


class Places(Protocol):
    """Who says how many connections to one host there may be."""

    def borrow(self, wanted: int) -> int:
        """Take up to so many more; returns how many are granted."""

    def give_back(self, places: int) -> None:
        """So many are free again."""


class Store(Protocol):
    """Where a gateway keeps answers. It never calls a route, and answers at once."""

    def get(self, key: str) -> StoredResponse | None:
        """The stored response of this cache key."""

    def put(self, key: str, response: StoredResponse) -> None:
        """Keep a response; it may be dropped again at any time."""

    def peek(self, key: str) -> StoredResponse | None:
        """The stored response of this key; looking does not count as asking."""

    def recode(self, response: StoredResponse) -> None:
        """Keep one more coding of the response of this key, if there is one."""


class Memory(Store, Protocol):
    """The first store, in memory: what those see who look after it."""

    @property
    def bytes(self) -> int:
        """What the responses take."""

    @property
    def most_bytes(self) -> int:
        """What they may take."""

    def __len__(self) -> int:
        """How many there are."""

    def __iter__(self) -> Iterator[StoredResponse]:
        """All of them."""

    def fill(self, key: str, response: StoredResponse) -> None:
        """Keep a response that a tier has handed up: nobody is told."""

    def charge(self, key: str, size: int) -> None:
        """So many bytes more are kept beside this response, as long as it is."""

    def purge(self, unwanted: Callable[[StoredResponse], bool]) -> int:
        """Drop what is unwanted; how many those were."""

    def subscribe(
        self,
        put: Callable[[StoredResponse], object],
        dropped: Callable[[Sequence[str]], object],
    ) -> None:
        """Tell of each response that is put, and of the keys that are dropped."""


class Tier(Protocol):
    """A store behind memory, which outlives the process or is shared.

    Every method blocks, and is called in a thread. What leaves the process is dated by
    the wall clock: a monotonic one means nothing elsewhere.
    """

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What its methods raise when it fails."""

    def load(self) -> Sequence[StoredResponse]:
        """What is kept, the newest first."""

    def replace(self, responses: Iterable[StoredResponse]) -> None:
        """Keep these and nothing else."""

    def write(
        self, responses: Iterable[StoredResponse], dropped: Iterable[str]
    ) -> None:
        """Keep responses and forget keys, all or nothing."""

    def close(self) -> None:
        """Let go of what is open; it is opened again when it is needed."""


class RouteHints(Protocol):
    """What a node remembers of its routes, as far as it is of use to others."""

    def when_found(self, found: Callable[[str, float | None], object]) -> None:
        """Tell of each route that has just proved to work, and how long it takes (ms);
        None for one that works no more."""

    def worth_telling(self) -> Mapping[str, float]:
        """The routes that work, and how long they take (ms)."""

    def told(self, routes: Mapping[str, float]) -> None:
        """These work for another node on the same network."""


class SharedTier(Protocol):
    """What several nodes share. It never fails: what it cannot do is as if this node
    were the only one."""

    @property
    def purges(self) -> PurgeMark:
        """What has been purged so far."""

    async def look(self, key: str) -> StoredResponse | None:
        """The stored response of this key that another node has shared."""

    async def claim(self, key: str) -> bool:
        """Whether this node is the one to ask for this key."""

    def keep(self, response: StoredResponse, mark: PurgeMark) -> None:
        """Share a response that was asked for when so much had been purged, and give
        back the claim of its key."""

    def free(self, key: str) -> None:
        """Give back the claim without a response."""

    def landing(self, key: str) -> Deferred[None]:
        """Fires when another node has given back its claim."""


class PictureReader(Protocol):
    """A picture as one caller reads it: one that is stored, or still comes."""

    @property
    def head(self) -> PictureHead:
        """What is known of it."""

    def seek(self, offset: int) -> None:
        """Read on from there, before anything was read."""

    def read(self, size: int) -> bytes | None:
        """Up to so many bytes more; b"" while none are there, None at the end. Raises
        Fault when it was cut: no end of it may be told."""

    def wait(self, told: Callable[[], object]) -> None:
        """Call once, as soon as another `read` makes sense."""

    def close(self) -> None:
        """Nobody reads it any more. Can be called again."""


class PictureFile(Protocol):
    """A whole picture, open. It may leave the store meanwhile: reading goes on."""

    @property
    def head(self) -> PictureHead:
        """What is known of it; its length is."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to so many bytes of the body from there on; b"" at its end only.

        Raises OSError when the disk cannot be read, or when what stands there is not
        what was written: then no end of it may be told, and the store has dropped it.
        """

    def close(self) -> None:
        """Let go of it. Can be called again."""


class NewPicture(Protocol):
    """A picture that is being downloaded. Readers follow it at their own pace.

    `size` and `read` serve until `close`, whatever has become of it.
    """

    @property
    def size(self) -> int:
        """How many bytes of the body are there by now."""

    def write(self, data: bytes) -> bool:
        """Append. False when it can be kept no longer, because the disk takes no more
        or because it grows too large: none of this data is there then, what was there
        before stays, and every later write is refused as well."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to so many bytes from there on, of those that are there by now; b"" when
        there are none yet. Raises OSError when the disk cannot be read."""

    def finish(self) -> PictureFile | None:
        """It is whole: keep it. None when it is not kept, also because its length is
        not the one that was announced. What is returned is closed on its own."""

    def abandon(self) -> None:
        """It will not be whole: it is never kept."""

    def close(self) -> None:
        """Nobody reads it here any more. Can be called again; without `finish` it is
        abandoned."""


class PictureFiles(Protocol):
    """Where pictures are kept. What it raises is nothing: a disk that fails costs
    pictures that are asked for again, and a line in the log.

    All but `load`, `purge` and `scrub` are short, and called in the reactor's thread;
    those three block, and may be called in any.
    """

    @property
    def bytes(self) -> int:
        """What the whole pictures take on the disk."""

    @property
    def most_bytes(self) -> int:
        """What they may take; 0 when none are kept."""

    def __len__(self) -> int:
        """How many there are, as far as is known; all of them after `load`."""

    def load(self) -> None:
        """Find what is there. Until then `find` works as it does afterwards."""

    def find(self, key: str) -> PictureFile | None:
        """The picture of this key, open; None when there is no whole one that is young
        enough."""

    def knows(self, key: str) -> bool:
        """Whether there is one of this key, as far as that is known without the disk;
        `find` tells for certain."""

    def begin(self, head: PictureHead) -> NewPicture | None:
        """Somewhere to write a picture to. None when it will not be kept: the store is
        off, the disk too full, or the announced length is more than one may take."""

    def purge(self, unwanted: Callable[[str], bool] | None = None) -> int:
        """Drop those with an unwanted key, or all; how many those were."""

    def scrub(self, now: float) -> int:
        """Look whether one picture is what was written, the next one each time, and
        drop it if not, or if it is too old by `now` (wall clock, seconds).

        Returns how many bytes were read, 0 when there was nothing to look at.
        """

    def stats(self) -> PictureStats:
        """How it is doing."""


class Observer(Protocol):
    """Who wants to know. It is told of each thing once, and never awaited."""

    def tried(self, server: str, attempt: Attempt) -> None:
        """Take one try that has ended, however many callers wait for what it brings."""

    def note(self, exchange: Exchange) -> None:
        """Take one finished exchange."""

    def hits(self, hits: Sequence[tuple[Hit, str]]) -> None:
        """Take answers from ready pages, each with its request id, in their order."""
