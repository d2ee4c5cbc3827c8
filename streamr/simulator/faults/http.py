"""What the http faults make of a good answer.

Two tables: REWRITES turn an answer into another one that is still whole HTTP; SCRIPTS
turn it into raw bytes and an end, sent below twisted.web. Both only decide; the site
does. Faults of time (slow, and those that are DRIPPING) are the site's own.
"""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from http import HTTPStatus

from streamr.simulator.faults.table import SimulatedFault
from streamr.simulator.tmdb.rendering import HTML, Rendered
from streamr.simulator.tmdb.request import REFUSALS

PORTAL = (
    b"<!DOCTYPE html><html><head><title>Welcome</title></head>"
    b"<body><h1>Please sign in to use this network</h1></body></html>"
)
CDN_PAGE = (
    "<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n"
    "<center><h1>{0} {1}</h1></center>\r\n<hr><center>CloudFront</center>\r\n"
    "</body>\r\n</html>\r\n"
)
OWN_CODES = {401: 7, 403: 45, 404: 34, 405: 42, 422: 20, 429: 25, 400: 22}
OWN_CODES |= {500: 11, 502: 43, 503: 9, 504: 24}
# The faults that send a right body drop by drop.
DRIPPING = frozenset({"drip", "slow-picture"})
# What wrong-type calls a picture.
LABELS: dict[str, str | None] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "html": HTML,
    "none": None,
}
# A JPEG file of one grey pixel (ITU T.81), marker by marker.
JPEG = bytes.fromhex(
    "ffd8"
    "ffdb004300" + "01" * 64 + "ffc0000b080001000101011100"  # one value for all steps
    "ffc40014000100000000000000000000000000000000"  # code 0 is a difference of nothing
    "ffc40014100100000000000000000000000000000000"  # code 0 ends a block
    "ffda0008010100003f003f"
    "ffd9"
)
BOMB_BYTES = 100_000_000
OVERSIZE_BYTES = 4_500_000


class ScriptEnd(Enum):
    """How a connection ends after the last raw byte."""

    FIN = "fin"
    RESET = "reset"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Script:
    """Raw bytes, and what comes after them."""

    data: bytes
    end: ScriptEnd


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault has to work with: the good answer, and another title's.

    `whole` is the good answer to a request for a part of a picture, if it is one, as
    it would be to a request for all of it.
    """

    good: Rendered
    other: Callable[[], Rendered]
    date: str
    whole: Rendered | None = None
    html: bool = False

    @property
    def picture(self) -> bool:
        """Is the good answer a picture, or a part of one?"""
        return self.whole is not None and bool(self.good.body)


Rewrite = Callable[[Scene, SimulatedFault], Rendered]
Write = Callable[[Scene, SimulatedFault], Script]


def reason(status: int) -> str:
    """The reason phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def head(rendered: Rendered, date: str, *framing: str) -> bytes:
    """The head of an answer, with the framing lines given."""
    lines = [f"HTTP/1.1 {rendered.status} {reason(rendered.status)}"]
    lines += [f"{name}: {value}" for name, value in rendered.headers]
    lines += [f"Date: {date}", *framing, "", ""]
    return "\r\n".join(lines).encode()


