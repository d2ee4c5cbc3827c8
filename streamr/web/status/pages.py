"""The pages of the status: `/`, `/status.json`, `/status/events` and their assets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files

from twisted.internet.interfaces import IReactorTime

from streamr.web.access import Feed, Local, Visit, from_own_site
from streamr.web.api import render
from streamr.web.api.render import Page, json_page
from streamr.web.router import Door
from streamr.web.status.document import Shown, document
from streamr.web.status.live import Live
from streamr.web.status.sections import sections
from streamr.web.status.snapshot import Sources, snapshot
from streamr.web.status.text import text

# Nothing from elsewhere, nothing inline; forms are the demo's buttons.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = (
    ("Cache-Control", "no-store"),
    ("Vary", "Accept"),
    ("Content-Security-Policy", POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
)
SCRIPT = "text/javascript;charset=utf-8"
ASSETS = {
    "status.css": "text/css;charset=utf-8",
    "status.js": SCRIPT,
    "films.js": SCRIPT,
    "status.svg": "image/svg+xml",
}


class Status:
    """The status page of one main server."""

    def __init__(
        self,
        sources: Sources,
        settings: Callable[[], Sequence[Shown]],
        clock: IReactorTime,
    ) -> None:
        """`settings` are shown to trusted visitors only, secrets masked."""
        self._sources = sources
        self._settings = settings
        self.live = Live(lambda: sections(snapshot(sources)), clock)

    def opened(self, door: Door) -> Door:
        """The door with these pages."""
        return replace(door, local={**door.local, **self._pages()})

    def _pages(self) -> Mapping[str, Local]:
        pages: dict[str, Local] = {
            "/": self._front,
            "/status.json": lambda _visit: json_page(200, snapshot(self._sources)),
            "/status/events": self._events,
        }
        for name, kind in ASSETS.items():
            pages[f"/{name}"] = _asset(name, kind)
        return pages

    def _events(self, _visit: Visit) -> Feed:
        return self.live.feed()

    def _front(self, visit: Visit) -> Page:
        """HTML for browsers, text for everybody else."""
        shown = snapshot(self._sources)
        if "text/html" not in visit.header("accept"):
            return _page(text(shown), "text/plain;charset=utf-8")
        inside = visit.trusted and from_own_site(visit)
        settings = self._settings() if inside else None
        return _page(
            document(shown, settings, may_act=inside), "text/html;charset=utf-8"
        )


def _page(body: str, kind: str) -> Page:
    return Page(200, body.encode(), (("Content-Type", kind), *HEADERS))


def _asset(name: str, kind: str) -> Local:
    """A file of the package, with an entity tag instead of a lifetime."""
    body = (files("streamr.web.status") / name).read_bytes()
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = (("Cache-Control", "no-cache"), ("ETag", tag))

    def page(visit: Visit) -> Page:
        if render.matches(visit.header("if-none-match"), tag):
            return Page(304, b"", headers)
        return Page(200, body, (("Content-Type", kind), *headers))

    return page
