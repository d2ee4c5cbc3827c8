"""Routes to TMDB's pictures: to its picture host, and over a proxy of ours.

No key goes to the picture host. The answer comes as soon as its first bytes tell that
it is a picture; its body follows (`Answer.incoming`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from twisted.internet.defer import Deferred, succeed

from streamr.boundaries import Answer, Budget, Call, Dimensions, Query
from streamr.errors import Fault, RouteKind
from streamr.fields.loop import Loop
from streamr.interfaces import Progress, Route, Veto
from streamr.policy import pictures
from streamr.tmdb import images
from streamr.upstream.answer import denied, no_answer
from streamr.upstream.body import describe
from streamr.upstream.client import Client, opened
from streamr.upstream.head import ResponseHead
from streamr.upstream.origin import PacedRoute, upstream_url
from streamr.upstream.peer import PeerRoute
from streamr.upstream.ratelimit import Pacer
from streamr.upstream.stream import StreamedBody

# A coding saves a picture nothing, and keeps its body from being continued elsewhere.
COMMON = {
    "Accept": "image/*",
    "Accept-Encoding": "identity",
    "User-Agent": "streamr",
}
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15})")


class Sample:
    """What a probe asks for: the last picture that was there.

    Before there was any it is one that TMDB does not have: its 404 is an answer, too.
    """

    def __init__(self) -> None:
        self.path = f"{images.PICTURES}w92/streamr.jpg"

    def was_there(self, path: str) -> None:
        """TMDB has this one."""
        self.path = path


class _PictureRequests:
    """Asks below a base URL for pictures."""

    def __init__(self, client: Client, base_url: str, sample: Sample) -> None:
        self._client = client
        self._base_url = base_url
        self.sample = sample

    def open(
        self,
        query: Query,
        call: Call,
        headers: Mapping[str, str],
        budget: Budget,
        new_connection: bool,
        progress: Progress,
    ) -> Deferred[tuple[ResponseHead, StreamedBody]]:
        """For the picture, for the rest of it, or for what a probe asks for."""
        wanted = replace(query, path=self.sample.path) if call.probe else query
        return self._client.open(
            upstream_url(self._base_url, wanted, ()),
            {**COMMON, **headers, **_part(call)},
            budget,
            _is_told,
            new_connection=new_connection,
            progress=progress,
            until=call.deadline,
        )


class PictureRoute(PacedRoute):
    """A route to TMDB's picture host with one TLS profile."""

    def __init__(
        self,
        name: str,
        kind: RouteKind,
        base_url: str,
        client: Client,
        dimensions: Dimensions,
        pacer: Pacer,
        sample: Sample,
    ) -> None:
        super().__init__(name, kind, base_url, client, dimensions, pacer)
        self._asking = _PictureRequests(client, base_url, sample)

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
        """One try; see interfaces.Route. Its place at the host is taken until the body
        is over: TMDB counts connections."""
        result: Deferred[Answer] = Deferred(lambda _result: turn.cancel())

        def leave() -> Deferred[None]:
            opening = self._asking.open(
                query, call, {}, budget, new_connection, progress
            )
            judging = opening.addCallback(_judged, call)
            return judging.addCallback(self._arrived, query, call, result)

        turn = self._in_turn(leave, call, progress, veto)
        turn.addErrback(result.errback)
        return result.addCallback(self._paced).addCallback(_let_through)

    def _arrived(
        self, answer: Answer, query: Query, call: Call, result: Deferred[Answer]
    ) -> Deferred[None]:
        """Hand the answer out; fires when its body is over."""
        incoming = answer.incoming
        over: Deferred[None] = succeed(None)
        if answer.status == 200 and not call.probe:
            self._asking.sample.was_there(query.path)
        if call.probe:
            answer = _of_a_probe(answer)
        elif isinstance(incoming, StreamedBody):
            over = incoming.finished
        result.callback(answer)
        return over


