"""The resource of both servers: parse, ask the gateway once, write once.

request → target → Query ─► gateway.answer → Exchange → page → bytes
            └ a health, a preflight, a refusal: a page without the gateway
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from streamr.boundaries import Call, Exchange, Query
from streamr.errors import CAUSES, Envelope, Refusal
from streamr.fields import names
from streamr.interfaces import Observer
from streamr.tmdb.parameters import Pair
from streamr.tmdb.target import split
from streamr.web.access import (
    Feed,
    Reset,
    Stream,
    Visit,
    Who,
    check,
    is_here,
    nearby,
    prefix,
    trusted,
)
from streamr.web.api import configuration, render
from streamr.web.api.checks import Checks
from streamr.web.api.ids import is_sane
from streamr.web.api.render import Wants
from streamr.web.api.surface import Surface
from streamr.web.page import Page, refusal_page
from streamr.web.router import CHANGE, READ, Answered
from streamr.web.server.events import Reader
from streamr.web.server.request import GatewayRequest
from streamr.web.server.response import NOSNIFF
from streamr.web.server.stream import StreamWriter

_log = Logger()

# Cloudflare puts a page of its own in place of the body of these, and hands 503 on.
REPLACED = (502, 504)

# Hosts that main has just found silent, so that the proxy tries another one first.
_HOST = re.compile(r"[a-z0-9.:-]+")
# Causes for which main's direct route has failed, so that the proxy begins elsewhere.
_CAUSE = re.compile(r"[a-z][a-z0-9_]*")
# A request has two tries of the direct route, and may be hedged.
_MOST_CAUSES = 4


class GatewayResource(Resource):
    """The whole surface of one server."""

    isLeaf = True

    def __init__(
        self, surface: Surface, clock: IReactorTime, observer: Observer
    ) -> None:
        super().__init__()
        self._surface = surface
        self._checks = Checks(surface)
        self._clock = clock
        self._observer = observer

    def renew(self, token: str | None, admin_token: str | None) -> None:
        """Ask callers for other tokens from now on."""
        if token != self._surface.token:
            self._surface.limits.forget_vouched()
        self._surface = replace(self._surface, token=token, admin_token=admin_token)
        self._checks = Checks(self._surface)
        for lane in (self._surface.lane, self._surface.picture_lane):
            if lane is not None:
                lane.clear()  # its lines of the log know the old secrets only

    def render(self, request: GatewayRequest) -> int:
        """Twisted hands in a request; the answer is written when it is there."""
        began = self._clock.seconds()
        call = self._call(request, began)
        answering = (
            maybeDeferred(self._page, request, call)
            .addErrback(self._refused, call, began)
            .addErrback(self._broken, call, began)
            .addCallback(self._write, request, call)
        )
        leaving = request.notifyFinish()
        leaving.addErrback(lambda _gone: answering.cancel())
        return NOT_DONE_YET

    def _call(self, request: GatewayRequest, began: float) -> Call:
        given = request.header(names.REQUEST_ID)
        return Call(
            request_id=given if is_sane(given) else self._surface.ids(),
            deadline=began + self._surface.deadline,
            method=request.method.decode("ascii", "replace"),
            target=request.uri.decode("ascii", "replace"),
            loop=request.header(names.CDN_LOOP),
            silent=frozenset(_HOST.findall(request.header(names.SILENT)[:500])),
            failed=_causes(request.header(names.FAILED)),
            listener=self._surface.name,
            renew=render.wants_new(
                request.header("cache-control") or request.header("pragma")
            ),
        )

    def refused(self, status: int) -> str:
        """Tell of what was refused before it was a request: it has no target. Returns
        the id under which it is told."""
        call = Call(self._surface.ids(), 0.0, method="-", target="-")
        self._note(status, call, self._clock.seconds())
        return call.request_id

    def _page(self, request: GatewayRequest, call: Call) -> Deferred[Answered]:
        """The page of a request. Raises Refusal."""
        surface = self._surface
        now, checks = self._clock.seconds(), self._checks
        surface.guard(request)
        checks.rate(request, now)
        if call.method == "OPTIONS":
            asked = request.header("access-control-request-headers")
            allowed = tuple(surface.cors.preflight(_origin(request), asked))
            return succeed(Page(204, b"", allowed))
        if call.method not in READ and not surface.router.takes(call.method):
            raise _wrong_method(call, READ)
        path, pairs = split(request.uri)
        row = surface.router.find(path)
        who = Who.CALLERS if row is None else row.who
        if who is Who.CALLERS:
            checks.token(request, now)
        if call.method not in (READ if row is None else row.methods):
            raise _wrong_method(call, READ if row is None else row.methods)
        if row is None or row.from_tmdb:
            call = self._for_tmdb(request, call)
        if row is None:
            return self._asked(path, pairs, request, call)
        if row.from_tmdb:
            visit = Visit(pairs, call, request.header, path=path)
            return _waited(row.handler(visit))
        visit = self._visit(path, pairs, request, call)
        if row.under_our_names:
            if not visit.trusted:
                # in front of every answer that is another one for the right token
                checks.guess(request, now)
            checks.host(request)
        check(who, visit, changes=row.methods == CHANGE)
        surface.settle()
        answered = row.handler(visit)
        if isinstance(answered, Feed):
            checks.streams(request)
        # a page of our own is told to the observer, as the gateway tells the others
        return _waited(answered).addCallback(self._told, call, row.path)

    def _for_tmdb(self, request: GatewayRequest, call: Call) -> Call:
        """The call as it may go on to TMDB. Raises Refusal."""
        surface = self._surface
        if surface.hosts.for_data:
            self._checks.host(request)
        if surface.looped(call.loop):
            raise Refusal(
                508,
                Envelope.BACKEND,
                "Loop detected: this request has already passed through this "
                "gateway. Check TMDB_BASE_URL, TMDB_IMAGE_BASE_URL and TMDB_PROXY_URL: "
                "one of them points back here.",
            )
        return _shortened(call, request.header(names.DEADLINE), self._clock)

    def _asked(
        self, path: str, pairs: list[Pair], request: GatewayRequest, call: Call
    ) -> Deferred[Answered]:
        """TMDB's answer, or what the demo was asked to make of it. Raises Refusal."""
        surface = self._surface
        query = surface.find(path, pairs)
        wanted = render.wants(
            request.header("accept-encoding"), request.header("if-none-match")
        )
        past_store, wish = _past_the_store(request), request.header(names.FAULT)
        if surface.wishes is not None and wish:
            granting = surface.wishes.grant(wish, query, call, past_store=past_store)
            return granting.addCallback(self._rendered, wanted, query)
        exchanging = surface.gateway.answer(query, call, past_store=past_store)
        exchanging.addCallback(self._taught, query, request.uri)
        if surface.images is not None and configuration.concerns(query):
            exchanging.addCallback(self._pointed, request)
            shared = surface.images.is_everybodys
            return exchanging.addCallback(self._own, wanted, query, shared)
        return exchanging.addCallback(self._rendered, wanted, query)

    def _taught(self, exchange: Exchange, query: Query, target: bytes) -> Exchange:
        """The fast lane learns what was answered from the store."""
        stored, lane = exchange.outcome.stored, self._surface.lane
        if lane is not None and stored is not None:
            lane.learn(target, query, stored)
        return exchange

    def _pointed(self, exchange: Exchange, request: GatewayRequest) -> Exchange:
        """The configuration, with our address for its pictures."""
        images = self._surface.images
        base = images.base(request.header, request.peer) if images is not None else None
        return exchange if base is None else configuration.pointing_to(exchange, base)

    def _rendered(
        self, exchange: Exchange | Reset, wanted: Wants, query: Query
    ) -> Answered:
        if isinstance(exchange, Reset):
            return exchange
        now, coded = self._clock.seconds(), self._surface.gateway.coded
        more, tagged = self._surface.more, self._surface.tagged
        page = render.query_page(exchange, wanted, now, query, coded, tagged)
        return replace(page, headers=(*page.headers, *more)) if more else page

    def _own(
        self, exchange: Exchange, wanted: Wants, query: Query, shared: bool
    ) -> Answered:
        """A page that differs with what its request says, unless it is `shared`: then
        no cache in front may keep it."""
        page = self._rendered(exchange, wanted, query)
        if shared or not isinstance(page, Page):
            return page
        return render.private(page)

    def _visit(
        self, path: str, pairs: list[Pair], request: GatewayRequest, call: Call
    ) -> Visit:
        header, peer = request.header, request.peer
        may = trusted(header, peer, self._surface.admin_token)
        below = prefix(header, peer, self._surface.proxies)
        return Visit(pairs, call, header, may, path, below, nearby(header, peer))

    def _told(self, answered: Answered, call: Call, path: str) -> Answered:
        status = answered.status if isinstance(answered, Page) else 200
        self._note(status, call, call.deadline - self._surface.deadline, path)
        return answered

    def _refused(self, failure: Failure, call: Call, began: float) -> Page:
        failure.trap(Refusal)
        refusal: Refusal = failure.value  # type: ignore[assignment]
        self._note(refusal.status, call, began)
        return refusal_page(self._surface.server, refusal)

    def _broken(self, failure: Failure, call: Call, began: float) -> Page:
        """An error of our own. The caller learns that, and nothing of its inside."""
        _log.failure(
            "A request broke [{id}]",
            failure=failure,
            id=call.request_id,
            code="request-broke",
        )
        self._note(500, call, began)
        refusal = Refusal(
            500, Envelope.INTERNAL, "Internal error: something went wrong in streamr."
        )
        return refusal_page(self._surface.server, refusal)

    def _note(
        self, status: int, call: Call, began: float, template: str | None = None
    ) -> None:
        self._observer.note(
            Exchange(
                server=self._surface.server,
                request_id=call.request_id,
                method=call.method,
                target=call.target,
                status=status,
                ms=max(0, round((self._clock.seconds() - began) * 1000)),
                template=template,
            )
        )

    def _write(self, page: Answered, request: GatewayRequest, call: Call) -> None:
        if request.left:
            if isinstance(page, Stream):
                page.reader.close()
            return
        if isinstance(page, Reset):
            request.channel.forceAbortClient()
            return
        status = 200 if isinstance(page, Feed) else page.status
        if status in REPLACED and request.header(names.CF_RAY):
            status = 503
        headers = [
            *page.headers,
            *self._surface.cors.headers(_origin(request)),
            (names.REQUEST_ID, call.request_id),
            NOSNIFF,
        ]
        if isinstance(page, Stream):
            self._stream(page, request, headers)
            return
        if isinstance(page, Feed) and request.method != b"HEAD":
            request.begin(status, headers)
            ended = self._surface.limits.stream(self._checks.caller(request))
            request.notifyFinish().addBoth(ended)
            Reader(request).begin(page)
            return
        request.respond(status, headers, page.body if isinstance(page, Page) else b"")

    def _stream(
        self,
        stream: Stream,
        request: GatewayRequest,
        headers: list[tuple[str, str]],
    ) -> None:
        request.stream(stream.status, headers, stream.length)
        if request.method == b"HEAD":
            request.chunked = 0
            stream.reader.close()
            request.finish()
        else:
            channel, reader = request.channel, stream.reader
            StreamWriter(request, channel, reader, stream.length).begin()


