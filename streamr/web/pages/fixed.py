"""Pages that are made once: each with its entity tag, and in the coding asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from streamr.policy import representation
from streamr.web.access import Visit
from streamr.web.api import render
from streamr.web.page import Page


class Fixed:
    """A page that stays the same while the server runs; `make` is called once."""

    def __init__(
        self,
        content_type: str,
        cache_control: str,
        make: Callable[[], bytes],
        **more: str,
    ) -> None:
        """`more` are further header fields, with _ for -."""
        self._make = cache(make)
        self._etag = cache(lambda: representation.etag(self._make()))
        self._gzipped = cache(lambda: representation.gzipped(self._make()))
        named = {name.replace("_", "-"): value for name, value in more.items()}
        self._headers = tuple(
            {
                "Content-Type": content_type,
                "Cache-Control": cache_control,
                "Vary": "Accept-Encoding",
                **named,
            }.items()
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
