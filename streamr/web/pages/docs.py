"""`/openapi.json`, and `/docs` made from it: written at first use, then kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources

from streamr.openapi.document import describe
from streamr.openapi.form import Document
from streamr.openapi.own import Own
from streamr.openapi.page import page
from streamr.policy import representation
from streamr.tmdb.catalogue import Catalogue
from streamr.tmdb.shortcuts import DEFAULTS, MAIN_BASE, MAIN_SHORTCUTS
from streamr.web.access import Local, Visit
from streamr.web.api import render
from streamr.web.api.render import Page
from streamr.web.pages import health

# Changes with the version only; five minutes after an update all have the new one.
CACHE_CONTROL = "public, max-age=300"
# The page needs its own stylesheet and script, and nothing else of anybody.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

OWN = Own(MAIN_BASE, MAIN_SHORTCUTS, DEFAULTS, health.PROBES)


class Fixed:
    """A page that stays the same while the server runs; `make` is called once."""

    def __init__(
        self, content_type: str, make: Callable[[], bytes], **more: str
    ) -> None:
        self._make = cache(make)
        self._etag = cache(lambda: representation.etag(self._make()))
        self._gzipped = cache(lambda: representation.gzipped(self._make()))
        self._headers = (
            ("Content-Type", content_type),
            ("Cache-Control", CACHE_CONTROL),
            ("Vary", "Accept-Encoding"),
            *((name.replace("_", "-"), value) for name, value in more.items()),
        )

    def __call__(self, visit: Visit) -> Page:
        """The page in the coding that the caller takes, or 304."""
        wanted = render.wants(
            visit.header("accept-encoding"), visit.header("if-none-match")
        )
        etag = self._etag()
        headers = (*self._headers, ("ETag", etag))
        if render.matches(wanted.none_match, etag):
            return Page(304, b"", headers)
        if "gzip" in wanted.codings:
            return Page(200, self._gzipped(), (*headers, ("Content-Encoding", "gzip")))
        return Page(200, self._make(), headers)


def pages(offered: Catalogue, address: str) -> Mapping[str, Local]:
    """The description's pages by path; `address` stands in the examples."""

    @cache
    def document() -> Document:
        return describe(offered, OWN)

    return {
        "/openapi.json": Fixed(
            render.JSON, lambda: json.dumps(document(), ensure_ascii=False).encode()
        ),
        "/docs": Fixed(
            "text/html;charset=utf-8",
            lambda: page(document(), address).encode(),
            Content_Security_Policy=POLICY,
            Referrer_Policy="no-referrer",
        ),
        "/docs.css": Fixed("text/css;charset=utf-8", lambda: _file("docs.css")),
        "/docs.js": Fixed("text/javascript;charset=utf-8", lambda: _file("docs.js")),
    }


def _file(name: str) -> bytes:
    return (resources.files("streamr.openapi") / name).read_bytes()