def _waited(answered: Answered | Deferred[Answered]) -> Deferred[Answered]:
    return answered if isinstance(answered, Deferred) else succeed(answered)


def _shortened(call: Call, given: str, clock: IReactorTime) -> Call:
    """The call with the deadline that its sender handed on; it may only shorten."""
    if not given:
        return call
    if not re.fullmatch(r"[0-9]{1,9}", given):
        raise Refusal(
            400,
            Envelope.INPUT,
            f"Invalid header: {names.DEADLINE} is {given[:20]!r}; allowed: whole "
            "milliseconds.",
        )
    deadline = min(call.deadline, clock.seconds() + int(given) / 1000)
    return replace(call, deadline=deadline)


def _wrong_method(call: Call, allowed: Sequence[str]) -> Refusal:
    named = ", ".join([*allowed, "OPTIONS"])
    return Refusal(
        405,
        Envelope.FORMAT,
        f"Invalid method: {call.method[:20]}; allowed: {named}.",
        allow=named,
    )


def _past_the_store(request: GatewayRequest) -> bool:
    """`streamr check` asks past the store; strangers cannot (it costs TMDB a request,
    and a page of another origin would need a preflight that is not granted)."""
    wanted = bool(request.header(names.FRESH))
    return wanted and is_here(request.header, request.peer)


def _causes(field: str) -> tuple[str, ...]:
    """The causes in a field that this version knows."""
    named = _CAUSE.findall(field[:500])
    return tuple(each for each in named if each in CAUSES)[:_MOST_CAUSES]


def _origin(request: GatewayRequest) -> str | None:
    return request.header("origin") or None
