"""Which web origins may read the answers (the Fetch standard's CORS protocol). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from streamr.fields import names
from streamr.web.access import FORWARDED, is_loopback_origin

Headers = list[tuple[str, str]]

METHODS = "GET, HEAD, OPTIONS"
# What front ends of TMDB send; an Authorization of theirs is dropped here. Axios
# instances often carry the last three; without leave a browser sends nothing at all.
ALLOWED = (
    *("Accept", "Accept-Language", "Authorization", "Content-Type", "If-None-Match"),
    *(names.REQUEST_ID, "Cache-Control", "Pragma", "X-Requested-With"),
)
# Beyond those a page may send what it likes (its own tracing, its own key), for nothing
# here reads it, but for these: main's words to its proxy, a reverse proxy's words, and
# the refresh of a command, which costs TMDB a request.
WITHHELD = (
    *(names.FRESH, names.FAULT, names.SILENT, names.DEADLINE, names.CDN_LOOP),
    *(names.CF_RAY, *FORWARDED),
)
EXPOSED = (
    f"Age, {names.CACHE_STATUS}, ETag, {names.PROXY_STATUS}, Retry-After, "
    f"{names.SERVER_TIMING}, {names.DROPPED}, X-Proxy-Source, {names.REQUEST_ID}"
)
# Chromium's upper bound; it saves a preflight for each request.
PREFLIGHT_SECONDS = 7200
# A page has a handful of headers of its own.
MOST_ASKED = 100
# A header's name (RFC 9110, 5.1), but for the star, which would allow every other.
_NAME = re.compile(r"[A-Za-z0-9!#$%&'+.^_`|~-]{1,100}")
_LABEL = re.compile(r"[a-z0-9_-]+")


class Cors:
    """The allow-list. `*` answers every origin alike, without credentials.

    An entry may leave one label open, as https://*.vercel.app does. Anybody can have a
    name there, so those origins get no credentials either.
    """

    def __init__(
        self,
        origins: Iterable[str],
        allowed: tuple[str, ...] = ALLOWED,
        *,
        loopback: bool = False,
    ) -> None:
        """`allowed` lists the request headers that a page may send unasked; with
        `loopback` every page that the visitor's own machine serves may read, too."""
        self._origins = frozenset(origins)
        self._any = "*" in self._origins
        self._allowed = allowed
        self._loopback = loopback
        # granted already, or not at all
        self._settled = {name.lower() for name in (*allowed, *WITHHELD)}

    def for_demo(self, header: str) -> Cors:
        """The same for the demo: with one more request header that a page may send, and
        open to pages of loopback origins."""
        return Cors(self._origins, (*self._allowed, header), loopback=True)

    def headers(self, origin: str | None) -> Headers:
        """The headers of every answer, errors too.

        An origin that is not on the list gets none, and its browser keeps the answer
        from it. `Vary: Origin` stands only where the answer depends on the origin:
        beside `*` it would split every cache behind us.
        """
        if self._any:
            return [
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Expose-Headers", EXPOSED),
            ]
        if not self.vary:
            return []
        vary = self.vary
        if origin is None:
            return vary
        named = "*" not in origin and origin.lower() in self._origins
        if not (named or self._may_read(origin.lower())):
            return vary
        return [
            ("Access-Control-Allow-Origin", origin),
            *([("Access-Control-Allow-Credentials", "true")] if named else []),
            ("Access-Control-Expose-Headers", EXPOSED),
            *vary,
        ]

    @property
    def vary(self) -> Headers:
        """That answers depend on the origin, where they do."""
        depends = not self._any and bool(self._origins or self._loopback)
        return [("Vary", "Origin")] if depends else []

    def _may_read(self, origin: str) -> bool:
        """Whether one that is not named in full may read, without credentials."""
        return _with_a_star(origin) in self._origins or (
            self._loopback and is_loopback_origin(origin)
        )

    def preflight(self, origin: str | None, asked: str = "") -> Headers:
        """What an answer to OPTIONS has beside them; `asked` is its
        Access-Control-Request-Headers."""
        if not any(name.startswith("Access") for name, _ in self.headers(origin)):
            return []
        granted = (*self._allowed, *self._granted(asked))
        return [
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Allow-Headers", ", ".join(granted)),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
            ("Vary", "Access-Control-Request-Headers"),
        ]

    def _granted(self, asked: str) -> list[str]:
        """Those of the headers asked for that a page may send beyond the usual ones."""
        wanted = [name.strip() for name in asked.split(",")[:MOST_ASKED]]
        return [
            name
            for name in wanted
            if _NAME.fullmatch(name) and name.lower() not in self._settled
        ]


def _with_a_star(origin: str) -> str:
    """The entry that leaves an origin's first label open; "" when there can be none."""
    scheme, _, host = origin.partition("://")
    label, _, parent = host.partition(".")
    return f"{scheme}://*.{parent}" if _LABEL.fullmatch(label) and parent else ""
