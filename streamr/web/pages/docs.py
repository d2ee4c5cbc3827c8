"""`/openapi.json`, and `/docs` made from it: written at first use, then kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from importlib import resources

from streamr.openapi.document import describe, servers
from streamr.openapi.form import Document
from streamr.openapi.own import Own
from streamr.openapi.page import page
from streamr.tmdb.catalogue import Catalogue
from streamr.tmdb.shortcuts import DEFAULTS, MAIN_BASE, MAIN_SHORTCUTS
from streamr.web.page import JSON
from streamr.web.pages import health
from streamr.web.pages.fixed import Fixed
from streamr.web.router import Row

# Changes with the version only; five minutes after an update all have the new one.
CACHE_CONTROL = "public, max-age=300"
# The page needs its own stylesheet, script and icon, and nothing else of anybody.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# A machine has one reverse proxy, or two; what others send is made again each time.
MOST_PREFIXES = 4

OWN = Own(MAIN_BASE, MAIN_SHORTCUTS, DEFAULTS, health.PROBES)


def rows(offered: Catalogue, address: str, *, pictures: bool = True) -> list[Row]:
    """The description's pages; `address` stands in the examples, and `pictures` says
    whether there are any."""
    own = replace(OWN, pictures=pictures)

    @cache
    def document() -> Document:
        return describe(offered, own)

    @lru_cache(MOST_PREFIXES)
    def described(prefix: str) -> Fixed:
        """The description for who reaches main below a path."""
        value = {**document(), "servers": servers(prefix)}
        return Fixed(
            JSON,
            CACHE_CONTROL,
            lambda: json.dumps(value, ensure_ascii=False).encode(),
            Vary="Accept-Encoding, X-Forwarded-Prefix",
        )

    def fixed(path: str, kind: str, make: Callable[[], bytes], **more: str) -> Row:
        return Row(path, Fixed(kind, CACHE_CONTROL, make, **more))

    return [
        Row("/openapi.json", lambda visit: described(visit.prefix)(visit)),
        fixed(
            "/docs",
            "text/html;charset=utf-8",
            lambda: page(document(), address).encode(),
            Content_Security_Policy=POLICY,
            Referrer_Policy="no-referrer",
        ),
        fixed("/docs.css", "text/css;charset=utf-8", lambda: _file("docs.css")),
        fixed("/docs.js", "text/javascript;charset=utf-8", lambda: _file("docs.js")),
    ]


def _file(name: str) -> bytes:
    return (resources.files("streamr.openapi") / name).read_bytes()
