"""The URLs that are asked for: an origin, of which each route has one, and the rest."""

from __future__ import annotations

import re
from functools import lru_cache

from hyperlink import EncodedURL
from twisted.web.client import URI

# Origins that are remembered: each route has one.
REMEMBERED = 64
# Path and query of which hyperlink leaves every character as it is.
_PLAIN = re.compile(r"/[A-Za-z0-9/._~%-]+(\?[A-Za-z0-9._~%&=-]+)?")
_TARGET = re.compile(r"[!-~]+")


class Origin(EncodedURL):
    """Scheme, host and port, as treq is asked for them.

    Of the URLs of a route only path and query differ, and `upstream/client.py` puts
    those behind: treq, hyperlink and Twisted would each read, check and write the whole
    URL for each request (docs/facts/performance.md, "A cache miss").
    """

    def __init__(self, text: str) -> None:
        """`text` is in ASCII, without a path."""
        super().__init__()
        self._text = text
        self.key = text.encode("ascii")
        self.place = URI.fromBytes(self.key)
        self.host_field = _host_field(self.place)

    def to_uri(self) -> Origin:
        """The same in ASCII, which it is; treq asks for it."""
        return self

    def to_text(self, with_password: bool = False) -> str:
        """The whole of it."""
        return self._text


def split(url: str) -> tuple[Origin, bytes]:
    """The origin and the request target of a URL, as hyperlink writes them in ASCII.

    Raises ValueError when it is none.
    """
    end = _end_of_origin(url)
    if end > 0 and _PLAIN.fullmatch(url, end):
        return _origin(url[:end]), url[end:].encode("ascii")
    text = _in_ascii(url)
    end = _end_of_origin(text)
    origin, target = (text[:end], text[end:]) if end > 0 else (text, "/")
    if not _TARGET.fullmatch(target):
        raise ValueError("a URL that could be two lines")
    return _origin(origin), target.encode("ascii")


def _host_field(place: URI) -> bytes:
    """What Host says of an origin (RFC 9110, 7.2)."""
    host = b"[%b]" % place.host if b":" in place.host else place.host
    usual = 443 if place.scheme == b"https" else 80
    return host if place.port == usual else b"%b:%d" % (host, place.port)


def _end_of_origin(url: str) -> int:
    return url.find("/", url.find("//") + 2)


def _in_ascii(text: str) -> str:
    url = EncodedURL.from_text(text)
    if ":" not in url.host:
        return str(url.to_uri().to_text())
    # hyperlink takes an IPv6 address for a name, and raises (its issues 68 and 188)
    return str(url.replace(host="").to_uri().replace(host=url.host).to_text())


@lru_cache(REMEMBERED)
def _origin(text: str) -> Origin:
    return Origin(_in_ascii(text))
