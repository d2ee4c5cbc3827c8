"""The values that travel between the rooms, all frozen.

No decisions live here. Data goes down once (Query, Call, Budget) and comes up once
(Answer or Fault, then one Exchange).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from streamr.errors import CLIENT_LEFT, Attempt, Fault, RouteKind


@dataclass(frozen=True, slots=True)
class Freshness:
    """One class of endpoints; all in seconds.

    `usual` is the lifetime when TMDB names none, `least` and `most` bound what it
    names. After it the copy may be served while it is renewed (`while_revalidate`) and
    when TMDB cannot be reached (`if_error`).
    """

    name: str
    usual: float
    least: float
    most: float
    while_revalidate: float
    if_error: float


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer of one endpoint always is: a bare `array`, a list's `page`
    envelope, an object with these `keys`."""

    keys: tuple[str, ...] = ()
    array: bool = False
    page: bool = False


# An endpoint of which nothing is known.
ANYTHING = Expected()


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of TMDB: a checked path below `/3` and its checked parameters.

    `template` is the catalogue's name for the endpoint, `/movie/{movie_id}`; `defaults`
    are the values that TMDB assumes for parameters that are left out; `freshness` says
    how long its answers are good, None when nothing of them is kept; `expected` what
    they always are; `appended` names the parts that are to come with it and that TMDB
    has; `dropped` are the caller's parameters that stay here.
    """

    path: str
    parameters: tuple[tuple[str, str], ...]
    template: str
    defaults: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    freshness: Freshness | None = field(default=None, compare=False)
    expected: Expected = field(default=ANYTHING, compare=False)
    appended: tuple[str, ...] = field(default=(), compare=False)
    dropped: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Validators:
    """What TMDB gave to ask whether a response is still good (RFC 9110, 8.8)."""

    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """The rest of a picture, from byte `begins` on: of the one with this strong entity
    tag (RFC 9110, 14.2 and 13.1.5)."""

    begins: int
    etag: str


@dataclass(frozen=True, slots=True)
class Call:
    """The circumstances of one caller's request.

    `deadline` is a reading of the monotonic clock, in seconds; nobody waits past it.
    `target` is the request target for the log. `loop` is the CDN-Loop field (RFC 8586)
    that came with the request. `known` makes the request to TMDB a conditional one.
    `silent` names hosts that were just found silent: others are tried before them.
    `failed` are the causes for which the direct route has failed on this machine.
    `renew` says that the caller wants no copy that was made a while ago. A `probe` is
    asked for no caller, and its answer is waited for by many. What is asked in the
    `background` was asked by no caller either: it goes behind those of callers. Of a
    picture the `part` alone is wanted that is still missing. `listener` is the name of
    the server that it came to, where that is another than the one that answers.
    """

    request_id: str
    deadline: float
    method: str = "GET"
    target: str = "/"
    loop: str = ""
    known: Validators | None = None
    silent: frozenset[str] = frozenset()
    failed: tuple[str, ...] = ()
    renew: bool = False
    probe: bool = False
    background: bool = False
    part: Part | None = None
    listener: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long one attempt may take, by phase, in seconds.

    `connect` covers name, TCP and TLS; `first_byte` the wait for the head; `body` the
    whole body and `idle` the longest pause within it; `total` all until the head.
    """

    connect: float
    first_byte: float
    body: float
    idle: float
    total: float


class Completeness(Enum):
    """How much of what was asked for an answer holds."""

    WHOLE = "whole"
    EMPTY = "nothing was found"
    PARTIAL = "a part that was to be appended is missing"


