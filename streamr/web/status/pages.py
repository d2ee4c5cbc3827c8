"""The pages of the status: `/`, `/status.json`, `/status/events` and their assets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files

from twisted.internet.interfaces import IReactorTime

from streamr.web.access import Feed, Visit, from_own_site, may_play
from streamr.web.page import Page, json_page
from streamr.web.pages.fixed import Fixed
from streamr.web.router import Row
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

    def rows(self) -> list[Row]:
        """The pages for the table of main."""
        return [
            Row("/", self._front, reveals=True),
            Row("/status.json", self._data, reveals=True),
            Row("/status/events", self._events, reveals=True),
            *(
                Row(f"/{name}", Fixed(kind, "no-cache", partial(_file, name)))
                for name, kind in ASSETS.items()
            ),
        ]

    def _data(self, _visit: Visit) -> Page:
        return json_page(200, snapshot(self._sources))

    def _events(self, _visit: Visit) -> Feed:
        return self.live.feed()

    def _front(self, visit: Visit) -> Page:
        """HTML for browsers, text for everybody else."""
        shown = snapshot(self._sources)
        if "text/html" not in visit.header("accept"):
            return _page(text(shown, base_url(visit)), "text/plain;charset=utf-8")
        inside = visit.trusted and from_own_site(visit)
        settings = self._settings() if inside else None
        return _page(
            document(
                shown, settings, may_act=may_play(visit), base_url=base_url(visit)
            ),
            "text/html;charset=utf-8",
        )


def base_url(visit: Visit) -> str:
    """What an app takes for TMDB's base URL: the way by which this visitor came.

    Behind a proxy with TLS it is https, which only the visitor's browser knows: its
    script puts that right.
    """
    return f"http://{visit.header('host')}{visit.prefix}/3"


def _page(body: str, kind: str) -> Page:
    return Page(200, body.encode(), (("Content-Type", kind), *HEADERS))


def _file(name: str) -> bytes:
    return (files("streamr.web.status") / name).read_bytes()
