"""From a reply to bytes: TMDB's headers, gzip, weak ETag."""

import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from streamr.simulator.tmdb.answers import TMDBReply
from streamr.simulator.tmdb.world import digest, letters

HeaderLine = tuple[str, str]
JSON = "application/json;charset=utf-8"
HTML = "text/html"
# How long TMDB's CDN keeps an object, by the first part of the path after /3.
LIFETIMES: Mapping[str, int] = {
    "configuration": 28_800,
    "genre": 28_800,
    "certification": 28_800,
    "trending": 3_600,
    "search": 7_200,
    "discover": 14_400,
}
NEVER = re.compile(r"q=0(\.0*)?")
SPELT = {"etag": "ETag"}
# What a header says of one body and of no other.
OF_THE_BODY = dict.fromkeys(
    ("content_encoding", "etag", "last_modified", "accept_ranges", "content_range")
)
LIFETIME = 21_600
SHORTEST = 60


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole answer but for its framing: status, headers, body as sent, body as read.

    `chunked` answers carry no Content-Length.
    """

    status: int
    headers: tuple[HeaderLine, ...]
    body: bytes
    plain: bytes
    chunked: bool = True

    @property
    def kind(self) -> str:
        """The media type."""
        return dict(self.headers)["Content-Type"]

    def but(self, **headers: str | None) -> "Rendered":
        """The same with some headers replaced, or removed by None."""
        names = {name.replace("_", "-").lower(): v for name, v in headers.items()}
        kept = [row for row in self.headers if row[0].lower() not in names]
        new = [(SPELT.get(n, n.title()), v) for n, v in names.items() if v]
        return replace(self, headers=(*kept, *new))

    def with_body(self, body: bytes, kind: str = JSON) -> "Rendered":
        """The same with another body, whole, not compressed and with its length."""
        status = 200 if self.status == 206 else self.status
        changed = replace(self, status=status, body=body, plain=body, chunked=False)
        return changed.but(**OF_THE_BODY, content_type=kind)

    def gzipped(self) -> "Rendered":
        """The same, compressed."""
        body = gzip.compress(self.plain, mtime=0)
        tag = f'W/"{hashlib.md5(self.plain, usedforsecurity=False).hexdigest()}"'
        changed = replace(self, body=body, chunked=True)
        return changed.but(content_encoding="gzip", etag=tag)


def remaining(path: str, now: float) -> int:
    """The rest of the life of the CDN's copy: it runs down and begins anew."""
    words = path.split("/")
    lifetime = LIFETIMES.get(words[2] if len(words) > 2 else "", LIFETIME)
    offset = int.from_bytes(digest("age", path)[:4], "big")
    return max(SHORTEST, lifetime - (int(now) + offset) % lifetime)


def headers_for(reply: TMDBReply, path: str, now: float) -> list[HeaderLine]:
    """The headers of a reply: good ones and bad keys may be kept, other errors not."""
    rows = [("Content-Type", JSON), ("Server", "openresty")]
    max_age = remaining(path, now) if reply.good else reply.max_age
    if max_age is not None:
        rows.append(("Cache-Control", f"public, max-age={max_age}"))
    return [*rows, ("Vary", "accept-encoding, Origin"), *cdn(path, now)]


def cdn(path: str, now: float) -> list[HeaderLine]:
    """What CloudFront adds."""
    hit = digest("hit", path)[0] % 2
    trace = letters(32, "via", path)
    return [
        ("Via", f"1.1 {digest('edge').hex()[:32]}.cloudfront.net (CloudFront)"),
        ("X-Cache", "Hit from cloudfront" if hit else "Miss from cloudfront"),
        ("X-Amz-Cf-Pop", "FRA56-P8"),
        ("X-Amz-Cf-Id", f"{trace}{letters(22, 'id', path, int(now))}=="),
        ("Alt-Svc", 'h3=":443"; ma=86400'),
    ]


def render(reply: TMDBReply, path: str, now: float, gzip_wanted: bool) -> Rendered:
    """The answer as bytes."""
    text = json.dumps(reply.value, ensure_ascii=False, separators=(",", ":"))
    plain = text.encode()
    rendered = Rendered(
        reply.status, tuple(headers_for(reply, path, now)), plain, plain
    )
    return rendered.gzipped() if gzip_wanted else rendered


def accepts_gzip(header: str | None) -> bool:
    """Does an Accept-Encoding ask for gzip? (`gzip;q=0` does not.)"""
    for part in (header or "").lower().split(","):
        name, _, rest = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return not NEVER.fullmatch(rest.replace(" ", ""))
    return False