class Incoming(Protocol):
    """The body of a response, as it comes."""

    def deliver(
        self, came: Callable[[bytes], object], ended: Callable[[Fault | None], object]
    ) -> None:
        """Hand on what has come and what is to come; `ended` is told once, with the
        Fault that cut it, or None at its end."""

    def pause(self) -> None:
        """No more for now: its sender has to wait."""

    def resume(self) -> None:
        """More can be taken."""

    def close(self) -> None:
        """No more is wanted; nobody is told of its end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response of TMDB, or of a peer; `upstream.answer.judge` says whether it
    is an answer.

    `body` is the JSON as TMDB wrote it; `gzipped` the same bytes as they came over the
    wire, when they came gzipped; `certain` says that their end was marked. `attempts`
    is what a peer tried to get it, from its `proxy_status`. `age` is in seconds, the
    other fields are header fields as they came. Status 304 says that what was known is
    still good. Of a picture the body is `incoming`, from byte `begins` on; `length` is
    that of the whole, None when it was not told.
    """

    status: int
    body: bytes
    gzipped: bytes | None = None
    content_type: str = "application/json;charset=utf-8"
    cache_control: str | None = None
    retry_after: str | None = None
    attempts: tuple[Attempt, ...] = ()
    age: float = 0.0
    date: str | None = None
    expires: str | None = None
    vary: str | None = None
    validators: Validators | None = None
    proxy_status: str = ""
    certain: bool = True
    completeness: Completeness = Completeness.WHOLE
    incoming: Incoming | None = field(default=None, compare=False)
    begins: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A stored response (RFC 9111).

    `gzipped` and `brotli` are the same body in other codings, None until somebody has
    asked for it; with each that is made the response is replaced in the store.
    `stored_at` is the reading of the monotonic clock at which TMDB made the answer; the
    lifetime and what may be done after it are in seconds. `kind` is the freshness
    class, `etag` our own: the same for the same bytes everywhere.
    """

    key: str
    path: str
    kind: str
    status: int
    content_type: str
    body: bytes
    gzipped: bytes | None
    brotli: bytes | None
    etag: str
    validators: Validators | None
    stored_at: float
    lifetime: float
    while_revalidate: float
    if_error: float


@dataclass(frozen=True, slots=True)
class PictureHead:
    """What is known of a picture beside its bytes.

    `key` is its path as it is asked for, `/t/p/w342/abc.jpg`. `etag` is a strong one,
    in its quotes, as callers get it. `length` is that of the body in bytes, None while
    nobody has announced it. `made_at` is the wall clock's reading (seconds) at which
    TMDB sent it: when it came, less its Age.
    """

    key: str
    content_type: str
    etag: str
    length: int | None
    made_at: float


@dataclass(frozen=True, slots=True)
class PictureStats:
    """How a store of pictures is doing.

    `bytes` is what the whole pictures take on the disk, `most_bytes` what they may
    take. `evicted` left for others since the start, `damaged` were not what had been
    written, `expired` had reached the outer bound. `trouble` says why nothing is
    written at the moment, and is empty when pictures are kept.
    """

    pictures: int
    bytes: int
    most_bytes: int
    evicted: int = 0
    damaged: int = 0
    expired: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class CacheUse:
    """How the cache was used for one answer, in RFC 9211's words.

    `forward` is why a request went to TMDB (uri-miss, stale), None for a hit; `ttl` the
    remaining lifetime in seconds, negative when the response served is stale.
    """

    forward: str | None = None
    stored: bool = False
    collapsed: bool = False
    ttl: int | None = None
    detail: str = ""


# The source of what no route has just brought.
STORED = "cache"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one query: an answer or a fault, the tries, and the store's part.

    `source` names the route that answered, and `kind` is that route's; what was stored,
    and no route has just brought, has the source `STORED` and no kind. `stored`
    is the response that is served in each coding, `age` its age in seconds. `left` says
    that the caller went away.
    """

    answer: Answer | None = None
    fault: Fault | None = None
    source: str | None = None
    kind: RouteKind | None = None
    attempts: tuple[Attempt, ...] = ()
    stored: StoredResponse | None = None
    age: float = 0.0
    cache: CacheUse | None = None
    left: bool = False

    @property
    def status(self) -> int:
        """The HTTP status that follows."""
        if self.left:
            return CLIENT_LEFT
        if self.stored is not None:
            return self.stored.status
        if self.answer is not None:
            return self.answer.status
        return self.fault.cause.status if self.fault is not None else 500

    @property
    def from_store(self) -> bool:
        """True for what was stored, and no route has just brought."""
        return self.source == STORED and self.kind is None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request from beginning to end: what telemetry and the headers read.

    `template` names the endpoint, or a page of our own; None for what was refused. A
    `renewal` is a refresh of a stored response that no caller waited for; a `hop` was
    asked by another gateway, which tells what came of it.
    """

    server: str
    request_id: str
    method: str
    target: str
    status: int
    ms: int
    template: str | None = None
    outcome: Outcome = Outcome()
    renewal: bool = False
    hop: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """What all answers from one ready page have in common.

    `exchange` is each of them but for its request id; `text` is its line in the log, as
    `LogObserver.worded` makes it.
    """

    exchange: Exchange
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What sets one route apart. Two routes equal here share one fate.

    Over an outbound proxy the resolver and the family are its own.
    """

    host: str
    profile: str
    family: str
    egress: str
    resolver: str = "system"


@dataclass(frozen=True, slots=True)
class Egress:
    """An outbound proxy that connections to TMDB may go through, or `DIRECT`.

    `scheme` is `http` (CONNECT), `https` (the same, with TLS to the proxy), `socks5`,
    or `direct`. `host` is the proxy's, a name or an address without brackets. `name` is
    what log, metrics and pages call it. An outbound proxy looks names up by itself.
    """

    name: str
    scheme: str
    host: str = ""
    port: int = 0
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


# No outbound proxy.
DIRECT = Egress("direct", "direct")


@dataclass(frozen=True, slots=True)
class Grant:
    """A place in a budget that several share: after so many `seconds`, if it is
    `reserved`; else it may be asked for again then. With `paused` TMDB has told one of
    them to leave the host alone for that long."""

    seconds: float = 0.0
    reserved: bool = True
    paused: bool = False


@dataclass(frozen=True, slots=True)
class PurgeMark:
    """A moment among the purges of a fleet: how many there had been, in which life of
    the engine that counts them."""

    life: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class SharedEngine:
    """The Valkey or Redis that several nodes share. `scheme` is tcp, tls or unix;
    `path` is that of a socket."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    database: int = 0
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What it is called in log and pages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or (f"{host}:{self.port}" if host else self.scheme)


# What stands for a tag in the URL and the body by which a cache in front is told of it.
TAG = "{tag}"


@dataclass(frozen=True, slots=True)
class DownstreamCache:
    """A cache in front of main, and how it is told to drop what bears a tag: `TAG`
    stands for it in `url` and `body`. `name` is its host and port."""

    name: str
    method: str
    url: str
    body: str = ""


@dataclass(frozen=True, slots=True)
class Resolver:
    """Who is asked for the addresses of a name.

    `scheme` is system, udp, tcp, tls or https. `address` is an IP address; only of
    https it may be empty: then the system's resolver finds it. `host` is the name that
    the certificate has to be for (tls: the address if it is empty), `path` that of the
    URL. `name` is what it is called in logs, metrics and on the page.
    """

    name: str
    scheme: str
    address: str = ""
    port: int = 0
    host: str = ""
    path: str = ""

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL of https."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"
