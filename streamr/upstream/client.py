"""One try at one origin: treq over an Agent over a TLS profile, within a budget.

    treq.HTTPClient → Sender → Pool → Connection → Dialer

Everything that can go wrong below comes out as one Fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, TypeVar

from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import (
    IAgent,
    IAgentEndpointFactory,
    IBodyProducer,
    IResponse,
)
from zope.interface import implementer

from streamr.boundaries import Answer, Budget, Validators
from streamr.fields import names
from streamr.interfaces import Places, Progress, Reactor
from streamr.upstream.body import Collector, decode
from streamr.upstream.classify import JSON, classify
from streamr.upstream.connection import Connection, Response
from streamr.upstream.dial.dialer import Dialer
from streamr.upstream.dial.tap import Trace
from streamr.upstream.head import ResponseHead
from streamr.upstream.line import HostLine
from streamr.upstream.pool import Pool
from streamr.upstream.stream import StreamedBody
from streamr.upstream.url import Origin, split

T = TypeVar("T")

# A reset and a success within this many seconds: the resets are random, so fresh
# connections are raced.
RANDOM_WINDOW = 60.0
# Covers a front page's lists.
MOST_IDLE = 6
# Requests' fields that are remembered: each route has its own.
REMEMBERED = 64
# Of what else is asked for, the status is the answer.
STREAMED = (200, 206)
# What a field with one value may say: a date, a tag, a type.
MOST_VALUE = 200


class Client:
    """Makes requests to one origin, over a pool of connections of its own.

    The pool is not shared: pools know scheme, host and port only, so two TLS profiles
    on one pool would share a connection (docs/facts/tls.md, "A pool does not know the
    TLS policy").
    """

    def __init__(
        self,
        reactor: Reactor,
        dialer: Dialer,
        places: Places | None = None,
        most_idle: int = MOST_IDLE,
        line: HostLine | None = None,
    ) -> None:
        """`places` says how many connections may be raced; None for never. `most_idle`
        is how many stay open for the next requests. `line` is what is known of the
        line to the origin; it may be shared with other clients."""
        self.line = line if line is not None else HostLine(reactor, most_idle)
        self._places = places
        self._reactor = reactor
        self._dialer = dialer
        self._pool = Pool(reactor, most_idle)
        self._good_at = self._reset_at = -RANDOM_WINDOW

    def get(
        self,
        url: str,
        headers: Mapping[str, str],
        budget: Budget,
        *,
        new_connection: bool,
        progress: Progress,
        until: float | None = None,
    ) -> Deferred[Answer]:
        """GET the URL: a whole response, not yet judged.

        Fails with Fault only; cancelling closes the connection.
        `new_connection` closes the idle ones first: after a reset all are suspect.
        `progress` is told of signs of life. `until` is the deadline of who waits, where
        that is later than the budget's end.
        """
        collect = partial(self._collect, progress=progress, until=until)
        return self._ask(url, headers, budget, collect, new_connection, progress, until)

    def open(
        self,
        url: str,
        headers: Mapping[str, str],
        budget: Budget,
        enough: Callable[[bytes], bool],
        *,
        new_connection: bool,
        progress: Progress,
        until: float | None = None,
    ) -> Deferred[tuple[ResponseHead, StreamedBody]]:
        """GET the URL: a response as soon as the first bytes of its body are `enough`;
        of one that is no picture, the head. Otherwise as `get`, until then."""
        begin = partial(self._begin, enough=enough, progress=progress)
        return self._ask(url, headers, budget, begin, new_connection, progress, until)

    def _ask(
        self,
        url: str,
        headers: Mapping[str, str],
        budget: Budget,
        answered: Callable[[IResponse, _Sender, Trace, Budget], Deferred[T]],
        new_connection: bool,
        progress: Progress,
        until: float | None,
    ) -> Deferred[T]:
        """Send a request, and let `answered` make something of its response."""
        if new_connection:
            self._pool.close()
        trace = Trace(self._reactor, budget, self.line, until, progress, self)
        origin, target = split(url)
        sender = _Sender(
            origin,
            target,
            self._pool,
            lambda: self._endpoints(trace),
            trace,
            fresh=new_connection,
        )
        waiting: Deferred[Any] = HTTPClient(sender, _NO_COOKIES).request(
            "GET",
            origin,
            headers=_fields(tuple(headers.items())),
            cookies=_NO_COOKIES,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,  # type: ignore[arg-type]
        )
        trace.start(waiting.cancel)
        waiting.addCallback(answered, sender, trace, budget)
        waiting.addCallbacks(self._came, self._failed, (trace,), errbackArgs=(trace,))
        return _cancellable(waiting, trace)

    def close(self) -> Deferred[None]:
        """Close all idle connections."""
        return self._pool.close()

    def _came(self, answered: T, trace: Trace) -> T:
        trace.stop()
        self._good_at = self._reactor.seconds()
        return answered

    def _failed(self, failure: Failure, trace: Trace) -> Failure:
        """The Fault behind a failure; a cancellation from outside stays what it is."""
        trace.stop()
        if trace.left:
            return Failure(CancelledError())
        fault = classify(failure, trace)
        if fault.cause.name in ("tls_reset", "tls_closed"):
            self._reset_at = self._reactor.seconds()
        return Failure(fault)

    def _resets_at_random(self) -> bool:
        """True when handshakes were lately reset, and lately ended well, too."""
        oldest: float = self._reactor.seconds() - RANDOM_WINDOW
        return min(self._good_at, self._reset_at) > oldest

    def _endpoints(self, trace: Trace) -> IAgentEndpointFactory:
        places = self._places if self._resets_at_random() else None
        return self._dialer.attempt(trace, places)

    def _collect(
        self,
        response: IResponse,
        sender: _Sender,
        trace: Trace,
        budget: Budget,
        *,
        progress: Progress,
        until: float | None,
    ) -> Deferred[Answer]:
        trace.answered()
        progress.first_byte()
        collector = Collector(self._reactor, budget, trace.abort, self.line, until)
        response.deliverBody(collector)
        return collector.done.addCallback(_answer, sender.head)

    def _begin(
        self,
        response: IResponse,
        sender: _Sender,
        trace: Trace,
        budget: Budget,
        *,
        enough: Callable[[bytes], bool],
        progress: Progress,
    ) -> Deferred[tuple[ResponseHead, StreamedBody]]:
        trace.answered()
        progress.first_byte()
        body = StreamedBody(
            self._reactor,
            budget.idle,
            self.line,
            trace.abort,
            enough,
            lambda failure: classify(failure, trace),
        )
        response.deliverBody(body)
        if sender.head.status not in STREAMED:
            body.drop()
            return succeed((sender.head, body))
        return body.begun.addCallback(lambda _first: (sender.head, body))


class NoCookies(IndexableCookieJar):
    """A jar that keeps nothing, and takes no time to say so: no cookie of one answer
    may reach another request."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Leave the cookies of a response where they are."""

    def add_cookie_header(self, request: object) -> None:
        """Add none to a request."""


_NO_COOKIES = NoCookies()


def _answer(collected: tuple[bytes, bool], head: ResponseHead) -> Answer:
    raw, certain = collected
    coding = head.all("content-encoding").encode()
    body, gzipped = decode(raw, coding, certain=certain)
    return Answer(
        status=head.status,
        body=body,
        gzipped=gzipped,
        content_type=_short(head, "content-type") or JSON,
        cache_control=head.all("cache-control") or None,
        retry_after=_short(head, "retry-after"),
        age=_seconds(_short(head, "age")),
        date=_short(head, "date"),
        expires=_short(head, "expires"),
        vary=head.all("vary") or None,
        validators=_validators(head),
        proxy_status=head.all(names.PROXY_STATUS.lower()),
        certain=certain,
    )


def opened(head: ResponseHead, body: StreamedBody) -> Answer:
    """A response whose body is still coming, not yet judged. Raises Fault."""
    return Answer(
        status=head.status,
        body=b"",
        content_type=_short(head, "content-type") or "",
        retry_after=_short(head, "retry-after"),
        age=_seconds(_short(head, "age")),
        date=_short(head, "date"),
        validators=_validators(head),
        proxy_status=head.all(names.PROXY_STATUS.lower()),
        incoming=body,
        length=None if head.chunked else head.length,
    )


def _validators(head: ResponseHead) -> Validators | None:
    """What can be used to ask again whether this is still good."""
    etag, modified = _short(head, "etag"), _short(head, "last-modified")
    if etag is None and modified is None:
        return None
    return Validators(etag, modified)


def _cancellable(waiting: Deferred[T], trace: Trace) -> Deferred[T]:
    """The same result, remembering whether it was cancelled from outside: a cancelled
    lookup alone would look like a name that does not exist (docs/facts/tls.md, "Lookups
    have no time limit")."""

    def cancel(_result: Deferred[T]) -> None:
        trace.left = True
        waiting.cancel()

    result: Deferred[T] = Deferred(cancel)
    waiting.chainDeferred(result)
    return result


@lru_cache(REMEMBERED)
def _fields(headers: tuple[tuple[str, str], ...]) -> Headers:
    """The fields of a request, which treq copies and never changes. Nearly all requests
    of a route have the same."""
    return Headers({name: [value] for name, value in headers})


def _short(head: ResponseHead, name: str) -> str | None:
    """A field that has one value, of which nobody needs more."""
    value = head.first(name)
    return None if value is None else value[:MOST_VALUE]


def _seconds(field: str | None) -> float:
    """An Age field (RFC 9111, 5.1); one that makes no sense counts as none."""
    return (
        float(field) if field is not None and re.fullmatch("[0-9]{1,9}", field) else 0
    )


@implementer(IAgent)
class _Sender:
    """Sends treq's request over a connection of the pool, or over a new one.

    What treq does not know is here: the target of the request, and the head of the
    response (see `url.Origin` and `connection.Response`).
    """

    head: ResponseHead

    def __init__(
        self,
        origin: Origin,
        target: bytes,
        pool: Pool,
        endpoints: Callable[[], IAgentEndpointFactory],
        trace: Trace,
        *,
        fresh: bool,
    ) -> None:
        """`endpoints` is asked when a new connection is needed; one that is `fresh`
        takes no other."""
        self._origin = origin
        self._target = target
        self._pool = pool
        self._endpoints = endpoints
        self._trace = trace
        self._fresh = fresh

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        origin, lines = self._origin, [b"%b %b HTTP/1.1" % (method, self._target)]
        lines.append(b"Host: " + origin.host_field)
        for name, values in headers.getAllRawHeaders() if headers else ():
            lines += [b"%b: %b" % (name, value) for value in values]
        request = b"\r\n".join((*lines, b"", b""))
        connection = self._pool.take(origin.key)
        if connection is not None:
            return self._over(connection, request)
        return self._connect().addCallback(self._over, request)

    def _connect(self) -> Deferred[Connection]:
        """A new connection; or one that becomes idle while the new one waits for its
        turn on the line, which may take long on a slow one."""
        origin, pool = self._origin, self._pool
        endpoint = self._endpoints().endpointForURI(origin.place)
        connecting: Deferred[Any] = endpoint.connect(_Connections(origin.key, pool))
        found: Deferred[Connection] = Deferred(lambda _found: connecting.cancel())

        def offered(idle: Connection) -> bool:
            if self._fresh or not self._trace.is_held:
                return False
            found.callback(idle)
            connecting.cancel()
            return True

        def over(result: Connection | Failure) -> None:
            pool.forgo(offered)
            if not found.called:
                found.callback(result)  # a Failure runs its errbacks

        def held() -> None:
            idle = pool.take(origin.key)
            if idle is not None and (found.called or not offered(idle)):
                pool.put(idle)

        pool.want(origin.key, offered)
        self._trace.when_held(held)
        connecting.addBoth(over)
        return found

    def _over(self, connection: Connection, request: bytes) -> Deferred[IResponse]:
        if connection.tap is not None:
            self._trace.carried_by(connection.tap)
        return connection.ask(request).addCallback(self._keep)

    def _keep(self, response: Response) -> IResponse:
        self.head = response.head
        return response


class _Connections(Factory):
    """Makes one connection, which the pool gets when it is idle."""

    noisy = False

    def __init__(self, origin: bytes, pool: Pool) -> None:
        self._origin = origin
        self._pool = pool

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        return Connection(self._origin, self._pool.put, self._pool.forget)