class PeerPictureRoute(PeerRoute):
    """A route to pictures over another streamr proxy."""

    def __init__(
        self,
        base_url: str,
        client: Client,
        token: str | None,
        loop: Loop,
        sample: Sample,
        *,
        family: str = "auto",
        near: bool = False,
    ) -> None:
        super().__init__(
            base_url, client, token, loop, family=family, near=near, of=SUFFIX
        )
        self._asking = _PictureRequests(client, base_url, sample)

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
        """One try; see interfaces.Route. No veto is asked: nothing makes it wait."""
        known = self._headers(call, budget)
        opening = self._asking.open(
            query, call, known, budget, new_connection, progress
        )
        answering = opening.addCallbacks(
            self._answered, self._no_http, callbackArgs=(call,)
        )
        return answering.addCallback(_of_a_probe) if call.probe else answering

    def _answered(self, came: tuple[ResponseHead, StreamedBody], call: Call) -> Answer:
        response = opened(*came)
        try:
            attempts = self._reported(response)
            if not attempts and 400 <= response.status < 500:
                raise self._stranger(f"answers with status {response.status}")
            return replace(_judged(came, call), attempts=attempts)
        except Fault:
            came[1].reject()
            raise


def _judged(came: tuple[ResponseHead, StreamedBody], call: Call) -> Answer:
    """The answer in a response whose body is still coming. Raises the Fault that it is
    otherwise; then nobody wants its body.

    That TMDB has no such picture is an answer, and that it asks us to wait; a redirect,
    a 5xx, or what does not begin as a picture of the kind that it is called is none.
    """
    head, body = came
    try:
        answer = opened(head, body)
        return _JUDGES.get(head.status, _no_picture)(answer, head, body, call)
    except Fault:
        body.reject()
        raise


def _whole(answer: Answer, head: ResponseHead, body: StreamedBody, _: Call) -> Answer:
    _refuse_coded(head)
    kind = pictures.kind_of(body.first, whole=body.over)
    if not kind:
        raise Fault("http_response_invalid", describe(body.first, "a picture"))
    if not pictures.agrees(answer.content_type, kind):
        what = f"{kind} under the name {answer.content_type[:40]}"
        raise Fault("http_response_invalid", what)
    return replace(answer, content_type=kind)


def _rest(answer: Answer, head: ResponseHead, body: StreamedBody, call: Call) -> Answer:
    """What was missing of a picture, and nothing else."""
    _refuse_coded(head)
    told = _CONTENT_RANGE.fullmatch(head.all("content-range"))
    part, etag = call.part, head.first("etag")
    if told is None or part is None or int(told[1]) != part.begins:
        raise Fault("http_response_invalid", "another part than was asked for")
    if etag != part.etag:
        raise Fault("http_response_invalid", "a part of another version")
    return replace(answer, begins=part.begins, length=int(told[2]))


def _refuse_coded(head: ResponseHead) -> None:
    """Coded bytes would be taken for those of the picture. Raises Fault."""
    coding = head.all("content-encoding").lower()
    if coding not in ("", "identity"):
        raise Fault("http_response_content_coding", f"unknown coding {coding[:40]}")


def _not_there(
    answer: Answer, _head: ResponseHead, _body: StreamedBody, _call: Call
) -> Answer:
    return replace(answer, incoming=None)


def _no_picture(
    answer: Answer, _head: ResponseHead, _body: StreamedBody, _call: Call
) -> Answer:
    unusable = Fault("http_response_invalid", f"status {answer.status}")
    raise no_answer(answer) or denied(answer) or unusable


_JUDGES = {
    200: _whole,
    206: _rest,
    404: _not_there,
    410: _not_there,
    429: _not_there,  # the pacer's matter
}


def _let_through(answer: Answer) -> Answer:
    """Of a 429 the pacer has heard by now; a picture it is not."""
    refused = denied(answer)
    if refused is not None:
        raise refused
    return answer


def _is_told(first: bytes) -> bool:
    """True when the first bytes tell whether this is a picture."""
    return pictures.kind_of(first) is not None


def _part(call: Call) -> dict[str, str]:
    """The fields that ask for a part (RFC 9110, 14.2 and 13.1.5)."""
    part = call.part
    if part is None:
        return {}
    return {"Range": f"bytes={part.begins}-", "If-Range": part.etag}


def _of_a_probe(answer: Answer) -> Answer:
    """Nobody reads the body that a probe has asked for."""
    if answer.incoming is not None:
        answer.incoming.close()
    return replace(answer, incoming=None)


# What tells such a route from that of the answers over the same proxy.
SUFFIX = ":pictures"
_routes: tuple[type[Route], ...] = (PictureRoute, PeerPictureRoute)
