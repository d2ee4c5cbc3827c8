"""TMDB's pictures on our servers: `/t/p/<size>/<file>`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred

from streamr.boundaries import Exchange, PictureHead, Query
from streamr.errors import Envelope, Refusal
from streamr.fields import names, ranges
from streamr.gateway.pictures import PictureAnswer, Pictures
from streamr.policy.freshness import MOST_KEPT
from streamr.policy.pictures import SVG
from streamr.tmdb import images
from streamr.web.access import Stream, Visit
from streamr.web.api import render
from streamr.web.page import JSON, Page, envelope
from streamr.web.router import Answered, Row

# Where the former system's front ends look for pictures.
PREFIX = "/api/tmdb/image"
# Pages of any origin may show one; it is an image, and no page of ours.
_CROSS_ORIGIN = ("Cross-Origin-Resource-Policy", "cross-origin")
# An SVG that is opened by itself may run nothing, and load nothing.
_INERT = ("Content-Security-Policy", "default-src 'none'; sandbox")
NOT_THERE = "The resource you requested could not be found."


def rows(pictures: Pictures, more: Fields = ()) -> list[Row]:
    """The pictures' rows in the table of a server; `more` are fields of each one."""
    return [row(pictures, each, more) for each in ("", PREFIX)]


def row(pictures: Pictures, prefix: str = "", more: Fields = ()) -> Row:
    """That of the pictures below TMDB's own path, or below another in front of it."""
    path = f"{prefix}{images.PICTURES}"
    return Row(path, _Handler(pictures, path, more), below=True, from_tmdb=True)


# Seconds; so much less is told to everybody, so that it is no more in sum.
NGINX_KEEPS = 24 * 3600
Fields = Sequence[tuple[str, str]]


class _Handler:
    """Answers requests for pictures below one path."""

    def __init__(self, pictures: Pictures, prefix: str, more: Fields) -> None:
        self._pictures = pictures
        self._prefix = prefix
        self._more = tuple(more)

    def __call__(self, visit: Visit) -> Deferred[Answered]:
        """The picture that is asked for. Raises Refusal for what can be none."""
        name = images.picture_name(visit.path.removeprefix(self._prefix))
        if name is None:
            raise Refusal(
                404,
                Envelope.NOT_FOUND,
                f"No picture has this path: {self._prefix} takes a size, such as w342 "
                "or original, and a file, such as abc.jpg.",
            )
        query = Query(name.path, (), images.TEMPLATE)
        showing = self._pictures.serve(query, visit.call)
        return showing.addCallback(_answer, visit, self._more)


def _answer(shown: PictureAnswer, visit: Visit, more: Fields) -> Answered:
    exchange = shown.exchange
    if shown.reader is not None:
        return _picture(shown, shown.reader.head, visit, more)
    fault = exchange.outcome.fault
    if fault is not None:
        return render.fault_page(exchange, fault)
    status = exchange.outcome.status
    return Page(
        status,
        envelope(status, Envelope.NOT_FOUND, NOT_THERE),
        (
            ("Content-Type", JSON),
            ("Cache-Control", "no-store"),
            *render.provenance(exchange),
        ),
    )


def _picture(
    shown: PictureAnswer, head: PictureHead, visit: Visit, more: Fields
) -> Page | Stream:
    """The picture, a part of it, or that the caller has it already (RFC 9110, 13.2.2
    has the order of these)."""
    reader, exchange = shown.reader, shown.exchange
    assert reader is not None
    none_match = visit.header("if-none-match")
    if none_match and render.matches(none_match, head.etag):
        reader.close()
        return Page(304, b"", _fields(exchange, head, more))
    headers = whole_fields(exchange, head, more)
    whole = Stream(200, headers, reader, head.length)
    if visit.call.method != "GET":  # a HEAD has no parts (14.2)
        return whole
    if not ranges.applies(visit.header("if-range"), head.etag):
        return whole
    span = ranges.span(visit.header("range"), head.length)
    if span is None:
        return whole
    if span.first is None:
        reader.close()
        return _no_such_part(span, whole)
    reader.seek(span.first)
    return replace(
        whole,
        status=206,
        headers=(*headers, ("Content-Range", span.field)),
        length=span.last - span.first + 1,
    )


def whole_fields(
    exchange: Exchange, head: PictureHead, more: Fields
) -> tuple[tuple[str, str], ...]:
    """The fields of a whole picture; `more` are those of each one."""
    typed = (("Content-Type", head.content_type), ("Accept-Ranges", "bytes"))
    inert = (_INERT,) if head.content_type == SVG else ()
    return (*typed, *_fields(exchange, head, more), *inert)


def _fields(
    exchange: Exchange, head: PictureHead, more: Fields
) -> tuple[tuple[str, str], ...]:
    lifetime = _lifetime(exchange)
    return (
        ("ETag", head.etag),
        ("Cache-Control", f"public, max-age={lifetime}, immutable"),
        # nginx hands it on with this max-age and without an Age, for as long as this
        (names.ACCEL_EXPIRES, str(min(lifetime, NGINX_KEEPS))),
        _CROSS_ORIGIN,
        *more,
        *render.provenance(exchange),
    )


def _no_such_part(span: ranges.Span, whole: Stream) -> Page:
    told = f"Invalid range: the picture has {span.size} bytes."
    kept = [each for each in whole.headers if each[0] in ("ETag", *_CROSS_ORIGIN[:1])]
    return Page(
        416,
        envelope(416, Envelope.INPUT, told),
        (
            ("Content-Type", JSON),
            ("Cache-Control", "no-store"),
            ("Content-Range", span.field),
            *kept,
        ),
    )


def _lifetime(exchange: Exchange) -> int:
    """How long caches of others may keep it: TMDB's six months are counted from when it
    left TMDB."""
    return max(0, round(MOST_KEPT - NGINX_KEEPS - exchange.outcome.age))
