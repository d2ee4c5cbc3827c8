"""Which web origins may read the answers (the Fetch standard's CORS protocol). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from streamr.fields import names
from streamr.web.access import is_loopback_origin

Headers = list[tuple[str, str]]

METHODS = "GET, HEAD, OPTIONS"
# What front ends of TMDB send; an Authorization of theirs is dropped here. Axios
# instances often carry the last three; without leave a browser sends nothing at all.
ALLOWED = (
    "Accept, Accept-Language, Authorization, Content-Type, If-None-Match, "
    f"{names.REQUEST_ID}, Cache-Control, Pragma, X-Requested-With"
)
EXPOSED = (
    f"Age, {names.CACHE_STATUS}, ETag, {names.PROXY_STATUS}, Retry-After, "
    f"{names.SERVER_TIMING}, X-Proxy-Source, {names.REQUEST_ID}"
)
# Chromium's upper bound; it saves a preflight for each request.
PREFLIGHT_SECONDS = 7200


class Cors:
    """The allow-list. `*` answers every origin alike, without credentials."""

    def __init__(
        self, origins: Sequence[str], allowed: str = ALLOWED, *, loopback: bool = False
    ) -> None:
        """`allowed` lists the request headers that a page may send; with `loopback`
        every page that the visitor's own machine serves may read, too."""
        self._any = "*" in origins
        self._origins = frozenset(origins)
        self._allowed = allowed
        self._loopback = loopback

    def for_demo(self, header: str) -> Cors:
        """The same for the demo: with one more request header that a page may send, and
        open to pages of loopback origins."""
        origins = ["*"] if self._any else [*self._origins]
        return Cors(origins, f"{self._allowed}, {header}", loopback=True)

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
        if not (self._origins or self._loopback):
            return []
        vary = [("Vary", "Origin")]
        if origin is None or not self._may_read(origin.lower()):
            return vary
        return [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", EXPOSED),
            *vary,
        ]

    def _may_read(self, origin: str) -> bool:
        return origin in self._origins or (
            self._loopback and is_loopback_origin(origin)
        )

    def preflight(self, origin: str | None) -> Headers:
        """What an answer to OPTIONS has beside them."""
        if not any(name.startswith("Access") for name, _ in self.headers(origin)):
            return []
        return [
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Allow-Headers", self._allowed),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
        ]