def half(data: bytes) -> bytes:
    """The first half of some bytes."""
    return data[: len(data) // 2]


def half_a_head(scene: Scene) -> bytes:
    """A head that breaks off in the middle of a line."""
    return half(head(scene.good, scene.date))


def short(scene: Scene) -> bytes:
    """A head that promises the whole body, and half of it."""
    good = scene.good
    length = f"Content-Length: {len(good.body)}"
    return head(good, scene.date, length) + half(good.body)


def unlimited(scene: Scene) -> bytes:
    """Half of a plain body behind a head that does not say how much to expect."""
    plain = scene.good.with_body(scene.good.plain)
    return head(plain, scene.date, "Connection: close") + half(plain.body)


def unfinished_chunks(scene: Scene) -> bytes:
    """One chunk, and no last one."""
    body = half(scene.good.body)
    chunk = b"%x\r\n%s\r\n" % (len(body), body)
    return head(scene.good, scene.date, "Transfer-Encoding: chunked") + chunk


def long_header(scene: Scene, fault: SimulatedFault) -> bytes:
    """A good answer but for one endless header line."""
    good = scene.good
    line = f"X-Trace: {'a' * fault.whole('size')}"
    length = f"Content-Length: {len(good.body)}"
    return head(good, scene.date, line, length) + good.body


SCRIPTS: dict[str, Write] = {
    "silence-after-request": lambda scene, fault: Script(b"", ScriptEnd.SILENCE),
    "reset-after-request": lambda scene, fault: Script(b"", ScriptEnd.RESET),
    "fin-after-request": lambda scene, fault: Script(b"", ScriptEnd.FIN),
    "stall-headers": lambda scene, fault: Script(half_a_head(scene), ScriptEnd.SILENCE),
    "reset-in-headers": lambda scene, fault: Script(
        half_a_head(scene), ScriptEnd.RESET
    ),
    "malformed-head": lambda scene, fault: Script(
        b"HTP/x.y OOPS\r\n: ?\r\n\r\n", ScriptEnd.FIN
    ),
    "long-header": lambda scene, fault: Script(
        long_header(scene, fault), ScriptEnd.FIN
    ),
    "short-body": lambda scene, fault: Script(short(scene), ScriptEnd.FIN),
    "reset-in-body": lambda scene, fault: Script(short(scene), ScriptEnd.RESET),
    "stall-body": lambda scene, fault: Script(short(scene), ScriptEnd.SILENCE),
    "cut-chunks": lambda scene, fault: Script(unfinished_chunks(scene), ScriptEnd.FIN),
    "no-length-fin": lambda scene, fault: Script(unlimited(scene), ScriptEnd.FIN),
    "no-length-rst": lambda scene, fault: Script(unlimited(scene), ScriptEnd.RESET),
}


def framed(rendered: Rendered, body: bytes, encoding: str | None) -> Rendered:
    """An answer with this very body and its length."""
    changed = replace(rendered, body=body, chunked=False)
    return changed.but(content_encoding=encoding)


def corrupt_gzip(scene: Scene, fault: SimulatedFault) -> Rendered:
    """Broken bytes in the middle of the compressed stream."""
    body = scene.good.gzipped().body
    middle = len(body) // 2
    broken = body[:middle] + b"\xff" * 16 + body[middle + 16 :]
    return framed(scene.good, broken, "gzip")


def cut_gzip(scene: Scene, fault: SimulatedFault) -> Rendered:
    """A compressed stream that ends early, with a length that fits."""
    return framed(scene.good, half(scene.good.gzipped().body), "gzip")


def unlabelled(scene: Scene, fault: SimulatedFault) -> Rendered:
    """Compressed, but the header that says so is missing."""
    return framed(scene.good, scene.good.gzipped().body, None)


@cache
def bomb() -> bytes:
    """100 MB of JSON blanks, compressed in pieces so that memory stays small."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    blank = b" " * 1_000_000
    pieces = [packer.compress(blank) for _ in range(BOMB_BYTES // len(blank))]
    return b"".join([*pieces, packer.compress(b"{}"), packer.flush()])


def make_ready(fault: SimulatedFault) -> None:
    """Make now what takes long, so that no request waits for it."""
    if fault.name == "gzip-bomb":
        bomb()


def envelope(code: int) -> bytes:
    """TMDB's error envelope for one of its own codes."""
    body = {
        "success": False,
        "status_code": code,
        "status_message": REFUSALS[code][1],
    }
    return json.dumps(body, separators=(",", ":")).encode()


def oversize(scene: Scene, fault: SimulatedFault) -> Rendered:
    """Valid JSON that is larger than any answer of TMDB."""
    body = json.dumps({"id": 1, "overview": "a" * OVERSIZE_BYTES}).encode()
    return scene.good.with_body(body)


def refused(scene: Scene, code: int, words: bytes) -> Rendered:
    """An error: these words in JSON, or the CDN's page where there is no JSON."""
    failed = replace(scene.good, status=code).but(cache_control=None)
    if scene.html:
        return failed.with_body(CDN_PAGE.format(code, reason(code)).encode(), HTML)
    return failed.with_body(words)


def status(scene: Scene, fault: SimulatedFault) -> Rendered:
    """An error status of TMDB's application, or of the CDN."""
    code = fault.whole("code")
    body = fault.arguments["body"]
    html = scene.html if body is None else body == "html"
    usual = fault.arguments["own"] is None
    own = OWN_CODES.get(code, 11) if usual else fault.whole("own")
    return refused(replace(scene, html=html), code, envelope(own))


def rate_limit(scene: Scene, fault: SimulatedFault) -> Rendered:
    """Too many requests, with or without a word on when to come back."""
    after = fault.arguments["retry-after"]
    limited = refused(scene, 429, envelope(25))
    text = None if after is None else str(after)
    return limited.but(retry_after=text)


def redirect(scene: Scene, fault: SimulatedFault) -> Rendered:
    """To the portal."""
    moved = replace(scene.good, status=302).with_body(b"", HTML)
    return moved.but(cache_control=None, location="http://portal.invalid/")


def wrong_type(scene: Scene, fault: SimulatedFault) -> Rendered:
    """A picture that is not what its label says."""
    label = LABELS[str(fault.arguments["label"])]
    if not scene.picture:
        return scene.good
    if label == "image/png":
        return scene.good.with_body(JPEG, label)
    return scene.good.but(content_type=label)


def cut_picture(scene: Scene, fault: SimulatedFault) -> Rendered:
    """Half of a picture, as if it were all."""
    body = half(scene.good.body)
    return replace(scene.good, body=body, plain=body) if scene.picture else scene.good


def ignore_range(scene: Scene, fault: SimulatedFault) -> Rendered:
    """All of a picture, whatever was asked for."""
    return scene.whole or scene.good


def wrong_range(scene: Scene, fault: SimulatedFault) -> Rendered:
    """As much as was asked for, but from the beginning; it says so."""
    whole, long = scene.whole, len(scene.good.body)
    if whole is None or scene.good.status != HTTPStatus.PARTIAL_CONTENT:
        return scene.good
    told = scene.good.but(content_range=f"bytes 0-{long - 1}/{len(whole.body)}")
    return replace(told, body=whole.body[:long], plain=whole.body[:long])


REWRITES: dict[str, Rewrite] = {
    "corrupt-gzip": corrupt_gzip,
    "cut-gzip": cut_gzip,
    "gzip-bomb": lambda scene, fault: framed(scene.good, bomb(), "gzip"),
    "gzip-unlabelled": unlabelled,
    "html": lambda scene, fault: scene.good.with_body(PORTAL, HTML),
    "cut-json": lambda scene, fault: scene.good.with_body(half(scene.good.plain)),
    "empty": lambda scene, fault: scene.good.with_body(b"", scene.good.kind),
    "null": lambda scene, fault: scene.good.with_body(b"null"),
    "redirect": redirect,
    "status": status,
    "rate-limit": rate_limit,
    "oversize": oversize,
    "error-200": lambda scene, fault: scene.good.with_body(envelope(34)),
    "wrong-id": lambda scene, fault: scene.other(),
    "wrong-type": wrong_type,
    "cut-picture": cut_picture,
    "ignore-range": ignore_range,
    "wrong-range": wrong_range,
}
