"""`/metrics`: what Prometheus scrapes, for this machine or with the admin token."""

from __future__ import annotations

from collections.abc import Callable

from streamr.policy import representation
from streamr.web.access import Visit
from streamr.web.api.render import wants
from streamr.web.page import Page

PATH = "/metrics"

# Writes the metrics in the format of an Accept header; names their content type.
Expose = Callable[[str], tuple[bytes, str]]


def metrics_page(expose: Expose) -> Callable[[Visit], Page]:
    """The page, in the format and the coding that the scraper takes."""

    def page(visit: Visit) -> Page:
        body, content_type = expose(visit.header("accept"))
        headers = [
            ("Content-Type", content_type),
            ("Cache-Control", "no-store"),
            ("Vary", "Accept, Accept-Encoding"),
        ]
        if "gzip" in wants(visit.header("accept-encoding"), "").codings:
            body = representation.gzipped(body)
            headers.append(("Content-Encoding", "gzip"))
        return Page(200, body, tuple(headers))

    return page
