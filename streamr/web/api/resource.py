"""The resource of both servers: parse, ask the gateway once, write once.

request → target → Query ─► gateway.answer → Exchange → page → bytes
            └ a health, a preflight, a refusal: a page without the gateway
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from streamr.boundaries import Call, Exchange
from streamr.errors import Envelope, Refusal
from streamr.fields import names
from streamr.interfaces import Observer
from streamr.tmdb.shortcuts import Pair
from streamr.tmdb.target import split
from streamr.web.access import Feed, Reset, Visit, check_action, check_site, trusted
from streamr.web.api import render
from streamr.web.api.cors import METHODS
from streamr.web.api.render import Page, Wants
from streamr.web.router import Door
from streamr.web.server.events import Reader
from streamr.web.server.site import GatewayRequest

_log = Logger()

# Long enough for every tracing system's ids, too short to flood a log.
_SANE_ID = re.compile(r"[A-Za-z0-9._:=-]{1,64}")

# Hosts that main has just found silent, so that the proxy tries another one first.
_HOST = re.compile(r"[a-z0-9.:-]+")


class GatewayResource(Resource):
    """The whole surface of one server."""

    isLeaf = True

    def __init__(self, door: Door, clock: IReactorTime, observer: Observer) -> None:
        super().__init__()
        self._door = door
        self._clock = clock
        self._observer = observer

    def render(self, request: GatewayRequest) -> int:
        """Twisted hands in a request; the answer is written when it is there."""
        began = self._clock.seconds()
        call = self._call(request, began)
        answering: Deferred[Any] = maybeDeferred(self._page, request, call)
        answering.addErrback(self._refused, call, began)
        answering.addErrback(self._broken, call, began)
        answering.addCallback(self._write, request, call)
        leaving = request.notifyFinish()
        leaving.addErrback(lambda _gone: answering.cancel())
        return NOT_DONE_YET

    def _call(self, request: Request, began: float) -> Call:
        given = _header(request, names.REQUEST_ID)
        return Call(
            request_id=given if _SANE_ID.fullmatch(given) else secrets.token_hex(8),
            deadline=began + self._door.deadline,
            method=request.method.decode("ascii", "replace"),
            target=request.uri.decode("ascii", "replace"),
            loop=_header(request, names.CDN_LOOP),
            silent=frozenset(_HOST.findall(_header(request, names.SILENT)[:500])),
        )

    def _page(
        self, request: Request, call: Call
    ) -> Page | Feed | Deferred[Page] | Deferred[Page | Feed] | Deferred[Page | Reset]:
        """The page of a request. Raises Refusal."""
        door = self._door
        if request.method == b"OPTIONS":
            return Page(204, b"", tuple(door.cors.preflight(_origin(request))))
        acts = request.method == b"POST" and bool(door.actions)
        if request.method not in (b"GET", b"HEAD") and not acts:
            raise _wrong_method(call, METHODS)
        path, pairs = split(request.uri)
        if path not in door.open_paths:
            self._check_token(request)
        if acts or path in door.actions:
            return self._noted(self._act(path, pairs, request, call), call, path)
        name = self._local_name(path)
        if name is not None:
            page = self._own(name, path, pairs, request, call)
            return self._noted(page, call, name)
        return self._asked(path, pairs, request, call)

    def _asked(
        self, path: str, pairs: list[Pair], request: Request, call: Call
    ) -> Deferred[Page | Reset]:
        """TMDB's answer, or what the demo was asked to make of it. Raises Refusal."""
        door = self._door
        if door.looped(call.loop):
            raise Refusal(
                508,
                Envelope.BACKEND,
                "Loop detected: this request has passed this gateway before. Check "
                "TMDB_BASE_URL and TMDB_PROXY_URL: one of them points back here.",
            )
        query = door.find(path, pairs)
        call = _shortened(call, _header(request, names.DEADLINE), self._clock)
        wanted = render.wants(
            _header(request, "accept-encoding"), _header(request, "if-none-match")
        )
        past_store, wish = _past_the_store(request), _header(request, names.FAULT)
        if door.wishes is not None and wish:
            granting = door.wishes.grant(wish, query, call, past_store=past_store)
            return granting.addCallback(self._rendered, wanted)
        exchanging = door.gateway.answer(query, call, past_store=past_store)
        return exchanging.addCallback(self._rendered, wanted)

    def _rendered(self, exchange: Exchange | Reset, wanted: Wants) -> Page | Reset:
        if isinstance(exchange, Reset):
            return exchange
        page = render.answer_page(exchange, wanted, self._clock.seconds())
        if self._door.wishes is None:
            return page
        # else a browser's cache would answer the call that wishes for a fault
        return replace(page, headers=(*page.headers, ("Vary", names.FAULT)))

    def _local_name(self, path: str) -> str | None:
        """The name of our own page at a path: the path, or the prefix it lies below."""
        if path in self._door.local:
            return path
        return next((each for each in self._door.below if path.startswith(each)), None)

    def _check_token(self, request: Request) -> None:
        if self._door.token is None:
            return
        given = _header(request, "authorization").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._door.token.encode()):
            raise Refusal(
                401,
                Envelope.AUTHENTICATION,
                "Authentication failed: send STREAMR_PROXY_TOKEN as Bearer.",
            )

    def _own(
        self, name: str, path: str, pairs: list[Pair], request: Request, call: Call
    ) -> Page | Deferred[Page] | Feed:
        """A page of our own."""
        visit = self._visit(path, pairs, request, call)
        if path in self._door.guarded and not visit.trusted:
            raise Refusal(
                403,
                Envelope.DENIED,
                f"Permission denied: {path} is for this machine, or with "
                "STREAMR_ADMIN_TOKEN as Bearer.",
            )
        if path in self._door.guarded:
            check_site(visit)
        page = self._door.local.get(name) or self._door.below[name]
        return page(visit)

    def _act(
        self, path: str, pairs: list[Pair], request: Request, call: Call
    ) -> Page | Deferred[Page] | Feed:
        """Something that changes something: POST only, and not for everybody."""
        if path not in self._door.actions:
            raise _wrong_method(call, METHODS)
        if request.method != b"POST":
            raise _wrong_method(call, "POST, OPTIONS")
        visit = self._visit(path, pairs, request, call)
        check_action(visit)
        return self._door.actions[path](visit)

    def _visit(
        self, path: str, pairs: list[Pair], request: Request, call: Call
    ) -> Visit:
        def header(name: str) -> str:
            return _header(request, name)

        may = trusted(header, _peer(request), self._door.admin_token)
        return Visit(pairs, call, header, may, path)

    def _noted(
        self, page: Page | Deferred[Page] | Feed, call: Call, path: str
    ) -> Page | Deferred[Page | Feed] | Feed:
        """A local page is told to the observer, as the gateway tells the others."""
        if isinstance(page, Deferred):
            return page.addCallback(self._told, call, path)
        return self._told(page, call, path)

    def _told(self, page: Page | Feed, call: Call, path: str) -> Page | Feed:
        status = page.status if isinstance(page, Page) else 200
        self._note(status, call, call.deadline - self._door.deadline, path)
        return page

    def _refused(self, failure: Failure, call: Call, began: float) -> Page:
        failure.trap(Refusal)
        refusal: Refusal = failure.value  # type: ignore[assignment]
        self._note(refusal.status, call, began)
        return render.refusal_page(self._door.gateway.server, refusal)

    def _broken(self, failure: Failure, call: Call, began: float) -> Page:
        """An error of our own. The caller learns that, and nothing of its inside."""
        _log.failure("A request broke [{id}]", failure=failure, id=call.request_id)
        self._note(500, call, began)
        refusal = Refusal(
            500, Envelope.INTERNAL, "Internal error: something went wrong in streamr."
        )
        return render.refusal_page(self._door.gateway.server, refusal)

    def _note(
        self, status: int, call: Call, began: float, template: str | None = None
    ) -> None:
        self._observer.note(
            Exchange(
                server=self._door.gateway.server,
                request_id=call.request_id,
                method=call.method,
                target=call.target,
                status=status,
                ms=max(0, round((self._clock.seconds() - began) * 1000)),
                template=template,
            )
        )

    def _write(
        self, page: Page | Feed | Reset, request: GatewayRequest, call: Call
    ) -> None:
        if request.left:
            return
        if isinstance(page, Reset):
            request.channel.forceAbortClient()
            return
        status = page.status if isinstance(page, Page) else 200
        headers = [
            *page.headers,
            *self._door.cors.headers(_origin(request)),
            (names.REQUEST_ID, call.request_id),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if isinstance(page, Feed) and request.method != b"HEAD":
            request.begin(status, headers)
            Reader(request).begin(page)
            return
        request.respond(status, headers, page.body if isinstance(page, Page) else b"")


def _shortened(call: Call, given: str, clock: IReactorTime) -> Call:
    """The call with the deadline that its sender handed on; it may only shorten."""
    if not given:
        return call
    if not re.fullmatch(r"[0-9]{1,9}", given):
        raise Refusal(
            400,
            Envelope.INPUT,
            f"Invalid header: {names.DEADLINE} cannot be {given[:20]!r}; allowed: "
            "whole milliseconds.",
        )
    deadline = min(call.deadline, clock.seconds() + int(given) / 1000)
    return replace(call, deadline=deadline)


def _wrong_method(call: Call, allowed: str) -> Refusal:
    return Refusal(
        405,
        Envelope.FORMAT,
        f"Invalid method: {call.method[:20]}; allowed: {allowed}.",
        allow=allowed,
    )


def _past_the_store(request: Request) -> bool:
    """`streamr check` asks past the store; strangers cannot (it costs TMDB a request,
    and a page of another origin would need a preflight that is not granted)."""
    wanted = bool(_header(request, names.FRESH))
    return wanted and _peer(request) in ("127.0.0.1", "::1")


def _peer(request: Request) -> str:
    return str(getattr(request.getClientAddress(), "host", ""))


def _header(request: Request, name: str) -> str:
    """All values of a request header, as one; odd bytes are replaced."""
    values: Any = request.requestHeaders.getRawHeaders(name.encode(), [])
    return ", ".join(value.decode("ascii", "replace") for value in values)


def _origin(request: Request) -> str | None:
    return _header(request, "origin") or None
